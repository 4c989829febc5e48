"""A cluster on Kubernetes as its users see it."""

from __future__ import annotations

import dataclasses

import pytest

from rayspace.core.kube.state import cluster_state
from rayspace.model.cluster import ClusterPhase
from rayspace.model.target import Target
from tests.unit.core.diagnosis.snapshots import golden

TARGET = Target("team-a", "kind", "team-a")


@pytest.mark.parametrize("name", ["queue-waits", "queue-never-fits"])
def test_a_queue_that_nobody_asked_for_is_a_stage_too(name: str) -> None:
    """Kueue may put all clusters of a namespace into one; without it there is no such stage."""
    snapshot, *_ = golden(name)
    state = cluster_state(snapshot, TARGET, "", "")
    assert not state.spec.pods.queue
    assert state.phase in {ClusterPhase.QUEUED, ClusterPhase.FAILED}
    assert "queued" in {stage.key for stage in state.stages}
    free = cluster_state(dataclasses.replace(snapshot, workload=None), TARGET, "", "")
    assert "queued" not in {stage.key for stage in free.stages}
