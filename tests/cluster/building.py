"""Build all that the tests need for a Kubernetes: cold it takes longer than many of them.

Compilers keep both cores busy, images wait for packages and disks: they are made side by side.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from tests.cluster import front, operators
from tests.cluster.binaries import COREDNS, KUBERAY, KUBERNETES, KUEUE, build
from tests.cluster.derived_images import derived_archives
from tests.cluster.requirements import require_machine


def build_all() -> None:
    """Build what is missing; the first that fails is told when the others have ended.

    Raises
    ------
    ClusterToolError
        If the machine can't run a cluster, or something can't be built.
    """
    require_machine()
    with ThreadPoolExecutor() as pool:
        for ended in [pool.submit(_programs), pool.submit(_images)]:
            ended.result()
    front.prepare()


def _programs() -> None:
    for module in (KUBERNETES, KUBERAY, COREDNS, KUEUE):
        build(module)
    operators.prepare()


def _images() -> None:
    """Ray's images and those on top of them, which need no program that is built here."""
    derived_archives()
