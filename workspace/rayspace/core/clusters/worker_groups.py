"""Whom a wish for workers means: the workers of one group, or the head where there are none.

A wish names no group. Where a cluster has several, nothing is guessed: a GPU for the wrong kind of
workers costs money before anybody sees it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from rayspace.errors import UsageError
from rayspace.units import parse_bytes

if TYPE_CHECKING:
    from rayspace.core.clusters.wishes import Wishes
    from rayspace.model.cluster import ClusterSpec
    from rayspace.model.profile import NodeResources


def counted(wishes: Wishes, n_workers: int, max_workers: int | None) -> tuple[int, int | None]:
    """Return how many workers there shall be, and by need how many at most.

    Parameters
    ----------
    wishes
        What was asked.
    n_workers, max_workers
        What holds where nothing was. [1]
    """
    if wishes.workers is None:
        return n_workers, max_workers
    return wishes.workers, wishes.max_workers


def scaled(spec: ClusterSpec, group: str, n_workers: int, max_workers: int | None) -> ClusterSpec:
    """Ask for another number of workers in one group.

    Parameters
    ----------
    spec
        The cluster.
    group
        Name of the group; one that is none of the profile's ``groups`` is the cluster's own.
    n_workers, max_workers
        How many, or with autoscaling the fewest and the most; None for a fixed number. [1]

    Returns
    -------
    ClusterSpec
        The cluster as it is asked for then.
    """
    if all(named.name != group for named in spec.more_groups):
        return replace(spec, n_workers=n_workers, max_workers=max_workers)
    groups = (
        replace(named, n_workers=n_workers, max_workers=max_workers)
        if named.name == group
        else named
        for named in spec.more_groups
    )
    return replace(spec, more_groups=tuple(groups))


def with_count(spec: ClusterSpec, wishes: Wishes) -> ClusterSpec:
    """Give the one group of a cluster the number of workers that was asked for.

    Parameters
    ----------
    spec
        The cluster as its profile says.
    wishes
        What was asked on top.

    Returns
    -------
    ClusterSpec
        The cluster as it is asked for.

    Raises
    ------
    UsageError
        If anything was asked of the workers, and there are several groups of them.
    """
    if len(spec.groups) > 1:
        _refuse_unclear(spec, wishes)
        return spec
    (group,) = spec.groups
    return scaled(spec, group.name, *counted(wishes, group.n_workers, group.max_workers))


def resized(spec: ClusterSpec, wishes: Wishes) -> ClusterSpec:
    """Give wished resources to the workers, or to the head when there are none.

    Parameters
    ----------
    spec
        The cluster, with its number of workers.
    wishes
        What was asked.

    Returns
    -------
    ClusterSpec
        The cluster as it is asked for.

    Raises
    ------
    QuantityError
        If the memory has no unit.
    """
    if spec.more_groups and len(spec.groups) == 1:
        (group,) = spec.more_groups
        return replace(spec, more_groups=(replace(group, worker=_sized(group.worker, wishes)),))
    if spec.n_workers or spec.max_workers:
        return replace(spec, worker=_sized(spec.worker, wishes))
    return replace(spec, head=_sized(spec.head, wishes))


def _sized(part: NodeResources, wishes: Wishes) -> NodeResources:
    return replace(
        part,
        cpus=part.cpus if wishes.cpus is None else wishes.cpus,
        memory_bytes=part.memory_bytes if wishes.memory is None else parse_bytes(wishes.memory),
        gpus=part.gpus if wishes.gpus is None else wishes.gpus,
        gpu_type=part.gpu_type if wishes.gpu_type is None else wishes.gpu_type,
    )


def _refuse_unclear(spec: ClusterSpec, wishes: Wishes) -> None:
    asked = {
        "--workers": wishes.workers,
        "--cpus": wishes.cpus,
        "--memory": wishes.memory,
        "--gpus": wishes.gpus,
        "--gpu-type": wishes.gpu_type,
    }
    flags = [flag for flag, value in asked.items() if value is not None]
    if not flags:
        return
    names = [group.name for group in spec.groups]
    path = f"'spec.workerGroupSpecs[{names[0]}]={{replicas: 3, maxReplicas: 3}}'"
    raise UsageError(
        f"The profile {spec.profile!r} has several groups of workers ({', '.join(names)}), and"
        f" {flags[0]} does not say which of them it means.",
        hint="Write it into a profile of your own, .rayspace/profiles/NAME.yaml"
        + (f", or: --set {path}" if flags == ["--workers"] else "."),
        details={"profile": spec.profile, "groups": names, "flags": flags},
    )
