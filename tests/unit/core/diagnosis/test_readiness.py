"""Pods that run and are not ready, nodes under them, and pods that Kubernetes ended."""

from __future__ import annotations

import pytest

from rayspace.core.diagnosis.diagnose import diagnose
from rayspace.model.problem import Owner
from tests.unit.core.diagnosis.snapshots import (
    a_group,
    a_node,
    a_pod,
    a_ray_cluster,
    a_snapshot,
    an_event,
    codes,
    condition,
    only,
    running,
    waiting,
)

HEAD, WORKER = "c-head-nbkmp", "c-w-worker-vgz4s"


def unready(role: str, age: float, **more) -> dict:
    return a_pod(role, ready=False, statuses=[running(f"ray-{role}", ready=False, age=age)], **more)


@pytest.mark.parametrize(("age", "expected"), [(60, []), (61, ["readiness_failing"])])
def test_a_pod_has_a_minute_to_become_ready(age: float, expected: list[str]) -> None:
    """Head and worker alike."""
    cluster = a_ray_cluster(groups=[])
    assert codes(a_snapshot(pods=(unready("head", age),), ray_cluster=cluster)) == expected
    assert codes(a_snapshot(pods=(a_pod(), unready("worker", age)))) == expected


def test_a_worker_waits_for_the_head_without_a_word() -> None:
    """That the head is not ready is the cause, and the only thing that is told."""
    pods = (unready("head", 90), unready("worker", 90))
    assert [(p.code, p.groups) for p in diagnose(a_snapshot(pods=pods))] == [
        ("readiness_failing", ())
    ]


def test_the_last_probe_is_evidence() -> None:
    """Else what the pod says of itself."""
    pods = (a_pod(), unready("worker", 90))
    probe = an_event("Unhealthy", "Readiness probe failed: refused", on=WORKER)
    problem = only(a_snapshot(pods=pods, events=(probe,)), "readiness_failing")
    assert problem.evidence[0].text == "Readiness probe failed: refused"
    assert f"kubectl logs {WORKER} -n team-a" in problem.hint
    assert only(a_snapshot(pods=pods), "readiness_failing").evidence[0].text == "False"


@pytest.mark.parametrize(
    ("init_age", "head_age", "expected"),
    [(61, 61, ["gcs_unreachable"]), (59, 90, []), (90, 59, [])],
)
def test_a_worker_has_a_minute_to_reach_a_ready_head(init_age, head_age, expected) -> None:
    """Counted from when both were there."""
    head = a_pod(conditions=[condition("Ready", "True", age=head_age)])
    worker = a_pod(
        "worker",
        ready=False,
        statuses=[waiting("ray-worker", "PodInitializing")],
        inits=[running("wait-gcs-ready", ready=False, age=init_age)],
    )
    assert codes(a_snapshot(pods=(head, worker))) == expected


_TRACEBACK = """\
121 seconds elapsed: Still waiting for GCS to be ready. For troubleshooting, refer to the FAQ.
Traceback (most recent call last):
  File "/opt/ray/bin/ray", line 8, in <module>
RuntimeError: {}
126 seconds elapsed: Still waiting for GCS to be ready. For troubleshooting, refer to the FAQ.
"""


@pytest.mark.parametrize(
    ("said", "code", "summary"),
    [
        (
            "Ray version mismatch: cluster has Ray version 2.60.0 but local Ray version is 2.59.0",
            "version_mismatch",
            "can't join: Ray 2.59.0 is in the image, the head has Ray 2.60.0.",
        ),
        (
            "Failed to connect to GCS.",
            "gcs_unreachable",
            "though the head is ready. Its last words: RuntimeError: Failed to connect to GCS.",
        ),
    ],
)
def test_the_container_that_waits_for_the_head_says_why(said: str, code: str, summary: str) -> None:
    """After two minutes KubeRay lets it speak; it never ends by itself."""
    worker = a_pod(
        "worker",
        ready=False,
        statuses=[waiting("ray-worker", "PodInitializing")],
        inits=[running("wait-gcs-ready", ready=False, age=130)],
    )
    head = a_pod(conditions=[condition("Ready", "True", age=140)])
    snapshot = a_snapshot(pods=(head, worker), logs={WORKER: _TRACEBACK.format(said)})
    assert summary in only(snapshot, code).summary


@pytest.mark.parametrize(
    ("reason", "code"),
    [
        ("FailedMount", "mount_failing"),
        ("FailedAttachVolume", "mount_failing"),
        ("FailedCreatePodSandBox", "sandbox_failing"),
        ("Pulled", None),
    ],
)
def test_a_node_that_does_not_start_a_pod_says_why(reason: str, code: str | None) -> None:
    """In an event, which counts while it is fresh and the pod has not started."""
    worker = a_pod("worker", ready=False, statuses=[waiting("ray-worker", "ContainerCreating")])
    event = an_event(reason, "rpc error: no", on=WORKER)
    snapshot = a_snapshot(pods=(a_pod(), worker), events=(event,))
    assert codes(snapshot) == ([code] if code else [])
    if code:
        assert "rpc error: no" in only(snapshot, code).summary
    old = an_event(reason, "rpc error: no", on=WORKER, age=700)
    assert codes(a_snapshot(pods=(a_pod(), worker), events=(old,))) == []
    assert codes(a_snapshot(events=(event,))) == []


@pytest.mark.parametrize(
    ("message", "could_not"),
    [
        ('failed to setup network for sandbox "1f": plugin type="flannel" failed', "network"),
        ("networkPlugin cni failed to set up pod", "network"),
        ('unable to get OCI runtime for sandbox "1f": no runtime for "kata" is configured', "make"),
    ],
)
def test_a_sandbox_that_fails_is_told_by_what_it_lacks(message: str, could_not: str) -> None:
    """A runtime that the node has not is nothing of its network."""
    worker = a_pod("worker", ready=False, statuses=[waiting("ray-worker", "ContainerCreating")])
    event = an_event("FailedCreatePodSandBox", message, on=WORKER)
    summary = only(a_snapshot(pods=(a_pod(), worker), events=(event,)), "sandbox_failing").summary
    assert ("give it a network" if could_not == "network" else "make the sandbox") in summary


def test_a_lost_node_is_told_where_nodes_can_not_be_read() -> None:
    """By the event of the node's controller, for as long as the pod is not ready again."""
    worker = a_pod("worker", conditions=[condition("Ready", "False")])
    event = an_event("NodeNotReady", "Node is not ready", on=WORKER)
    problem = only(a_snapshot(pods=(a_pod(), worker), nodes=None, events=(event,)), "node_lost")
    assert problem.evidence[0].text == "Node is not ready"
    assert codes(a_snapshot(nodes=None, events=(event,))) == []


def test_what_a_lost_node_said_of_its_pods_is_old() -> None:
    """Only the loss is told, whatever the containers say."""
    worker = a_pod("worker", node="gone", statuses=[waiting("ray-worker", "InvalidImageName", "x")])
    assert codes(a_snapshot(pods=(a_pod(), worker))) == ["node_lost"]


def test_a_node_whose_state_is_not_said_is_not_lost() -> None:
    """As where only its name could be read."""
    assert codes(a_snapshot(nodes=({"metadata": {"name": "node-a"}},))) == []


def test_a_node_may_be_short_of_several_things() -> None:
    """Each is evidence; it is the last thing told."""
    short = [condition(kind, "True", message=kind) for kind in ("DiskPressure", "PIDPressure")]
    pods = (a_pod(), unready("worker", 90))
    problems = diagnose(a_snapshot(pods=pods, nodes=(a_node(conditions=short),)))
    assert [problem.code for problem in problems] == ["readiness_failing", "node_pressure"]
    assert "short of disk space and process ids" in problems[1].summary
    assert [item.text for item in problems[1].evidence] == ["DiskPressure", "PIDPressure"]


@pytest.mark.parametrize(
    ("event", "role", "owner"),
    [
        (an_event("Evicted", "The node was low on resource: memory.", on="c-w-worker-gone"),
         "A worker of group w", Owner.YOU),
        (an_event("Preempted", "Preempted by pod x on node n", on="c-head-gone"),
         "The head", Owner.ADMIN),
        (an_event("TaintManagerEviction", "Marking for deletion Pod team-a/x", on="c-head-gone"),
         "The head", Owner.ADMIN),
    ],
)  # fmt: skip
def test_a_pod_that_was_ended_and_is_gone_is_told(event, role: str, owner) -> None:
    """For ten minutes; KubeRay has made another."""
    problem = only(a_snapshot(events=(event,)), "evicted")
    assert problem.summary.startswith(f"{role} was ended by Kubernetes ({event['reason']})")
    assert problem.owner is owner


LACKING = "The node was low on resource: ephemeral-storage."


def ends_of_workers(n_pods: int) -> tuple[dict, ...]:
    names = [f"c-w-worker-{10000 + n}" for n in range(n_pods)]
    return tuple(an_event("Evicted", LACKING, on=on, age=n) for n, on in enumerate(names))


def without_workers(n_ended: int, replicas: int = 1):
    cluster = a_ray_cluster(groups=[a_group("w", replicas=replicas)])
    pods = (a_pod(), *(unready("worker", 1, name=f"c-w-worker-2000{n}") for n in range(replicas)))
    return a_snapshot(ray_cluster=cluster, pods=pods, events=ends_of_workers(n_ended))


def test_pods_that_are_ended_each_time_are_counted() -> None:
    """A node that lacks something ends each new pod, and that is why they are missing."""
    few = next(p for p in diagnose(without_workers(2)) if p.code == "evicted")
    assert few.summary.startswith("2 workers of group w were ended by Kubernetes (Evicted): The")
    assert few.hint.startswith("Nothing needs to be done")
    many = diagnose(without_workers(3))[0]
    assert (many.code, many.owner, many.is_final) == ("evicted", Owner.ADMIN, False)
    assert "(Evicted), as were the 2 before it within ten minutes: The node was" in many.summary
    assert many.hint.startswith("Ask an admin what its nodes lack")
    # A node that is drained ends many pods once.
    drained = next(p for p in diagnose(without_workers(3, replicas=3)) if p.code == "evicted")
    assert drained.hint.startswith("Nothing needs to be done")


def test_what_was_ended_explains_nothing_where_all_is_well_again() -> None:
    """It comes after what is broken now, and frightens nobody."""
    assert only(a_snapshot(events=ends_of_workers(9)), "evicted").hint.startswith("Nothing needs")
    broken = a_snapshot(
        ray_cluster=a_ray_cluster(groups=[a_group("w"), a_group("v")]),
        pods=(a_pod(), a_pod("worker"), unready("worker", 90, group="v")),
        events=ends_of_workers(9),
    )
    assert codes(broken) == ["readiness_failing", "evicted"]


def test_an_end_that_was_taken_back_is_none() -> None:
    """A node that was silent for a moment; and one pod is one, however often that is said."""
    name = "c-w-worker-10000"
    marked = [
        an_event("TaintManagerEviction", "Marking for deletion Pod team-a/x", on=name, age=age)
        for age in (30, 29, 28)
    ]
    back = an_event("TaintManagerEviction", "Cancelling deletion of Pod team-a/x", on=name, age=20)
    assert codes(a_snapshot(events=(*marked, back))) == []
    gone = a_snapshot(pods=(a_pod(),), events=tuple(marked))
    assert any("was ended by Kubernetes (Taint" in problem.summary for problem in diagnose(gone))


def test_a_long_name_tells_the_group_too() -> None:
    """KubeRay cuts it in the middle of the group."""
    cluster = a_ray_cluster(groups=[a_group("w" * 60)])
    event = an_event("Evicted", "x", on=f"c-{'w' * 48}-worker-10000")
    problem = next(
        p
        for p in diagnose(a_snapshot(ray_cluster=cluster, pods=(a_pod(),), events=(event,)))
        if p.code == "evicted"
    )
    assert problem.groups == ("w" * 60,)


def test_a_directory_in_memory_that_overflows_is_the_profiles() -> None:
    said = 'Usage of EmptyDir volume "scratch" exceeds the limit "1Gi". '
    problem = only(a_snapshot(events=(an_event("Evicted", said, on="c-head-10000"),)), "evicted")
    assert (problem.owner, "sizeLimit" in problem.hint) == (Owner.YOU, True)


def test_an_old_end_or_one_of_a_pod_that_is_there_is_not_told() -> None:
    """The pod itself says more."""
    assert codes(a_snapshot(events=(an_event("Evicted", "x", on="c-head-gone", age=601),))) == []
    assert codes(a_snapshot(events=(an_event("Evicted", "x", on=HEAD),))) == []


def test_a_pod_that_is_being_ended_says_so() -> None:
    """Before it is gone."""
    said = condition("DisruptionTarget", "True", "PreemptionByScheduler", "preempting for x")
    pod = a_pod("worker", conditions=[condition("Ready", "True"), said])
    problem = only(a_snapshot(pods=(a_pod(), pod)), "evicted")
    assert "(PreemptionByScheduler): preempting for x." in problem.summary


def test_an_init_container_of_the_profile_may_take_its_time() -> None:
    """It copies data, say; only KubeRay's own has to be done within a minute."""
    worker = a_pod(
        "worker",
        ready=False,
        statuses=[waiting("ray-worker", "PodInitializing")],
        inits=[running("fetch-data", ready=False, age=600)],
    )
    assert codes(a_snapshot(pods=(a_pod(), worker))) == []


def test_a_node_that_was_taken_away_is_gone_whatever_was_said_before() -> None:
    """First it is silent, then it is removed."""
    event = an_event("NodeNotReady", "Node is not ready", on=WORKER)
    snapshot = a_snapshot(pods=(a_pod(), a_pod("worker", node="node-c")), events=(event,))
    assert "the node node-c is gone" in only(snapshot, "node_lost").summary


def test_a_lost_node_is_not_also_short_of_something() -> None:
    """What it said last is old."""
    said = [condition("MemoryPressure", "True", message="short")]
    lost = a_node("node-b", conditions=said)
    lost["status"]["conditions"][-1] = condition("Ready", "Unknown", message="stopped")
    pods = (a_pod(), a_pod("worker", node="node-b"))
    assert codes(a_snapshot(pods=pods, nodes=(a_node(), lost))) == ["node_lost"]
