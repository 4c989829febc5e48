"""Which cluster is meant when nobody names one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rayspace.errors import ClusterNotFoundError, UsageError
from rayspace.model.cluster import Origin
from rayspace.model.target import LOCAL

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rayspace.model.cluster import ClusterState


def choose(
    clusters: Sequence[ClusterState], chosen: str, project: str, chosen_target: str = LOCAL
) -> ClusterState:
    """Decide which cluster is meant when nobody names one.

    Parameters
    ----------
    clusters
        All clusters on record.
    chosen
        What `use` chose last; empty for nothing.
    project
        The project directory.
    chosen_target
        Where that is.

    Returns
    -------
    ClusterState
        The chosen one if it lives, else the only live one of this project, else the only live one.
        One that somebody else made is never meant, unless it was chosen.

    Raises
    ------
    ClusterNotFoundError
        If there is none.
    UsageError
        If there are several.
    """
    own = [cluster for cluster in clusters if cluster.origin is not Origin.FOREIGN]
    live = [cluster for cluster in own if not cluster.phase.is_terminal] or own
    here = [cluster for cluster in live if cluster.project == project]
    picked = [
        cluster
        for cluster in clusters
        if (cluster.name, cluster.target) == (chosen, chosen_target)
        and (cluster in live or not cluster.phase.is_terminal)
    ]
    for candidates in (picked, here, live):
        if len(candidates) == 1:
            return candidates[0]
        if len(candidates) > 1:
            names = [cluster.name for cluster in candidates]
            is_clear = len(set(names)) == len(names)
            shown = names if is_clear else [f"{c.name} on {c.target}" for c in candidates]
            first = names[0] if is_clear else f"{names[0]} --on {candidates[0].target}"
            raise UsageError(
                f"There are {len(names)} clusters: {', '.join(shown)}.",
                hint=f"Name one, or choose it for good with: rayspace cluster use {first}",
                details={"clusters": names},
            )
    others = [cluster.name for cluster in clusters]
    raise ClusterNotFoundError(
        "There is no cluster of yours." if others else "There is no cluster.",
        hint=f"Name one of others: {', '.join(others)}."
        if others
        else "Start one on this machine with: rayspace cluster up laptop",
        details={"clusters_of_others": others},
    )


def one_of(found: Sequence[ClusterState], chosen_target: str) -> ClusterState:
    """Decide which cluster is meant where several targets have one of that name.

    Parameters
    ----------
    found
        Clusters of the name, of different targets; at least one.
    chosen_target
        Where the chosen cluster is; empty where nothing is chosen.

    Returns
    -------
    ClusterState
        The only live one, else that where the chosen one is.

    Raises
    ------
    UsageError
        If there are several elsewhere.
    """
    live = [cluster for cluster in found if not cluster.phase.is_terminal] or list(found)
    candidates = [c for c in live if c.target == chosen_target] or live
    if len(candidates) == 1:
        return candidates[0]
    name, targets = candidates[0].name, [cluster.target for cluster in candidates]
    raise UsageError(
        f"There is a cluster {name!r} in {len(targets)} places: {', '.join(targets)}.",
        hint=f"Say which with --on {targets[0]}, or choose it for good with:"
        f" rayspace cluster use {name} --on {targets[0]}",
        details={"name": name, "targets": targets},
    )
