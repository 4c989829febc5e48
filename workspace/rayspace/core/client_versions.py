"""Decide whether a Ray Client of some versions can work with a cluster.

Measured with Ray 2.60: another Ray or another minor version of Python is refused after 9 s, and
with Ray's check switched off the first task crashes the client.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rayspace.errors import VersionMismatchError

if TYPE_CHECKING:
    from rayspace.model.cluster import ClusterState


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
    if ray_version != cluster_ray:
        raise VersionMismatchError(
            f"This Python has {f'Ray {ray_version}' if ray_version else 'no Ray'}, "
            f"the cluster {cluster.name!r} has Ray {cluster_ray}.",
            hint=f"Install the same here: pip install 'ray[client]=={cluster_ray}'",
            details={"ray_version": ray_version, "cluster_ray_version": cluster_ray},
        )
    ours, theirs = (text.split(".")[:2] for text in (python_version, cluster.python_version))
    if cluster.python_version and ours != theirs:
        raise VersionMismatchError(
            f"This is Python {python_version}, the cluster {cluster.name!r} runs "
            f"Python {cluster.python_version}.",
            hint="Use the same minor version on both sides; submit works across versions.",
            details={
                "python_version": python_version,
                "cluster_python_version": cluster.python_version,
            },
        )
