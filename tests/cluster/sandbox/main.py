"""Start a whole cluster inside its namespaces, then take orders until killed.

Called by the keeper with the folder of the cluster. What is to be started stands in ``plan.json``.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import sys
import time
from pathlib import Path
from typing import Any

from tests.cluster.errors import ClusterToolError
from tests.cluster.sandbox import cgroups
from tests.cluster.sandbox.control_plane import ControlPlane
from tests.cluster.sandbox.layout import API_IP, Layout
from tests.cluster.sandbox.node import Node, NodePlan, plan_text
from tests.cluster.sandbox.supervisor import Supervisor, run, succeeds

USERS = ("scientist", "viewer", "outsider")
_NODE_B_RANGE = "10.78.1.0/24"
#: Killed processes leave their groups within a moment; the kernel may be busy. [s]
_KILLED_S = 30.0
#: The rights of the administrator's group, which kubeadm would bind.
_ADMINS = ("create", "clusterrolebinding", "kubeadm-admins", "--clusterrole=cluster-admin",
           "--group=kubeadm:cluster-admins")  # fmt: skip


class Sandbox:
    """Everything inside.

    Parameters
    ----------
    layout
        Where everything lies.
    plan
        What the keeper wrote: ``server``, ``cgroup``, ``images_dir``, ``pause_image``,
        ``coredns`` and ``operator``, which are folders to apply.
    """

    def __init__(self, layout: Layout, plan: dict[str, Any]) -> None:
        self._layout = layout
        self._plan = plan
        self._supervisor = Supervisor(layout.log_dir)
        self._control = ControlPlane(layout, self._supervisor)
        self._times_s: dict[str, float] = {}
        self._began_s = time.monotonic()

    def start(self) -> None:
        """Start everything; `ClusterToolError` if something does not come up."""
        self._network()
        node = Node(self._node_plan("node-a", API_IP, "10.78.0.0/24"), self._supervisor)
        self._control.start_etcd()
        self._control.make_certificates()
        self._note("certificates")
        node.prepare()
        node.start_containerd()
        self._note("images")
        self._control.start_api_server()
        self._control.kubectl(*_ADMINS)
        self._control.start_controllers()
        self._note("API server")
        node.start_kubelet()
        self._control.start_bridge()
        self._control.make_admin(self._plan["server"])
        for user in USERS:
            self._control.make_user(user, self._plan["server"])
        self._control.kubectl("apply", "--server-side", "-f", self._plan["coredns"])
        self._control.kubectl("apply", "--server-side", "-k", self._plan["operator"])
        self._note("manifests")
        self._wait_for("node-a is Ready", "wait", "--for=condition=Ready", "node/node-a")
        self._note("node")
        rollout = ("rollout", "status", "--timeout=5s")
        self._wait_for("DNS is Ready", "-n", "kube-system", *rollout, "deployment/coredns")
        self._note("DNS")
        operator = ("-n", "kuberay-system", *rollout, "deployment/kuberay-operator")
        self._wait_for("the operator is Ready", *operator)
        self._note("operator")

    def serve(self) -> None:
        """Take orders, one at a time: a line of JSON in, a line of JSON out."""
        path = self._layout.control_socket
        path.unlink(missing_ok=True)
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as server:
            server.bind(str(path))
            path.chmod(0o600)
            server.listen()
            self._layout.ready_path.write_text(json.dumps(self._times_s))
            while True:
                connection, _ = server.accept()
                with connection, connection.makefile("rw") as stream:
                    stream.write(json.dumps(self._answer(stream.readline())) + "\n")

    def _answer(self, line: str) -> dict[str, Any]:
        try:
            order = json.loads(line)
            return {"value": getattr(self, f"do_{order['do']}")(*order.get("with", []))}
        except Exception as exc:  # noqa: BLE001  whoever ordered it is told; the cluster goes on
            return {"error": f"{type(exc).__name__}: {exc}"}

    def do_start(self, name: str) -> None:
        """Start a process that was stopped."""
        if name == "kube-apiserver":
            self._supervisor.start(name)
            self._supervisor.wait("the API server is ready", self._control.is_ready, 60)
        elif name == "bridge":
            self._control.start_bridge()
        else:
            self._supervisor.start(name)

    def do_stop(self, name: str) -> None:
        """Kill a process and its family."""
        self._supervisor.stop(name)

    def do_ended(self) -> dict[str, int]:
        """Return the exit codes of what ended by itself. [1]"""
        return self._supervisor.ended()

    def do_user(self, name: str) -> None:
        """Make a person who has no rights yet."""
        self._control.make_user(name, self._plan["server"])

    def do_add_node(self) -> None:
        """Start a second node with network, mounts and processes of its own."""
        self._control.make_node_kubeconfig("node-b")
        self.do_boot_node()

    def do_boot_node(self) -> None:
        """Start the processes of the second node, the first time or after it was lost."""
        self._unlink()
        plan = self._node_plan("node-b", "10.76.0.2", _NODE_B_RANGE, link="nb1")
        pid = self._supervisor.start(
            "node-b",
            [
                *("unshare", "--net", "--mount", "--pid", "--fork", "--mount-proc"),
                *("--kill-child", "--propagation", "private", "tini", "--"),
                *(sys.executable, "-m", "tests.cluster.sandbox.node", plan_text(plan)),
            ],
        )
        self._supervisor.wait("node-b has namespaces", lambda: bool(_children(pid)), 10)
        run("ip", "link", "add", "nb0", "type", "veth", "peer", "name", "nb1")
        run("ip", "link", "set", "nb1", "netns", str(_children(pid)[0]))
        run("ip", "address", "add", "10.76.0.1/30", "dev", "nb0")
        self.do_link("up")

    def do_remove_node(self) -> None:
        """End the second node."""
        self._supervisor.stop("node-b")
        # What ends with it still writes for a moment, and its files are about to go.
        group = f"{self._plan['cgroup']}/node-b"
        self._supervisor.wait(
            "what ran on node-b has ended", lambda: not cgroups.processes(group), _KILLED_S
        )
        self._unlink()
        shutil.rmtree(self._layout.node_dir("node-b"))

    def _unlink(self) -> None:
        """Remove our end of the link, unless the kernel does so at this moment, as after a kill."""
        succeeds("ip", "link", "delete", "nb0")
        if succeeds("ip", "link", "show", "nb0"):
            run("ip", "link", "delete", "nb0")

    def do_link(self, state: str) -> None:
        """Take the second node's link up or down."""
        run("ip", "link", "set", "nb0", state)
        if state == "up":
            run("ip", "route", "replace", _NODE_B_RANGE, "via", "10.76.0.2")

    def _network(self) -> None:
        """Give the first node an address; both ends of its link lead nowhere."""
        run("ip", "link", "set", "lo", "up")
        run("ip", "link", "add", "node0", "type", "veth", "peer", "name", "node0p")
        run("ip", "link", "set", "node0p", "up")
        run("ip", "address", "add", f"{API_IP}/24", "dev", "node0")
        run("ip", "link", "set", "node0", "up")
        run("ip", "route", "add", "default", "via", "10.77.0.254", "dev", "node0")
        run("sysctl", "-qw", "net.ipv4.ip_forward=1", "net.ipv4.conf.all.route_localnet=1")

    def _node_plan(self, name: str, ip: str, pod_range: str, link: str = "") -> NodePlan:
        return NodePlan(
            name=name,
            ip=ip,
            pod_range=pod_range,
            cgroup=f"{self._plan['cgroup']}/{name}",
            run_dir=str(self._layout.run_dir),
            images_dir=self._plan["images_dir"],
            pause_image=self._plan["pause_image"],
            link=link,
            gateway="10.76.0.1" if link else "",
        )

    def _wait_for(self, what: str, *words: str) -> None:
        def is_so() -> bool:
            try:
                self._control.kubectl(*words)
            except ClusterToolError:
                return False
            return True

        self._supervisor.wait(what, is_so, 120)

    def _note(self, stage: str) -> None:
        self._times_s[stage] = round(time.monotonic() - self._began_s, 1)


def _children(pid: int) -> list[int]:
    text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return [int(word) for word in text.split()]


def main() -> None:
    """Start, and serve until killed."""
    layout = Layout(Path(sys.argv[1]))
    os.umask(0o022)
    sandbox = Sandbox(layout, json.loads(layout.plan_path.read_text()))
    try:
        sandbox.start()
    except ClusterToolError as exc:
        layout.failure_path.write_text(json.dumps({"message": exc.message, "hint": exc.hint}))
        raise
    sandbox.serve()


if __name__ == "__main__":
    main()
