"""Whose a cluster is, before anything is done to it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rayspace.errors import RefusedError
from rayspace.model.cluster import Origin

if TYPE_CHECKING:
    from rayspace.model.cluster import ClusterState


def require_own(state: ClusterState, *, force: bool) -> None:
    """Refuse to change a cluster that somebody else made.

    Kubernetes lets everybody of a namespace do it: a slip of the hand is what this is for.

    Parameters
    ----------
    state
        The cluster.
    force
        Whether its name was given, and that it is meant all the same.

    Raises
    ------
    RefusedError
        If it is somebody else's, without force.
    """
    if state.origin is not Origin.FOREIGN or force:
        return
    whose = f"is {state.owner}'s" if state.owner else "was not made by rayspace"
    raise RefusedError(
        f"The cluster {state.name!r} {whose}.",
        hint="Name it and add --force to do it all the same, or take it over for good with:"
        f" rayspace cluster adopt {state.name} --on {state.target}",
        details={"name": state.name, "target": state.target, "owner": state.owner},
    )
