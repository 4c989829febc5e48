"""What could never come up is told apart from what has to wait, and from what is not known."""

from __future__ import annotations

import pytest

from rayspace.core.preflight import PreflightFacts, preflight
from tests.unit.core.test_manifest import made


def node(cpu: str = "4", memory: str = "16Gi", *, gpus: int = 0, product: str = "", taints=()):
    labels = {"nvidia.com/gpu.product": product} if product else {}
    size = {"cpu": cpu, "memory": memory, **({"nvidia.com/gpu": str(gpus)} if gpus else {})}
    return {
        "metadata": {"name": "n", "labels": labels},
        "spec": {"taints": [dict(taint) for taint in taints]},
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
        ("head: {cpus: 8}", {"nodes": (node(),), "may_autoscale": True},
         {"unschedulable_cpu": False}),
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
