"""Whether a cluster gives its place to another of its name that is asked for by force."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rayspace.core.clusters.spec import differences
from rayspace.model.cluster import ClusterPhase, Replaced

if TYPE_CHECKING:
    from rayspace.model.cluster import ClusterSpec, ClusterState


def is_replaceable(state: ClusterState) -> bool:
    """Tell whether `up` by force makes a cluster anew: one on Kubernetes that is not ready yet.

    One that is ready may be at work, one that is suspended is resumed, and one that is being
    deleted goes by itself.
    """
    phases = {ClusterPhase.STARTING, ClusterPhase.QUEUED, ClusterPhase.FAILED}
    return bool(state.namespace) and state.phase in phases


def replacement(asked: ClusterSpec, state: ClusterState) -> str:
    """Say why a cluster gives its place to the one that is asked for by force.

    Parameters
    ----------
    asked
        What is asked for.
    state
        The cluster of that name.

    Returns
    -------
    str
        One sentence; empty where it stays: it is at work, or is what is asked for and may come up.
    """
    if not is_replaceable(state):
        return ""
    had = differences(asked, state.spec)
    if not had and state.phase is ClusterPhase.STARTING:
        return ""
    wanted, was = (_workers(spec) for spec in (asked, state.spec))
    if wanted != was:
        had.append(f"workers: {was}, not {wanted}")
    if not had and state.phase is ClusterPhase.QUEUED:
        return ""
    text = f"{state.name} is {state.phase.value} and is made anew"
    return f"{text}; it had {'; '.join(had)}" if had else text


def replaced(asked: ClusterSpec, state: ClusterState) -> Replaced | None:
    """Tell what gives its place to the cluster that is asked for by force; None for nothing."""
    why = replacement(asked, state)
    return Replaced(state.name, state.phase, why) if why else None


def _workers(spec: ClusterSpec) -> str:
    return f"{spec.n_workers}" + ("" if spec.max_workers is None else f":{spec.max_workers}")
