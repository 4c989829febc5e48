"""Time from asking for a cluster to the end of the first task on it: by rayspace, and by hand.

By hand is what KubeRay's documents show: a sample manifest, kubectl, a forwarded port and the
Jobs API; with KubeRay's own probes, and with probes each second. It prints medians and ratios and
asserts nothing: ``python -m tests.bench.bench_up [rounds]``, with a cluster of the tests that runs.
"""

from __future__ import annotations

import base64
import json
import re
import secrets
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rayspace.loop import run
from rayspace.model.job import LivePhase
from tests.cluster import front
from tests.cluster.conftest import made_namespace
from tests.cluster.images import RAY
from tests.cluster.samples import raycluster
from tests.cluster.test_product import Person

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.cluster.conftest import Namespace

_CODE = "import ray; ray.init(); ray.get(ray.remote(lambda: 42).remote())"
_ENTRYPOINT = f'python -c "{_CODE}"'
_PAUSE_S = 0.2
#: What the samples of the tests ask for, and a watcher as all profiles of ours have it.
_PROFILE = f"""\
description: A head and a worker.
image: {RAY}
head: {{cpus: 1, memory: 3GiB}}
workers: 1
cpus: 1
memory: 3GiB
idle: 1h
rayCluster:
  spec:
    headGroupSpec:
      template:
        spec:
          containers:
            - name: ray-head
              resources: {{requests: {{cpu: 100m, memory: 600Mi}}}}
    workerGroupSpecs:
      - groupName: workers
        template:
          spec:
            containers:
              - name: ray-worker
                resources: {{requests: {{cpu: 100m, memory: 600Mi}}}}
"""


def _until(is_so: Callable[[], bool]) -> None:
    while not is_so():
        time.sleep(_PAUSE_S)


def _without_probes(manifest: dict[str, Any]) -> dict[str, Any]:
    """Return a sample as KubeRay's documents have it, which leave probes to KubeRay."""
    spec = manifest["spec"]
    for group in (spec["headGroupSpec"], *spec["workerGroupSpecs"]):
        for container in group["template"]["spec"]["containers"]:
            container.pop("readinessProbe", None)
            container.pop("livenessProbe", None)
    return manifest


def by_hand(namespace: Namespace, *, has_probes: bool) -> float:
    """Return the time with kubectl and the Jobs API. [s]"""
    name = f"raw-{secrets.token_hex(2)}"
    manifest = raycluster(name)
    document = manifest if has_probes else _without_probes(manifest)
    began_s = time.monotonic()
    namespace.kubectl("apply", "-f", "-", stdin=json.dumps(document))
    wait = ("wait", "raycluster", name, "--timeout=200s")
    namespace.kubectl(*wait, "--for=condition=RayClusterProvisioned")
    token = base64.b64decode(namespace.read("secrets", name)["data"]["auth_token"]).decode()
    words = ("port-forward", f"svc/{name}-head-svc", ":8265")
    command = namespace.cluster.command(*words, user="scientist", namespace=namespace.name)
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as forward:
        assert forward.stdout is not None
        found = re.search(r"127\.0\.0\.1:(\d+)", forward.stdout.readline())
        assert found is not None
        url = f"http://127.0.0.1:{found[1]}/api/jobs/"

        def ask(path: str, body: dict[str, Any] | None = None) -> Any:
            request = urllib.request.Request(
                url + path,
                data=json.dumps(body).encode() if body else None,
                headers={"X-Ray-Authorization": f"Bearer {token}"},
            )
            with urllib.request.urlopen(request) as answer:
                return json.load(answer)

        job = ask("", {"entrypoint": _ENTRYPOINT})["submission_id"]
        _until(lambda: ask(job)["status"] == "SUCCEEDED")
        elapsed_s = time.monotonic() - began_s
        forward.terminate()
    namespace.kubectl("delete", "raycluster", name)
    _until(lambda: not namespace.items("pods", selector=f"ray.io/cluster={name}"))
    return elapsed_s


def by_rayspace(person: Person, ready: str) -> tuple[float, int]:
    """Return the time with rayspace [s], and how often the API server was asked meanwhile. [1]"""
    name = f"up-{secrets.token_hex(2)}"
    client = person.app.kube_client(person.target)
    before = client.n_requests
    began_s = time.monotonic()
    state = person.up(name, profile="bench", ready=ready)
    n_requests = client.n_requests - before
    head = person.app.head
    submitting = head.submit(
        state.address, submission_id=name, entrypoint=_ENTRYPOINT, env={}, metadata={}
    )
    run(submitting)
    _until(lambda: run(head.job(state.address, name)).phase is LivePhase.SUCCEEDED)
    elapsed_s = time.monotonic() - began_s
    run(person.clusters.down(name))
    _until(lambda: not person.namespace.items("pods", selector=f"ray.io/cluster={name}"))
    return elapsed_s, n_requests


def main() -> int:
    """Measure in turns, so that all see the same machine."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    cluster = front.find()
    times: dict[str, list[float]] = {}
    asked: list[int] = []
    with (
        tempfile.TemporaryDirectory() as directory,
        made_namespace(cluster, "bench-up") as namespace,
    ):
        person = Person(cluster, namespace, Path(directory))
        profiles = person.app.project / ".rayspace" / "profiles"
        (profiles / "bench.yaml").write_text(_PROFILE)
        for _ in range(rounds):
            times.setdefault("by hand", []).append(by_hand(namespace, has_probes=False))
            times.setdefault("by hand, 1 s probes", []).append(by_hand(namespace, has_probes=True))
            for ready in ("head", "all"):
                elapsed_s, n_requests = by_rayspace(person, ready)
                times.setdefault(f"rayspace --ready {ready}", []).append(elapsed_s)
                asked.append(n_requests)
    medians = {name: statistics.median(values) for name, values in times.items()}
    for name, value in medians.items():
        sys.stdout.write(f"{name:24} {value:6.1f} s\n")
    head = medians["rayspace --ready head"] / medians["by hand"]
    whole = medians["rayspace --ready all"] / medians["by hand, 1 s probes"]
    sys.stdout.write(
        f"ready head against by hand {head:.2f}, ready all against 1 s probes {whole:.2f};"
        f" requests while waiting, the most: {max(asked)}\n"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
