"""Time MLflow's ``log_batch`` by kubectl's port-forward and by the relay of a namespace's server.

It prints medians and ratios and asserts nothing: ``python tests/bench/bench_tracking.py [rounds]``.
The ways take turns; the server and its database are the same for all.
"""

from __future__ import annotations

import os
import re
import secrets
import statistics
import subprocess
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import yaml

from rayspace.gateways.kube.client import KubeClient
from rayspace.gateways.kube.tracking import KubeTracking
from rayspace.gateways.kube.tracking_way import ForwardedWay
from rayspace.gateways.relay.guard import RelayGuard
from rayspace.gateways.relay.port import TrackingRelay
from rayspace.loop import run
from rayspace.model.target import Target

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.cluster.client import Cluster

_ROUNDS = 3
_N_CALLS, _N_METRICS = 100, 12
_NAME = "rayspace-mlflow"


@contextmanager
def _mlflow(cluster: Cluster) -> Iterator[str]:
    """Bring MLflow into a namespace, with a volume that ends with its pod; yield the namespace."""
    from tests.cluster.derived_images import MLFLOW
    from tests.cluster.store import ROOT

    folder = ROOT / "templates" / "kubernetes"
    kept = []
    for item in yaml.safe_load_all((folder / "mlflow.yaml").read_text()):
        if item["kind"] == "Deployment":
            pod = item["spec"]["template"]["spec"]
            pod["containers"][0]["image"] = MLFLOW
            pod["volumes"][0] = {"name": "data", "emptyDir": {}}
        if item["kind"] != "PersistentVolumeClaim":
            kept.append(item)
    namespace = f"bench-{secrets.token_hex(3)}"
    cluster.kubectl("create", "namespace", namespace)
    cluster.kubectl("apply", "-f", str(folder / "rbac.yaml"), namespace=namespace)
    bind = ("create", "rolebinding", "scientist", "--role=rayspace-user", "--user=scientist")
    cluster.kubectl(*bind, namespace=namespace)
    cluster.kubectl("apply", "-f", "-", namespace=namespace, stdin=yaml.safe_dump_all(kept))
    wait = ("rollout", "status", f"deployment/{_NAME}", "--timeout=180s")
    cluster.kubectl(*wait, namespace=namespace)
    try:
        yield namespace
    finally:
        cluster.kubectl("delete", "namespace", namespace, "--wait=false")


@contextmanager
def _kubectl(cluster: Cluster, namespace: str) -> Iterator[int]:
    words = cluster.command(
        "port-forward", f"service/{_NAME}", ":5000", user="scientist", namespace=namespace
    )
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
        try:
            found = re.search(r":(\d+) ->", process.stdout.readline())
            yield int(found[1])
        finally:
            process.terminate()


def calls_s(uri: str) -> list[float]:
    """Log to a run of its own, and return how long each call took. [s]"""
    from mlflow import MlflowClient
    from mlflow.entities import Metric

    client = MlflowClient(uri)
    run_id = client.create_run("0").info.run_id
    taken = []
    for step in range(_N_CALLS):
        metrics = [Metric(f"m{number}", step, 0, step) for number in range(_N_METRICS)]
        began_s = time.perf_counter()
        client.log_batch(run_id, metrics=metrics)
        taken.append(time.perf_counter() - began_s)
    return taken


def compare(cluster: Cluster, rounds: int) -> dict[str, list[float]]:
    """Return how long all calls took by each way, round by round. [s]"""
    config = str(cluster.kubeconfig("scientist"))
    context = yaml.safe_load(cluster.kubeconfig("scientist").read_text())["current-context"]
    with _mlflow(cluster) as namespace, _kubectl(cluster, namespace) as port:
        client = KubeClient(Target("bench", context, namespace), {"KUBECONFIG": config})
        tracking = KubeTracking(client, {})
        forwarded = TrackingRelay(ForwardedWay(client), RelayGuard())
        run(forwarded.start())
        ways = {
            "kubectl port-forward": f"http://127.0.0.1:{port}",
            "relay by proxy": run(tracking.find()).client_uri,
            "relay by forward": f"http://x:{forwarded.guard.token}@127.0.0.1:{forwarded.port}",
        }
        for uri in ways.values():  # Warm up.
            calls_s(uri)
        found: dict[str, list[float]] = {name: [] for name in ways}
        for _ in range(rounds):
            for name, uri in ways.items():
                found[name].append(sum(calls_s(uri)))
        run(forwarded.close())
        run(tracking.close())
    return found


def main() -> None:
    """Run all, and print a table."""
    from tests.cluster import front

    os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else _ROUNDS
    found = compare(front.up(is_mine=not front.is_running()), rounds)
    base_s = statistics.median(found["kubectl port-forward"])
    print(f"{_N_CALLS} calls of {_N_METRICS} metrics, medians of {rounds}")
    for name, taken in found.items():
        taken_s = statistics.median(taken)
        print(
            f"{name:22}{taken_s:7.2f} s{1e3 * taken_s / _N_CALLS:8.1f} ms{taken_s / base_s:7.2f}x"
        )


if __name__ == "__main__":
    main()
