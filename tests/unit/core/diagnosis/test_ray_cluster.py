"""What the RayCluster says of itself, what KubeRay says of it, and what comes first."""

from __future__ import annotations

import pytest

from rayspace.core.diagnosis.diagnose import diagnose
from rayspace.model.problem import Owner
from tests.unit.core.diagnosis.snapshots import (
    a_group,
    a_pod,
    a_ray_cluster,
    a_snapshot,
    ago,
    an_event,
    codes,
    condition,
    only,
    pending,
    waiting,
)


def test_no_cluster_is_said_so() -> None:
    """There is nothing to wait for."""
    problem = only(a_snapshot(ray_cluster=None), "cluster_missing")
    assert problem.summary == "There is no RayCluster c in the namespace team-a."
    assert problem.is_final
    assert problem.owner is Owner.YOU


def test_the_end_is_all_that_is_told() -> None:
    """Its pods go with it."""
    gone = a_ray_cluster(metadata={"deletionTimestamp": ago(3)})
    sick = a_pod("worker", ready=False, statuses=[waiting("ray-worker", "InvalidImageName", "x")])
    assert codes(a_snapshot(ray_cluster=gone, pods=(a_pod(), sick))) == ["deleting"]
    off = a_ray_cluster(spec={"suspend": True})
    assert codes(a_snapshot(ray_cluster=off, pods=(a_pod(), sick))) == ["suspended"]


def test_a_cluster_that_is_being_resumed_is_not_suspended() -> None:
    """What is asked for counts; the condition only lags."""
    conditions = [condition("RayClusterSuspended", "True", "RayClusterSuspended")]
    cluster = a_ray_cluster(spec={"suspend": False}, conditions=conditions)
    assert codes(a_snapshot(ray_cluster=cluster, pods=())) == []


@pytest.mark.parametrize(("age", "expected"), [(29, []), (31, ["no_operator"])])
def test_an_operator_has_half_a_minute(age: float, expected: list[str]) -> None:
    """A cluster that has pods has an operator, whatever else is said."""
    cluster = a_ray_cluster(status={}, metadata={"creationTimestamp": ago(age)})
    assert codes(a_snapshot(ray_cluster=cluster, pods=(), has_operator=False)) == expected
    assert codes(a_snapshot(ray_cluster=cluster, has_operator=False)) == []


@pytest.mark.parametrize(
    ("reason", "message", "words", "is_final"),
    [
        ("InvalidRayClusterSpec",
         "The RayCluster spec is invalid team-a/c: headGroupSpec should have a container",
         "accept the cluster: headGroupSpec should have a container.", True),
        ("InvalidRayClusterSpec",
         "The RayCluster UpgradeStrategy is invalid team-a/c: upgradeStrategy cannot be set",
         "upgradeStrategy cannot be set", True),
        ("InvalidRayClusterMetadata",
         ("The RayCluster metadata is invalid team-a/c: RayCluster name should be no more than 63"
         " characters"), "no more than 63 characters", True),
        ("InvalidRayClusterStatus",
         "The RayCluster status is invalid team-a/c, invalid RayCluster State: both",
         "accept the cluster: invalid RayCluster State: both", False),
        ("InvalidRayClusterSpec", "worded otherwise", "accept the cluster: worded otherwise", True),
    ],
)  # fmt: skip
def test_kuberays_own_checks_are_told(reason, message, words: str, is_final: bool) -> None:
    """Without the part that only repeats the name."""
    cluster = a_ray_cluster(status={})
    event = an_event(reason, message)
    problem = only(a_snapshot(ray_cluster=cluster, pods=(), events=(event,)), "spec_invalid")
    assert words in problem.summary
    assert problem.is_final is is_final


def test_a_check_that_was_passed_since_is_not_told() -> None:
    """KubeRay notes the generation that it has accepted."""
    event = an_event("InvalidRayClusterSpec", "The RayCluster spec is invalid team-a/c: no")
    mended = a_ray_cluster(metadata={"generation": 2}, status={"observedGeneration": 2})
    assert codes(a_snapshot(ray_cluster=mended, events=(event,))) == []
    broken = a_ray_cluster(metadata={"generation": 2}, status={"observedGeneration": 1})
    assert codes(a_snapshot(ray_cluster=broken, events=(event,))) == ["spec_invalid"]


def test_missing_workers_are_told_by_group() -> None:
    """Only after the head is ready, and only if nobody says why."""
    groups = [a_group(replicas=1), a_group("x", replicas=3)]
    cluster = a_ray_cluster(groups=groups)
    problem = only(a_snapshot(ray_cluster=cluster), "worker_missing")
    assert "Of 3 workers of group x only 0 were made" in problem.summary
    assert problem.groups == ("x",)
    starting = (a_pod("head", ready=False, statuses=[]),)
    assert codes(a_snapshot(ray_cluster=cluster, pods=starting)) == []
    failure = condition(
        "ReplicaFailure", "True", "FailedCreateWorkerPod", "FailedCreateWorkerPod\nx"
    )
    told = a_ray_cluster(groups=groups, conditions=[failure])
    assert codes(a_snapshot(ray_cluster=told)) == ["operator_failing"]


def test_what_waiting_can_not_mend_comes_first_and_then_the_head() -> None:
    """A worker's final trouble, the head's passing one, a worker's passing one, an aside."""
    bad = waiting("ray-worker", "InvalidImageName", "x")
    pull = waiting("ray-head", "ErrImagePull", "i/o timeout")
    pods = (
        pending("worker", "0/1 nodes are available: 1 Insufficient cpu.", name="c-w-worker-a"),
        a_pod("worker", name="c-w-worker-b", ready=False, statuses=[bad]),
        a_pod("head", ready=False, statuses=[pull]),
    )
    events = (an_event("Evicted", "low on resource: memory", on="c-head-gone"),)
    problems = diagnose(a_snapshot(pods=pods, events=events))
    assert [(problem.code, problem.is_about_head, problem.groups) for problem in problems] == [
        ("image_name_invalid", False, ("w",)),
        ("pull_failing", True, ()),
        ("unschedulable_cpu", False, ("w",)),
        ("evicted", True, ()),
    ]


def test_status_state_and_provisioned_are_not_believed() -> None:
    """Both say that all is well while the only worker is missing."""
    provisioned = condition("RayClusterProvisioned", "True", "AllPodRunningAndReadyFirstTime")
    cluster = a_ray_cluster(status={"state": "ready", "conditions": [provisioned]})
    assert codes(a_snapshot(ray_cluster=cluster, pods=(a_pod(),))) == ["worker_missing"]
