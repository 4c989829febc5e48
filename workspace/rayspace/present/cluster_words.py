"""Words for clusters on Kubernetes: where they are, what they wait for, and why."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rayspace.model.cluster import ClusterPhase
from rayspace.model.problem import Owner
from rayspace.present.times import clock_time

if TYPE_CHECKING:
    from rayspace.model.cluster import ClusterState
    from rayspace.model.target import Target


def place_text(cluster: ClusterState) -> str:
    """Say where a cluster is."""
    if not cluster.namespace:
        return f"{cluster.name} on {cluster.target}"
    return f"{cluster.name} in {cluster.namespace} of {cluster.target}"


def workers_text(cluster: ClusterState) -> str:
    """Say how many workers of each group have joined, and between which bounds they may come."""
    groups = [
        f"{g.n_observed} of {g.n_desired}"
        + ("" if g.n_max is None else f" ({g.n_min} to {g.n_max})")
        for g in cluster.groups
    ]
    if len(groups) == 1:
        return "none" if groups[0] == "0 of 0" else groups[0]
    return ", ".join(
        f"{group.name} {text}" for group, text in zip(cluster.groups, groups, strict=True)
    )


def activity_text(cluster: ClusterState) -> str:
    """Say what counts as use, or since when nothing does, and when the watcher will act."""
    seen = cluster.activity
    if seen is None:
        return ""
    active = ", ".join(seen.active) or "none"
    if seen.idle_since_ms is not None:
        active = f"none since {clock_time(seen.idle_since_ms)}"
    if seen.acts_at_ms is None or cluster.phase is ClusterPhase.SUSPENDED:
        return active
    return f"{active}; suspends itself at {clock_time(seen.acts_at_ms)} unless it is used"


def explanation(cluster: ClusterState) -> list[tuple[str, str]]:
    """Say why a cluster is not as it should be, as pairs of a name and a text."""
    pairs = [("cluster", place_text(cluster)), ("phase", cluster.phase.value)]
    if not cluster.problems:
        return [*pairs, ("why", cluster.reason or "Nothing is wrong with it.")]
    for problem in cluster.problems:
        told = [f"{one.kind} {one.name}: {' '.join(one.text.split())}" for one in problem.evidence]
        whose = "an administrator's to mend" if problem.owner is Owner.ADMIN else "yours to mend"
        lines = [problem.summary, f"{problem.hint} ({whose})", *told]
        pairs.append((problem.code, "\n".join(lines)))
    return pairs


def target_row(target: Target) -> dict[str, str]:
    """Describe a target in a row."""
    return {
        "name": target.name,
        "namespace": target.namespace,
        "context": target.context,
        "from": target.source,
    }
