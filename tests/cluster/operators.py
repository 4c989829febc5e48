"""Other releases of KubeRay in place of the cluster's own, for as long as a test needs them.

Their descriptions of objects replace the present ones; an operator runs beside the cluster, as
KubeRay's own developers run it, so that neither an image nor another cluster is needed.
"""

from __future__ import annotations

import contextlib
import subprocess
import time
from typing import TYPE_CHECKING

from tests.cluster.binaries import KUBERAY, OLDER_KUBERAY, build, config

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.cluster.client import Cluster

#: The newest that the product does not take.
TOO_OLD = "v1.4.2"
_CRDS = ("rayclusters.ray.io", "rayjobs.ray.io", "rayservices.ray.io")
#: Leads: there is nobody else. Listens nowhere: two may run on one machine.
_FLAGS = (
    "-enable-leader-election=false",
    "-metrics-addr=0",
    "-health-probe-bind-address=0",
    "-use-kubernetes-proxy",
)
_END_S = 10.0


def prepare() -> None:
    """Build what is missing, once for all time, so that no test waits for it."""
    build(OLDER_KUBERAY)
    config(KUBERAY.config_of, TOO_OLD)


@contextlib.contextmanager
def oldest_taken(cluster: Cluster) -> Iterator[None]:
    """Let the oldest KubeRay that the product takes do the work."""
    older = build(OLDER_KUBERAY)
    program = str(older / "bin" / "ray-operator")
    with (
        _described_by(cluster, older / "config"),
        (cluster.layout.log_dir / "older-operator.log").open("ab") as log,
        subprocess.Popen(
            [program, f"-kubeconfig={cluster.kubeconfig()}", *_FLAGS], stdout=log, stderr=log
        ) as operator,
    ):
        try:
            yield
            assert operator.poll() is None, f"it ended with {operator.returncode}"
        finally:
            operator.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                operator.wait(_END_S)
            operator.kill()


@contextlib.contextmanager
def too_old(cluster: Cluster) -> Iterator[None]:
    """Let objects be described as a KubeRay does that is too old; nobody acts on them."""
    with _described_by(cluster, config(KUBERAY.config_of, TOO_OLD)):
        yield


@contextlib.contextmanager
def _described_by(cluster: Cluster, folder: Path) -> Iterator[None]:
    with cluster.without_operator():
        try:
            _describe(cluster, folder)
            yield
        finally:
            _describe(cluster, build(KUBERAY) / "config")


def _describe(cluster: Cluster, folder: Path) -> None:
    """Apply descriptions of objects, and wait until the API server tells them to people too."""
    apply = ("apply", "--server-side", "--force-conflicts", "-k", str(folder / "crd"))
    before = _described(cluster)
    cluster.kubectl(*apply)
    for name in _CRDS:
        cluster.kubectl("wait", "--for=condition=Established", f"crd/{name}", "--timeout=30s")
    deadline_s = time.monotonic() + 60
    while _described(cluster) == before:
        assert time.monotonic() < deadline_s, "the API server tells of no other RayCluster"
        time.sleep(0.2)


def _described(cluster: Cluster) -> str:
    return cluster.kubectl("get", "--raw", "/openapi/v3/apis/ray.io/v1")
