"""One valid value of each kind; a test names what matters to it."""

from __future__ import annotations

import dataclasses

from rayspace.model.cluster import (
    ClusterPhase,
    ClusterSpec,
    ClusterState,
    HeadAddress,
    Origin,
    WorkerGroup,
)
from rayspace.model.job import Cause, JobPhase, JobState, Progress

#: 2026-11-23, 20:00 UTC. [ms since 1970-01-01 UTC]
TIME_MS = 1_795_464_000_000

_CLUSTER = ClusterState(
    name="laptop",
    uid="u",
    target="local",
    phase=ClusterPhase.READY,
    reason="",
    profile="laptop",
    origin=Origin.STARTED,
    project="/project",
    address=HeadAddress(
        "http://127.0.0.1:8265", "127.0.0.1:6379", "ray://127.0.0.1:10001", "/state/my token"
    ),
    groups=(WorkerGroup("workers", 1, 1, 1),),
    started_ms=TIME_MS,
    pid=1,
    python="/bin/python",
    ray_version="2.60.0",
    python_version="3.11.7",
    log_dir="/state/laptop",
    spec=ClusterSpec("laptop", "laptop"),
)
_JOB = JobState(
    name="train-bcdfg",
    phase=JobPhase.SUCCEEDED,
    cause=Cause.NONE,
    reason="",
    notebook="train.ipynb",
    cluster="laptop",
    target="local",
    profile="laptop",
    run_id="0af3",
    experiment="exp",
    tracking_uri="sqlite:////project/mlflow.db",
    parameters={},
    progress=Progress(8, 8, 8, "z", 200.0, 1.0),
    submitted_ms=TIME_MS,
    started_ms=TIME_MS,
    ended_ms=TIME_MS,
    heartbeat_ms=TIME_MS,
    failed_cell=-1,
    parent_run_id="",
    results_dir="",
    experiment_id="1",
)


def a_cluster(**changes) -> ClusterState:
    """Return a cluster that is ready."""
    return dataclasses.replace(_CLUSTER, **changes)


def a_job(**changes) -> JobState:
    """Return a job that succeeded, and whose results were not fetched."""
    return dataclasses.replace(_JOB, **changes)
