"""Pods that no node takes: what was asked for, and what there is."""

from __future__ import annotations

import pytest

from rayspace.core.diagnosis.diagnose import diagnose
from rayspace.core.diagnosis.scheduler_words import reasons_text, scheduler_reasons
from rayspace.model.problem import Owner
from tests.unit.core.diagnosis.snapshots import (
    a_node,
    a_pod,
    a_snapshot,
    an_event,
    codes,
    only,
    pending,
)

WORKER = "c-w-worker-vgz4s"
TAINT = {"key": "dedicated", "value": "others", "effect": "NoSchedule"}


def message(reasons: str, n_nodes: int = 1) -> str:
    return (
        f"0/{n_nodes} nodes are available: {reasons}. no new claims to deallocate, preemption:"
        f" 0/{n_nodes} nodes are available: {n_nodes} Preemption is not helpful for scheduling."
    )


def waits(reasons: str, *, nodes=None, events=(), **pod):
    """Return a cluster whose worker waits for a node."""
    nodes = (a_node(),) if nodes is None else nodes
    worker = pending("worker", message(reasons), **pod)
    head = a_pod(node=nodes[0]["metadata"]["name"])
    return a_snapshot(pods=(head, worker), nodes=nodes, events=tuple(events))


def test_the_scheduler_is_split_by_reason() -> None:
    """What most nodes say comes first; the words after the account are no reasons."""
    said = (
        "2 node(s) had untolerated taint {nvidia.com/gpu: present}, 3 Insufficient nvidia.com/gpu"
    )
    reasons = scheduler_reasons(message(f"1 Insufficient cpu, {said}, 1 Too many pods", 6))
    assert [(reason.code, reason.n_nodes) for reason in reasons] == [
        ("unschedulable_gpu", 3),
        ("unschedulable_taint", 2),
        ("unschedulable_cpu", 1),
        ("unschedulable_other", 1),
    ]
    assert reasons_text(reasons) == (
        "3 nodes: too little free GPUs (nvidia.com/gpu);"
        " 2 nodes: reserved for others (untolerated taint {nvidia.com/gpu: present});"
        " 1 node: too little free CPU; 1 node: Too many pods"
    )


def test_a_message_without_counts_has_no_reasons() -> None:
    """A plugin that refuses all nodes at once says so in its own words."""
    assert scheduler_reasons("no nodes available to schedule pods") == ()
    problem = only(a_snapshot(pods=(a_pod(), pending("worker", "no nodes available"))),
                   "unschedulable_other")  # fmt: skip
    assert "no nodes available" in problem.summary


@pytest.mark.parametrize(
    ("requests", "words", "code"),
    [
        ({"cpu": "64"}, "64 CPUs; the largest node has 2", "unschedulable_cpu"),
        ({"memory": "1Ti"}, "1024.0 GiB of memory; the largest node has 16.0 GiB",
         "unschedulable_memory"),
        ({"nvidia.com/gpu": "1"}, "1 GPU (nvidia.com/gpu); no node has any", "unschedulable_gpu"),
        ({"cpu": "64", "nvidia.com/gpu": "1"},
         "1 GPU (nvidia.com/gpu); no node has any, and for 64 CPUs; the largest node has 2",
         "unschedulable_gpu"),
        ({"google.com/tpu": "4"}, "4 google.com/tpu; no node has any", "unschedulable_other"),
    ],
)  # fmt: skip
def test_the_largest_node_is_named(requests, words: str, code: str) -> None:
    """Beside what was asked for; GPUs come first."""
    snapshot = waits("1 Insufficient cpu", requests=requests)
    problem = only(snapshot, code)
    assert words in problem.summary.replace("1.0 TiB", "1024.0 GiB")
    assert problem.is_final


@pytest.mark.parametrize(
    ("resource", "hint"),
    [
        ({"cpu": "64"}, "then `rayspace cluster up p --name c --cpus N --on prod`"),
        ({"cpu": "64"}, "less than 2 CPUs a worker: `rayspace cluster down c --on prod`"),
        ({"memory": "1Ti"}, "--memory SIZE"),
        ({"nvidia.com/gpu": "9"}, "at most 1 GPU a worker: `rayspace cluster down c"),
        ({"google.com/tpu": "4"}, "at most 2 google.com/tpu a worker, in the profile"),
        ({"amd.com/gpu": "1"}, "Ask an admin for such nodes"),
    ],
)  # fmt: skip
def test_the_hint_says_what_would_fit(resource, hint: str) -> None:
    """With the flag that asks for it."""
    node = a_node(gpus="1")
    node["status"]["allocatable"]["google.com/tpu"] = "2"
    (problem,) = diagnose(waits("1 Insufficient cpu", nodes=(node,), requests=resource))
    assert hint in problem.hint


def test_a_node_may_have_enough_of_each_and_not_of_all() -> None:
    """Many CPUs here, GPUs there."""
    nodes = (a_node("big", cpu="64"), a_node("fast", cpu="2", gpus="4"))
    snapshot = waits(
        "1 Insufficient cpu, 1 Insufficient nvidia.com/gpu",
        nodes=nodes,
        requests={"cpu": "32", "nvidia.com/gpu": "4"},
    )
    problem = only(snapshot, "unschedulable_cpu")
    assert "32 CPUs and 4 GPUs (nvidia.com/gpu), and no node has all of that" in problem.summary
    assert problem.is_final


@pytest.mark.parametrize(
    ("age", "events", "is_final"),
    [
        (29, [], False),
        (31, [], True),
        (
            31,
            [an_event("TriggeredScaleUp", "pod triggered scale-up: [{ng 1->2}]", on=WORKER)],
            False,
        ),
        (31, [an_event("NotTriggerScaleUp", "1 max node group size reached", on=WORKER)], False),
        (31, [an_event("Odd", "x", on="other", component="karpenter")], False),
    ],
)
def test_only_without_an_autoscaler_nothing_will_come(age: float, events, is_final: bool) -> None:
    """Whoever adds nodes had its time to say so."""
    snapshot = waits("1 Insufficient cpu", requests={"cpu": "64"}, age=age, events=events)
    assert only(snapshot, "unschedulable_cpu").is_final is is_final


def test_what_the_autoscaler_says_is_told() -> None:
    """It adds a node, or it does not."""
    adds = an_event("TriggeredScaleUp", "pod triggered scale-up", on=WORKER)
    problem = only(waits("1 Insufficient cpu", events=[adds]), "unschedulable_cpu")
    assert "a node is being added" in problem.hint
    assert problem.evidence[1].text == "pod triggered scale-up"
    none = an_event("NotTriggerScaleUp", "1 max node group size reached", on=WORKER)
    problem = only(waits("1 Insufficient cpu", events=[none]), "unschedulable_cpu")
    assert "adds none for it" in problem.summary
    other = an_event("FailedScheduling", "incompatible with pool", on=WORKER, component="karpenter")
    problem = only(waits("1 Insufficient cpu", events=[other]), "unschedulable_cpu")
    assert "adds none for it" not in problem.summary
    assert problem.evidence[1].text == "incompatible with pool"


def test_without_nodes_the_scheduler_counts() -> None:
    """Whoever may not read nodes sees what the scheduler says of them."""
    worker = pending("worker", message("3 Insufficient nvidia.com/gpu, 1 Insufficient cpu", 4),
                     requests={"nvidia.com/gpu": "8"})  # fmt: skip
    problem = only(a_snapshot(pods=(a_pod(), worker), nodes=None), "unschedulable_gpu")
    assert "it asks for 8 GPUs (nvidia.com/gpu). 3 nodes: too little free" in problem.summary
    assert not problem.is_final


def test_what_was_asked_for_may_be_unknown() -> None:
    """The summary says so, and does not invent a figure."""
    worker = pending("worker", message("1 Insufficient cpu"), spec={"containers": []})
    problem = only(a_snapshot(pods=(a_pod(), worker)), "unschedulable_cpu")
    assert "more than is free" in problem.summary


@pytest.mark.parametrize(
    ("tolerations", "code"),
    [
        ([], "unschedulable_taint"),
        ([{"key": "other", "operator": "Exists"}], "unschedulable_taint"),
        ([{"key": "dedicated", "value": "us"}], "unschedulable_taint"),
        (
            [{"key": "dedicated", "operator": "Exists", "effect": "NoExecute"}],
            "unschedulable_taint",
        ),
        ([{"operator": "Exists"}], "unschedulable_cpu"),
        ([{"key": "dedicated", "value": "others", "effect": "NoSchedule"}], "unschedulable_cpu"),
    ],
)
def test_the_nodes_that_are_large_enough_decide(tolerations, code: str) -> None:
    """Small nodes lack CPU, the large one is reserved: the taint is what stands in the way."""
    nodes = (a_node("a", cpu="1"), a_node("b", cpu="1"), a_node("c", cpu="8", taints=[TAINT]))
    snapshot = waits(
        "2 Insufficient cpu, 1 node(s) had untolerated taint(s)",
        nodes=nodes,
        requests={"cpu": "4"},
        spec={"tolerations": tolerations},
    )
    problem = only(snapshot, code)
    if code == "unschedulable_taint":
        assert problem.owner is Owner.ADMIN
        assert "dedicated=others:NoSchedule" in problem.summary


def test_labels_are_asked_of_the_nodes_that_are_large_enough() -> None:
    """A node of the kind asked for that is full is waited for; none of that kind is not."""
    both = "1 Insufficient cpu, 1 node(s) didn't match Pod's node affinity/selector"
    wants = {"nodeSelector": {"kind": "fast"}}
    nodes = (a_node("a"), a_node("b", labels={"kind": "fast"}))
    only(waits(both, nodes=nodes, spec=wants), "unschedulable_cpu")
    problem = only(waits(both, nodes=(a_node("a"), a_node("b")), spec=wants),
                   "unschedulable_selector")  # fmt: skip
    assert "kind=fast" in problem.summary


def test_a_pod_is_silent_until_the_scheduler_has_spoken() -> None:
    """The event speaks where the condition does not."""
    fresh = pending("worker", "")
    assert codes(a_snapshot(pods=(a_pod(), fresh))) == []
    event = an_event("FailedScheduling", message("1 Insufficient cpu"), on=WORKER)
    assert codes(a_snapshot(pods=(a_pod(), fresh), events=(event,))) == ["unschedulable_cpu"]


def test_two_workers_each_ask() -> None:
    """The sentence speaks of several."""
    workers = [
        pending("worker", message("1 Insufficient cpu"), name=f"c-w-worker-{n}",
                requests={"cpu": "64"})
        for n in "ab"
    ]  # fmt: skip
    problem = only(a_snapshot(pods=(a_pod(), *workers)), "unschedulable_cpu")
    assert problem.summary == (
        "2 workers of group w can't be placed: they each ask for 64 CPUs; the largest node has 2."
    )


def test_the_head_is_made_smaller_in_the_profile() -> None:
    """There is no flag for it."""
    head = pending("head", message("1 Insufficient cpu"), requests={"cpu": "64"})
    assert "for the head in the profile" in only(a_snapshot(pods=(head,)), "unschedulable_cpu").hint


def test_a_claim_that_is_being_deleted_is_no_claim() -> None:
    """In the scheduler's words."""
    said = '0/1 nodes are available: persistentvolumeclaim "data" is being deleted.'
    problem = only(a_snapshot(pods=(a_pod(), pending("worker", said))), "claim_missing")
    assert "the volume claim data is being deleted" in problem.summary


def test_an_unknown_claim_is_pending_all_the_same() -> None:
    """Where claims can't be read."""
    said = "0/1 nodes are available: pod has unbound immediate PersistentVolumeClaims."
    problem = only(a_snapshot(pods=(a_pod(), pending("worker", said))), "claim_pending")
    assert "that it names" in problem.summary
    assert "kubectl describe pvc -n team-a" in problem.hint


def test_a_gate_is_told_as_it_is() -> None:
    """Somebody holds the pod back on purpose."""
    gated = pending("worker", "Scheduling is blocked due to non-empty scheduling gates")
    assert (
        "scheduling gates" in only(a_snapshot(pods=(a_pod(), gated)), "unschedulable_other").summary
    )


def test_what_the_autoscaler_says_of_another_pod_is_no_evidence() -> None:
    """It is a sign that there is one, and no more."""
    adds = an_event("TriggeredScaleUp", "pod triggered scale-up", on="other")
    problem = only(waits("1 Insufficient cpu", events=[adds]), "unschedulable_cpu")
    assert len(problem.evidence) == 1
    assert "being added" not in problem.hint


def test_a_pod_as_large_as_a_node_is_not_too_large() -> None:
    """It only needs the node for itself; where nothing is said of the rest, the capacity counts."""
    node = a_node()
    del node["status"]["allocatable"]
    for nodes in ((a_node(),), (node,)):
        problem = only(waits("1 Insufficient cpu", nodes=nodes, requests={"cpu": "2"}),
                       "unschedulable_cpu")  # fmt: skip
        assert "no node has that much free now" in problem.summary
        assert not problem.is_final


def test_a_claim_that_has_its_volume_is_not_named() -> None:
    """Only the one that waits is; a volume of another kind has no claim."""
    volumes = [
        {"name": "a", "persistentVolumeClaim": {"claimName": "full"}},
        {"name": "b", "persistentVolumeClaim": {"claimName": "empty"}},
        {"name": "c", "emptyDir": {}},
    ]
    said = "0/1 nodes are available: pod has unbound immediate PersistentVolumeClaims."
    worker = pending("worker", said, spec={"volumes": volumes})
    claims = tuple(
        {"metadata": {"name": name}, "status": {"phase": phase}}
        for name, phase in (("full", "Bound"), ("empty", "Pending"))
    )
    problem = only(a_snapshot(pods=(a_pod(), worker), claims=claims), "claim_pending")
    assert "the volume claim empty has no volume" in problem.summary


def test_a_pod_that_has_its_node_is_placed() -> None:
    """An old event does not say otherwise."""
    event = an_event("FailedScheduling", message("1 Insufficient cpu"), on=WORKER)
    assert codes(a_snapshot(events=(event,))) == []
