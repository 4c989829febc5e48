"""Time the test cluster: what later figures on Kubernetes are compared with.

It prints medians and asserts nothing: ``python tests/bench/bench_cluster.py [rounds]``. It starts a
cluster of its own beside one that runs, and ends it.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from typing import TYPE_CHECKING, Any

import psutil

from tests.cluster import front
from tests.cluster.samples import raycluster, rayjob
from tests.cluster.store import build_times_s

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.cluster.client import Cluster

_ROUNDS = 3
_NAME = "bench"
_CODE = "import ray; ray.init(); ray.get(ray.remote(lambda: 42).remote())"


def _condition(cluster: Cluster, kind: str) -> bool:
    thing = cluster.read("rayclusters", "bench")
    conditions = thing.get("status", {}).get("conditions", [])
    return any(c["type"] == kind and c["status"] == "True" for c in conditions)


def _until(is_so: Callable[[], bool], began_s: float) -> float:
    while not is_so():
        time.sleep(0.1)
    return time.monotonic() - began_s


def _apply(cluster: Cluster, document: dict[str, Any]) -> float:
    cluster.kubectl("apply", "-f", "-", stdin=json.dumps(document))
    return time.monotonic()


def one_cluster(cluster: Cluster) -> tuple[float, float]:
    """Return when a head and its worker were ready after they were asked for. [s]"""
    began_s = _apply(cluster, raycluster("bench"))
    head_s = _until(lambda: _condition(cluster, "HeadPodReady"), began_s)
    all_s = _until(lambda: _condition(cluster, "RayClusterProvisioned"), began_s)
    cluster.kubectl("delete", "raycluster", "bench")
    cluster.kubectl("wait", "--for=delete", "pods", "-l", "ray.io/cluster=bench", "--timeout=90s")
    return head_s, all_s


def one_job(cluster: Cluster) -> float:
    """Return when a trivial job had succeeded after it was asked for. [s]"""
    began_s = _apply(cluster, rayjob("bench", f'python -c "{_CODE}"'))

    def is_done() -> bool:
        status = cluster.read("rayjobs", "bench").get("status", {})
        return status.get("jobStatus") == "SUCCEEDED"

    elapsed_s = _until(is_done, began_s)
    cluster.kubectl("delete", "rayjob", "bench")
    return elapsed_s


def _used_bytes() -> int:
    memory = psutil.virtual_memory()
    return int(memory.total - memory.available)


def main() -> None:
    """Run all, and print a table."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else _ROUNDS
    front.prepare()
    built = build_times_s()
    print(f"{'cold build, all parts':32}{sum(built.values()):8.0f} s")
    for name, elapsed_s in built.items():
        print(f"  {name.rpartition('-')[0]:30}{elapsed_s:8.0f} s")
    before_bytes, starts = _used_bytes(), []
    for _ in range(rounds):
        front.down(_NAME)
        began_s = time.monotonic()
        cluster = front.up(_NAME, is_mine=True)
        starts.append(time.monotonic() - began_s)
    print(f"{'warm start to operator Ready':32}{statistics.median(starts):8.1f} s")
    print(f"{'memory, idle':32}{(_used_bytes() - before_bytes) / 2**20:8.0f} MiB")
    pairs = [one_cluster(cluster) for _ in range(rounds)]
    print(f"{'RayCluster to HeadPodReady':32}{statistics.median(p[0] for p in pairs):8.1f} s")
    print(f"{'RayCluster to Provisioned':32}{statistics.median(p[1] for p in pairs):8.1f} s")
    jobs = [one_job(cluster) for _ in range(rounds)]
    print(f"{'RayJob to SUCCEEDED':32}{statistics.median(jobs):8.1f} s")
    front.down(_NAME)


if __name__ == "__main__":
    main()
