"""Which cluster is meant when nobody names one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rayspace.errors import ClusterNotFoundError, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rayspace.model.cluster import ClusterState


def choose(clusters: Sequence[ClusterState], chosen: str, project: str) -> ClusterState:
    """Decide which cluster is meant when nobody names one.

    Parameters
    ----------
    clusters
        All clusters on record.
    chosen
        What `use` chose last; empty for nothing.
    project
        The project directory.

    Returns
    -------
    ClusterState
        The chosen one if it lives, else the only live one of this project, else the only live one.

    Raises
    ------
    ClusterNotFoundError
        If there is none.
    UsageError
        If there are several.
    """
    live = [cluster for cluster in clusters if not cluster.phase.is_terminal] or list(clusters)
    here = [cluster for cluster in live if cluster.project == project]
    for candidates in ([c for c in live if c.name == chosen], here, live):
        if len(candidates) == 1:
            return candidates[0]
        if len(candidates) > 1:
            names = [cluster.name for cluster in candidates]
            raise UsageError(
                f"There are {len(names)} clusters: {', '.join(names)}.",
                hint=f"Name one, or choose it for good with: rayspace cluster use {names[0]}",
                details={"clusters": names},
            )
    raise ClusterNotFoundError(
        "There is no cluster.", hint="Start one on this machine with: rayspace cluster up laptop"
    )
