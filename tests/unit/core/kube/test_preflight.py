"""What could never come up is told apart from what has to wait, and from what is not known."""

from __future__ import annotations

import pytest

from rayspace.core.kube.preflight import PreflightFacts, preflight, unjudged
from tests.unit.core.manifests.test_ray_cluster import made


def node(
    cpu: str = "4",
    memory: str = "16Gi",
    *,
    gpus: int = 0,
    product: str = "",
    taints=(),
    is_cordoned: bool = False,
    labels=None,
):
    labels = {**({"nvidia.com/gpu.product": product} if product else {}), **(labels or {})}
    size = {"cpu": cpu, "memory": memory, **({"nvidia.com/gpu": str(gpus)} if gpus else {})}
    return {
        "metadata": {"name": "n", "labels": labels},
        "spec": {
            "taints": [dict(taint) for taint in taints],
            **({"unschedulable": True} if is_cordoned else {}),
        },
        "status": {"allocatable": size},
    }


def quota(used: str, hard: str, resource: str = "requests.memory"):
    status = {"hard": {resource: hard}, "used": {resource: used}}
    return {"metadata": {"name": "team"}, "spec": {"hard": status["hard"]}, "status": status}


def found(text: str, **facts) -> dict[str, bool]:
    """Return the codes that were found, and whether each is final."""
    problems = preflight(made(text), PreflightFacts(**facts))
    return {problem.code: problem.is_final for problem in problems}


SMALL = "head: {cpus: 1, memory: 2GiB}\nworkers: 2\ncpus: 1\nmemory: 2GiB\n"


@pytest.mark.parametrize(
    ("text", "facts", "codes"),
    [
        (SMALL, {}, {}),
        (SMALL, {"nodes": (node(),)}, {}),
        (SMALL + "node_selector: {a: b}", {"nodes": (node(),)}, {"unschedulable_selector": True}),
        ("head: {cpus: 8}", {"nodes": (node(),)}, {"unschedulable_cpu": True}),
        ("head: {memory: 64GiB}", {"nodes": (node(),)}, {"unschedulable_memory": True}),
        ("workers: 1\ngpus: 8", {"nodes": (node(gpus=4),)}, {"unschedulable_gpu": True}),
        (SMALL, {"nodes": (node(taints=[{"key": "a", "effect": "NoSchedule"}]),)},
         {"unschedulable_taint": True}),
        (SMALL + "tolerations: [a]",
         {"nodes": (node(taints=[{"key": "a", "effect": "NoSchedule"}]),)}, {}),
        (SMALL, {"quotas": (quota("0", "4Gi"),)}, {"quota_exceeded": True}),
        (SMALL, {"quotas": (quota("30Gi", "32Gi"),)}, {"quota_exceeded": False}),
        (SMALL, {"quotas": (quota("0", "32Gi"),)}, {}),
        (SMALL, {"quotas": (quota("0", "2", "pods"),)}, {"quota_exceeded": True}),
        (SMALL + "queue: q", {"queues": ()}, {"queue_missing": True}),
        (SMALL + "queue: q", {"queues": ({"metadata": {"name": "q"}},)}, {}),
        (SMALL + "queue: q", {}, {}),
        (SMALL + "idle: 1h", {"has_head_account": False}, {"account_missing": True}),
        (SMALL + "idle: 1h", {}, {}),
        (SMALL, {"mismatch": "The image x holds Ray 1"}, {"version_mismatch": False}),
    ],
)  # fmt: skip
def test_only_what_is_known_counts(text, facts, codes) -> None:
    """None of the facts: nothing is said."""
    assert found(text, **facts) == codes


@pytest.mark.parametrize(
    ("text", "facts", "words"),
    [
        (SMALL, {"nodes": (), "quotas": ()}, []),
        (SMALL, {"nodes": ()}, ["a quota has room"]),
        (SMALL, {"quotas": ()}, ["a node could hold"]),
        (SMALL + "queue: q", {}, ["a node could hold", "a quota has room", "a queue 'q'"]),
        (SMALL + "queue: q", {"nodes": (), "quotas": (), "queues": ()}, []),
    ],
)
def test_what_may_not_be_read_is_told(text, facts, words) -> None:
    """A sentence for each; of a queue only where one is asked for."""
    found = unjudged(made(text), PreflightFacts(**facts))
    assert [word in said for word, said in zip(words, found, strict=True)] == [True] * len(words)


def taint(key: str, effect: str = "NoSchedule") -> dict[str, str]:
    return {"key": key, "effect": effect}


@pytest.mark.parametrize(
    ("closed", "said"),
    [
        ({"is_cordoned": True}, "cordoned"),
        ({"is_cordoned": True, "taints": [taint("node.kubernetes.io/unschedulable")]}, "cordoned"),
        ({"taints": [taint("node.kubernetes.io/disk-pressure")]}, "disk pressure"),
        ({"taints": [taint("node.kubernetes.io/not-ready", "NoExecute"),
                     taint("node.kubernetes.io/not-ready")]}, "not ready"),
        ({"taints": [taint("node.cloudprovider.kubernetes.io/uninitialized")]}, "uninitialized"),
        ({"taints": [taint("ToBeDeletedByClusterAutoscaler")]}, "ToBeDeletedByClusterAutoscaler"),
    ],
)  # fmt: skip
def test_a_node_that_is_closed_for_now_may_hold_it_later(closed, said) -> None:
    """Nobody is refused for it, nor told to tolerate it; it counts as one that could hold it."""
    head = "head: {cpus: 3, memory: 2GiB}"
    (problem,) = preflight(made(head), PreflightFacts(nodes=(node("2"), node(**closed))))
    assert (problem.code, problem.is_final) == ("unschedulable_other", False)
    assert problem.summary == (
        f"Each node that could hold the head takes no new pods for now: {said}."
    )
    assert found(head, nodes=(node(), node(**closed))) == {}
    # What is too small is too small, closed or not.
    assert found("head: {cpus: 8}", nodes=(node(**closed),)) == {"unschedulable_cpu": True}
    closed["taints"] = [*closed.get("taints", ()), taint("team")]
    (problem,) = preflight(made(head), PreflightFacts(nodes=(node(**closed),)))
    assert problem.is_final
    assert problem.summary.endswith("all are tainted with team:NoSchedule.")


def test_who_tolerates_it_may_go_to_a_cordoned_node() -> None:
    """As the scheduler sees it."""
    text = "head: {cpus: 3, memory: 2GiB}\ntolerations: [node.kubernetes.io/unschedulable]"
    assert found(text, nodes=(node(is_cordoned=True),)) == {}


@pytest.mark.parametrize(
    "name",
    [
        "karpenter.sh/nodepool",
        "cloud.google.com/gke-nodepool",
        "eks.amazonaws.com/nodegroup",
        "kubernetes.azure.com/agentpool",
    ],
)
@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("head: {cpus: 8}", "unschedulable_cpu"),
        ("workers: 1\ngpus: 1", "unschedulable_gpu"),
        ("workers: 1\ngpus: 1\ngpu_type: NVIDIA-A100", "unschedulable_selector"),
        ("head: {cpus: 1}", "unschedulable_taint"),
    ],
)
def test_where_pools_of_nodes_may_grow_nothing_is_impossible(name, text, code) -> None:
    """One for GPUs has no node as long as nobody needs it."""
    taints = [taint("team")] if code == "unschedulable_taint" else []
    nodes = (node(taints=taints, labels={name: "default"}), node("2", taints=taints))
    (problem, *_) = preflight(made(text), PreflightFacts(nodes=nodes))
    assert (problem.code, problem.is_final) == (code, False)
    assert problem.summary.endswith("; a pool of nodes may grow by one that does.")
    assert "could ever" not in problem.summary


def test_machines_that_somebody_makes_are_such_a_pool() -> None:
    """Cluster API and OpenShift say so in an annotation."""
    grown = node()
    grown["metadata"]["annotations"] = {"machine.openshift.io/machine": "api/worker-1"}
    assert found("head: {cpus: 8}", nodes=(grown,)) == {"unschedulable_cpu": False}


def test_the_gpus_that_exist_are_named() -> None:
    """So that the next try is the right one."""
    nodes = (node(gpus=1, product="NVIDIA-L4"), node(gpus=1, product="NVIDIA-H100"))
    text = "workers: 1\ngpus: 1\ngpu_type: NVIDIA-A100\n"
    (problem,) = preflight(made(text), PreflightFacts(nodes=nodes))
    assert problem.hint == "GPUs here: NVIDIA-H100, NVIDIA-L4."
    assert "nvidia.com/gpu.product=NVIDIA-A100" in problem.summary


def test_figures_are_told() -> None:
    """What is asked, and what there is."""
    (problem,) = preflight(made("head: {cpus: 8}"), PreflightFacts(nodes=(node(),)))
    assert "asks for 8 CPUs, the largest node has 4" in problem.summary
    (problem,) = preflight(made(SMALL), PreflightFacts(quotas=(quota("30Gi", "32Gi"),)))
    assert "asks for 6.0 GiB of memory; the quota 'team' has 2.0 GiB of 32.0 GiB left" in (
        problem.summary
    )
