"""What lists of nodes tell, which must be what a job's run tells of the same answer."""

from __future__ import annotations

from typing import Any

import pytest

from rayspace.core.nodes.listing import nodes_from_answers
from rayspace.core.nodes.metrics import node_metrics
from rayspace.core.nodes.names import node_names
from rayspace.core.nodes.readings import read_nodes
from tests.unit.core.nodes.answers import gpu, node, recorded, summary

GIB = 2**30


def members(*ids: str, head: str = "aa", dead: tuple[str, ...] = ()) -> dict[str, Any]:
    """Make an answer of the state API."""
    rows = [
        {
            "node_id": node_id,
            "node_ip": f"10.0.0.{number}",
            "node_name": f"vm-{node_id}",
            "is_head_node": node_id == head,
            "state": "DEAD" if node_id in dead else "ALIVE",
            "resources_total": {"CPU": 4.0, "GPU": 2.0, "memory": 8.0 * GIB},
        }
        for number, node_id in enumerate(ids, 1)
    ]
    return {"data": {"result": {"result": rows}}}


def test_lists_and_runs_tell_the_same_of_the_same_answer() -> None:
    """Names of nodes and GPUs, and every number, are those of a run's metrics."""
    answer = recorded()
    reading = read_nodes(answer)
    names = node_names(reading.nodes, {})
    metrics = node_metrics(reading, names)
    (node_id,) = names
    (told,) = nodes_from_answers(members(node_id, head=node_id), answer)
    prefix = f"system/{told.name}/"
    assert told.name == names[node_id] == "head"
    assert metrics[f"{prefix}cpu_utilization_percentage"] == pytest.approx(
        100 * told.cpu_used_fraction
    )
    # The driver tells no utilisation of the second.
    assert [sample.busy_fraction for sample in told.gpu_samples] == [0.3, None]
    for sample in told.gpu_samples:
        of_gpu = f"{prefix}{sample.key}_"
        busy = metrics.get(f"{of_gpu}utilization_percentage")
        assert sample.busy_fraction == (None if busy is None else busy / 100)
        assert metrics[f"{of_gpu}memory_usage_megabytes"] * 10**6 == sample.memory_used_bytes
        assert metrics[f"{of_gpu}memory_total_megabytes"] * 10**6 == sample.memory_total_bytes
        assert metrics[f"{of_gpu}power_usage_watts"] == sample.power_w
        assert metrics[f"{of_gpu}temperature_celsius"] == sample.temperature_c
        assert metrics[f"{of_gpu}processes"] == sample.n_processes


def test_nonsense_is_unknown_in_lists_too() -> None:
    """Used memory above the total, and power that no machine has, are not shown as facts."""
    odd = gpu(0, memoryUsed=99_999, memoryTotal=81_920, powerMw=10**21, utilizationGpu=-1)
    (told,) = nodes_from_answers(members("aa"), summary(node("aa", head=True, gpus=[odd])))
    (sample,) = told.gpu_samples
    assert sample.memory_used_bytes is None
    assert sample.memory_total_bytes == 81_920 * 2**20
    assert sample.power_w is None
    assert sample.busy_fraction is None


def test_a_member_without_figures_has_a_name_and_zeros() -> None:
    """One that joined a moment ago is named after those that were measured; a dead one is not."""
    answer = summary(node("aa", head=True), node("bb", ip="10.0.0.2"))
    head, worker, new, dead = nodes_from_answers(
        members("aa", "bb", "cc", "dd", dead=("dd",)), answer
    )
    assert [head.name, worker.name, new.name, dead.name] == ["head", "worker-0", "worker-1", ""]
    assert (new.memory_total_bytes, new.cpu_used_fraction, new.cpus) == (0, 0.0, 4.0)
    assert not dead.is_alive


def test_slices_have_names_of_their_own() -> None:
    """A slice is told of as one, with the index of its GPU."""
    answer = summary(node("aa", head=True, gpus=[gpu(1001, name="MIG 1g.10gb")]))
    (told,) = nodes_from_answers(members("aa"), answer)
    assert [(g.key, g.gpu_index) for g in told.gpu_samples] == [("gpu_1_mig_1", 1)]
