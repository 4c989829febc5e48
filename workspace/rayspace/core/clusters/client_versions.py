"""Decide whether a Ray Client of some versions can work with a cluster.

Measured with Ray 2.60: another Ray or another minor version of Python is refused after 9 s, through
a forwarded port after 35 s without a word of versions, and with Ray's check switched off the first
task crashes the client.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rayspace.core.images.choice import choose_image
from rayspace.errors import PhaseError, VersionMismatchError
from rayspace.model.cluster import ClusterPhase

if TYPE_CHECKING:
    from rayspace.model.cluster import ClusterState


def require_standing(cluster: ClusterState) -> None:
    """Refuse a cluster on Kubernetes that has no head to attach to.

    Parameters
    ----------
    cluster
        The cluster.

    Raises
    ------
    PhaseError
        If it is not ready.
    """
    if not cluster.namespace or cluster.phase is ClusterPhase.READY:
        return
    if cluster.phase is ClusterPhase.SUSPENDED:
        hint = f"Bring it back with: rayspace cluster resume {cluster.name}"
    else:
        hint = f"See why with: rayspace cluster why {cluster.name}"
    raise PhaseError(
        f"The cluster {cluster.name!r} is {cluster.phase.value}. {cluster.reason}".rstrip(),
        hint=hint,
        details={"name": cluster.name, "phase": cluster.phase.value},
    )


def check_versions(
    cluster: ClusterState, cluster_ray: str, ray_version: str, python_version: str
) -> None:
    """Refuse versions that can't work together.

    Parameters
    ----------
    cluster
        The cluster.
    cluster_ray
        Ray's version as its head tells it.
    ray_version, python_version
        Versions of the client; no Ray is an empty text.

    Raises
    ------
    VersionMismatchError
        If the Rays, or the minor versions of Python, differ.
    """
    is_same_ray = ray_version == cluster_ray
    ours, theirs = (text.split(".")[:2] for text in (python_version, cluster.python_version))
    is_same_python = not cluster.python_version or ours == theirs
    if is_same_ray and is_same_python:
        return
    here = f"Ray {ray_version}" if ray_version else "no Ray"
    there = f"Ray {cluster_ray}"
    if not is_same_python:
        here, there = (
            f"{here} on Python {python_version}",
            f"{there} on Python {cluster.python_version}",
        )
    raise VersionMismatchError(
        f"Here is {here}, the cluster {cluster.name!r} has {there}.",
        hint=_way_out(cluster, cluster_ray, ray_version, python_version, is_same_python),
        details={
            "ray_version": ray_version,
            "cluster_ray_version": cluster_ray,
            "python_version": python_version,
            "cluster_python_version": cluster.python_version,
        },
    )


def _way_out(
    cluster: ClusterState,
    cluster_ray: str,
    ray_version: str,
    python_version: str,
    is_same_python: bool,
) -> str:
    install = f"Install the same here: pip install 'ray[client]=={cluster_ray}'"
    if not cluster.namespace:
        if is_same_python:
            return install
        return "Use the same minor version on both sides; submit works across versions."
    has_gpu = any(r.gpus for r in (cluster.spec.head, cluster.spec.worker))
    image = choose_image("", "", ray_version or cluster_ray, python_version, has_gpu=has_gpu).image
    start = f"tart one that fits: rayspace cluster up --name NAME --image {image}"
    if is_same_python:
        return f"{install}, or s{start}"
    return f"S{start}; submit works across versions."
