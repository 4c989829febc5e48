"""The running cluster, as tests use it from outside."""

from __future__ import annotations

import json
import socket
import subprocess
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from tests.cluster.errors import ClusterToolError
from tests.cluster.reading import Reader

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.cluster.sandbox.layout import Layout


class Cluster:
    """One running cluster.

    Parameters
    ----------
    layout
        Where everything lies.
    """

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        plan = json.loads(layout.plan_path.read_text())
        self.server: str = plan["server"]
        self._bin_dir: str = plan["bin_dir"]
        self._readers: dict[str, Reader] = {}

    def kubeconfig(self, user: str = "admin") -> Path:
        """Return the kubeconfig of a user: admin, scientist, viewer or outsider."""
        return self.layout.user_dir / f"{user}.yaml"

    def command(self, *words: str, user: str = "admin", namespace: str = "") -> list[str]:
        """Return the words that run kubectl as a user."""
        where = ["-n", namespace] if namespace else []
        program = f"{self._bin_dir}/kubectl"
        return [program, "--kubeconfig", str(self.kubeconfig(user)), *where, *words]

    def try_kubectl(
        self, *words: str, user: str = "admin", namespace: str = "", stdin: str | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run kubectl, whatever comes of it."""
        return subprocess.run(
            self.command(*words, user=user, namespace=namespace),
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )

    def kubectl(
        self, *words: str, user: str = "admin", namespace: str = "", stdin: str | None = None
    ) -> str:
        """Run kubectl and return what it printed; AssertionError with its words if it fails."""
        done = self.try_kubectl(*words, user=user, namespace=namespace, stdin=stdin)
        assert done.returncode == 0, f"kubectl {' '.join(words)}: {done.stderr}{done.stdout}"
        return done.stdout

    def until_kubectl(self, *words: str, namespace: str = "", stdin: str | None = None) -> str:
        """Run kubectl until it succeeds, as the administrator: a webhook may still be starting."""
        deadline_s = time.monotonic() + 280
        while (done := self.try_kubectl(*words, namespace=namespace, stdin=stdin)).returncode:
            assert time.monotonic() < deadline_s, done.stderr
            time.sleep(0.5)
        return done.stdout

    def read(
        self,
        kind: str,
        name: str = "",
        *,
        user: str = "admin",
        namespace: str = "",
        selector: str = "",
    ) -> Any:
        """Return an object, or a list of those that labels select: see `Reader`."""
        if user not in self._readers:
            self._readers[user] = Reader(self.kubeconfig(user))
        return self._readers[user].read(kind, name, namespace=namespace, selector=selector)

    def order(self, verb: str, *values: str) -> Any:
        """Let the inside do something: see ``do_…`` of the sandbox.

        Raises
        ------
        ClusterToolError
            If it can't.
        """
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(120)
            connection.connect(str(self.layout.control_socket))
            with connection.makefile("rw") as stream:
                stream.write(json.dumps({"do": verb, "with": values}) + "\n")
                stream.flush()
                answer = json.loads(stream.readline())
        if "error" in answer:
            raise ClusterToolError(answer["error"], hint="python -m tests.cluster logs")
        return answer["value"]

    @contextmanager
    def gpus(self, node: str, count: int, product: str = "") -> Iterator[None]:
        """Let a node say that it has GPUs, which nobody looks for."""
        resource = "nvidia.com~1gpu"
        words = ("patch", "node", node, "--subresource=status", "--type=json", "-p")
        places = [f"/status/{kind}/{resource}" for kind in ("capacity", "allocatable")]
        add = [{"op": "add", "path": path, "value": str(count)} for path in places]
        self.kubectl(*words, json.dumps(add))
        if product:
            self.kubectl("label", "node", node, f"nvidia.com/gpu.product={product}")
        try:
            yield
        finally:
            # The kubelet brings the allocatable ones back until the capacity is gone.
            self.kubectl(*words, json.dumps([{"op": "remove", "path": path} for path in places]))
            if product:
                self.kubectl("label", "node", node, "nvidia.com/gpu.product-")

    @contextmanager
    def taint(self, node: str, taint: str) -> Iterator[None]:
        """Keep pods away from a node that do not tolerate it."""
        self.kubectl("taint", "node", node, taint)
        try:
            yield
        finally:
            self.kubectl("taint", "node", node, f"{taint}-")

    @contextmanager
    def without_operator(self) -> Iterator[None]:
        """Stop KubeRay's operator, and start it again."""
        operator = ("-n", "kuberay-system", "scale", "deployment/kuberay-operator")
        wait = ("-n", "kuberay-system", "wait", "--timeout=280s")
        self.kubectl(*operator, "--replicas=0")
        pods = "pods", "-l", "app.kubernetes.io/component=kuberay-operator"
        self.kubectl(*wait, "--for=delete", *pods)
        # Or the next would wait for it to run out.
        self.kubectl("-n", "kuberay-system", "delete", "lease", "ray-operator-leader")
        try:
            yield
        finally:
            self.kubectl(*operator, "--replicas=1")
            self.kubectl(*wait, "--for=condition=Available", "deployment/kuberay-operator")

    def is_well(self) -> bool:
        """Whether it answers, nothing of it has ended, and its node and operator are Ready."""
        try:
            if self.order("ended"):
                return False
        except (OSError, ClusterToolError, ValueError):
            return False
        checks = (
            ("get", "--raw", "/readyz"),
            ("wait", "--for=condition=Ready", "node/node-a", "--timeout=60s"),
            ("-n", "kuberay-system", "wait", "--for=condition=Available", "--timeout=60s",
             "deployment/kuberay-operator"),
        )  # fmt: skip
        return all(self.try_kubectl(*words).returncode == 0 for words in checks)
