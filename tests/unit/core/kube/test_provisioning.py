"""How far a cluster has come, and what it waits for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from rayspace.core.kube.provisioning import ProvisionState, StageName, StageState, provision_stages
from rayspace.model.cluster import WorkerGroup
from tests.unit.core.diagnosis.snapshots import (
    a_group,
    a_node,
    a_pod,
    a_ray_cluster,
    a_snapshot,
    a_workload,
    an_event,
    condition,
    golden,
    pending,
    queued,
    running,
    waiting,
)

if TYPE_CHECKING:
    from rayspace.model.snapshot import ClusterSnapshot

HEAD = "c-head-nbkmp"
DONE, WAITING, FAILED = StageState.DONE, StageState.WAITING, StageState.FAILED


def stand(state: ProvisionState) -> str:
    """Write the stages as one letter each."""
    return "".join(stage.state.value[0] for stage in state.stages)


def text(state: ProvisionState, name: StageName) -> str:
    return next(stage.text for stage in state.stages if stage.name is name)


def alone(pod: dict, **more) -> ClusterSnapshot:
    """Return a cluster of a head that has no workers."""
    return a_snapshot(pods=(pod,), ray_cluster=a_ray_cluster(groups=[]), **more)


@pytest.mark.parametrize(
    ("name", "stages"),
    [
        ("well", "dddddd"),
        ("no-operator", "wdwwww"),
        ("spec-invalid", "fdwwww"),
        ("suspended", "dfwwww"),
        ("queue-waits", "dwwwww"),
        ("queue-never-fits", "dfwwww"),
        ("queue-missing", "dfwwww"),
        ("queue-admitted", "dddddd"),
        ("head-64-cpus", "ddfwww"),
        ("worker-64-cpus", "dddddf"),
        ("head-image-unreachable", "dddwww"),
        ("head-image-name-invalid", "dddfww"),
        ("worker-image-unreachable", "dddddw"),
        ("quota-refuses-head", "ddfwww"),
        ("quota-refuses-worker", "dddddf"),
        ("head-out-of-memory", "ddddfw"),
        ("readiness-failing", "ddddww"),
        ("node-lost", "dddddw"),
        ("worker-missing", "dddddw"),
        ("node-pressure", "dddddd"),
    ],
)
def test_each_snapshot_stands_where_it_does(name: str, stages: str) -> None:
    """Done, waiting or failed; and the reason is that of the diagnosis."""
    state = provision_stages(golden(name)[0])
    assert stand(state) == stages
    if "f" in stages or (state.problems and stages != "dddddd"):
        assert state.problems[0].summary in state.current.text


def test_a_ready_cluster_says_what_it_has() -> None:
    """Counts are those of pods; the last stage is the current one."""
    state = provision_stages(a_snapshot())
    assert state.groups == (WorkerGroup("w", 1, 1, 1),)
    assert (state.n_workers_ready, state.n_workers_desired) == (1, 1)
    assert (state.is_head_ready, state.is_min_ready, state.is_all_ready) == (True, True, True)
    assert state.current.name is StageName.WORKERS
    assert state.problems == ()
    assert [stage.text for stage in state.stages] == [
        "KubeRay has accepted the cluster.",
        "It waits in no queue.",
        "The head is on the node node-a.",
        "The head's image is on its node.",
        "The head is ready.",
        "1 of 1 worker ready.",
    ]


@pytest.mark.parametrize(
    ("least", "n_ready", "is_min", "is_all"),
    [(1, 0, False, False), (1, 1, True, False), (1, 3, True, True), (0, 0, True, False)],
)
def test_the_fewest_and_all_are_told_apart(least, n_ready, is_min: bool, is_all: bool) -> None:
    """For each group on its own."""
    groups = [a_group(replicas=3, least=least), a_group("x", replicas=1, least=1)]
    young = [running("ray-worker", ready=False, age=5)]
    workers = [
        a_pod("worker", name=f"c-w-worker-{n}", ready=n < n_ready,
              statuses=None if n < n_ready else young)
        for n in range(3)
    ]  # fmt: skip
    pods = (a_pod(), *workers, a_pod("worker", name="c-x-worker-a", group="x"))
    state = provision_stages(a_snapshot(ray_cluster=a_ray_cluster(groups=groups), pods=pods))
    assert (state.is_min_ready, state.is_all_ready) == (is_min, is_all)
    assert state.groups[0] == WorkerGroup("w", 3, 3, n_ready)
    without = tuple(pod for pod in pods if pod["metadata"]["labels"]["ray.io/group"] != "x")
    state = provision_stages(a_snapshot(ray_cluster=a_ray_cluster(groups=groups), pods=without))
    assert (state.is_min_ready, state.is_all_ready) == (False, False)


def test_ready_pods_of_a_lost_node_are_not_ready() -> None:
    """Kubernetes shows them so for five minutes."""
    lost = a_node("node-a")
    lost["status"]["conditions"] = [condition("Ready", "Unknown", message="stopped posting")]
    state = provision_stages(a_snapshot(nodes=(lost,)))
    assert not state.is_head_ready
    assert state.n_workers_ready == 0
    assert state.current.name is StageName.HEAD_READY
    assert "five minutes" in state.current.text


def test_a_suspended_cluster_wants_no_workers() -> None:
    """And is not ready for all that."""
    cluster = a_ray_cluster(spec={"suspend": True})
    state = provision_stages(a_snapshot(ray_cluster=cluster, pods=()))
    assert state.groups == (WorkerGroup("w", 0, 0, 0),)
    assert (state.is_min_ready, state.is_all_ready) == (False, False)
    assert state.current.name is StageName.QUEUED


def test_without_a_cluster_nothing_is_reached() -> None:
    """Pods that are left over do not count."""
    state = provision_stages(a_snapshot(ray_cluster=None))
    assert stand(state)[:2] == "fw"
    assert not state.is_head_ready
    assert "There is no RayCluster c" in state.current.text


def test_each_stage_says_what_it_waits_for() -> None:
    """Where nothing is wrong."""
    made = provision_stages(a_snapshot(ray_cluster=a_ray_cluster(status={}), pods=()))
    assert text(made, StageName.ACCEPTED) == "Waits for the KubeRay operator."
    assert text(made, StageName.HEAD_SCHEDULED) == "Waits for the head's pod."
    placed = provision_stages(alone(pending("head")))
    assert text(placed, StageName.HEAD_SCHEDULED) == "Waits for a node for the head."
    assert text(placed, StageName.IMAGE_PULLED) == "Waits for the head's image."
    odd = provision_stages(alone(a_pod("head", node="a\nb")))
    assert text(odd, StageName.HEAD_SCHEDULED) == "The head is on the node a b."
    young = a_pod("head", ready=False, statuses=[running("ray-head", ready=False, age=5)])
    state = provision_stages(alone(young))
    assert text(state, StageName.HEAD_READY) == "Waits until Ray answers on the head."
    assert text(state, StageName.WORKERS) == "No workers are asked for."
    assert state.current.state is WAITING


@pytest.mark.parametrize(
    ("status", "events", "state"),
    [
        (waiting("ray-head", "ContainerCreating"), (), WAITING),
        (waiting("ray-head", "ContainerCreating"), (an_event("Pulled", "x", on=HEAD),), DONE),
        (waiting("ray-head", "ErrImagePull", "x"), (an_event("Pulled", "x", on=HEAD),), WAITING),
        (waiting("ray-head", "CreateContainerConfigError", "x"), (), DONE),
        (waiting("ray-head", "InvalidImageName", "x"), (), FAILED),
        (running("ray-head", ready=False, age=5), (), DONE),
    ],
)
def test_whether_the_image_is_there_is_seen_from_the_container(status, events, state) -> None:
    """And from the event that says so."""
    found = provision_stages(alone(a_pod("head", ready=False, statuses=[status]), events=events))
    assert found.stages[3].state is state


def test_a_pull_is_told() -> None:
    """With the image, as it is what takes long."""
    head = a_pod("head", ready=False, statuses=[waiting("ray-head", "ContainerCreating")])
    event = an_event("Pulling", 'Pulling image "x"', on=HEAD)
    state = provision_stages(alone(head, events=(event,)))
    assert state.current.text.startswith("Pulls the image docker.io/local/ray:2.60.0;")


def test_workers_are_counted_beside_the_reason() -> None:
    """How many are there, and why not all."""
    snapshot, _ = golden("worker-64-cpus")
    state = provision_stages(snapshot)
    assert state.current.text.startswith("0 of 1 worker ready. A worker of group w can't be placed")
    assert state.current.state is FAILED


def test_a_queue_that_has_let_a_cluster_in_is_done() -> None:
    """Also where its record can't be read any more."""
    let_in = a_workload(condition("Admitted", "True"))
    assert text(provision_stages(a_snapshot(workload=let_in)), StageName.QUEUED) == (
        "Its queue has let it in."
    )
    waits = provision_stages(queued(a_workload(condition("QuotaReserved", "False", "Pending"))))
    assert waits.current.name is StageName.QUEUED
    assert waits.current.state is WAITING
    fresh = a_workload(condition("QuotaReserved", "False", "Pending"))
    unseen = provision_stages(a_snapshot(workload=fresh, pods=()))
    assert unseen.stages[1].state is WAITING
    there = provision_stages(a_snapshot(workload=fresh))
    assert there.stages[1].state is DONE
    labels = {"labels": {"kueue.x-k8s.io/queue-name": "lq"}}
    seen = provision_stages(a_snapshot(ray_cluster=a_ray_cluster(metadata=labels)))
    assert seen.stages[1].state is DONE


def test_the_trouble_of_a_head_that_is_ready_keeps_no_worker_back() -> None:
    """It is a problem all the same."""
    events = (an_event("Evicted", "low on resource: memory", on="c-head-gone"),)
    worker = a_pod("worker", ready=False, statuses=[running("ray-worker", ready=False, age=5)])
    state = provision_stages(a_snapshot(pods=(a_pod(), worker), events=events))
    assert [problem.code for problem in state.problems] == ["evicted"]
    assert state.current.text == "0 of 1 worker ready."
