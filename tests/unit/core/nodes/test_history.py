"""How nodes went in the last minutes, and since when their GPUs are idle."""

from __future__ import annotations

from dataclasses import replace

import pytest

from rayspace.core.nodes.history import GAP_S, N_LOOKS, NodeHistory, idle_since
from rayspace.model.cluster import GpuSample, Node

GPU = GpuSample(0, "H200", 0.0, 1, 2, 100.0, 40.0, "gpu_0", 0)
NODE = Node("aa", "10.0.0.1", "vm", True, True, 4.0, 1.0, 1, 0.5, 1, 2, (GPU,))


def node(busy: float | None = 0.0, cpu: float = 0.5, node_id: str = "aa") -> Node:
    """Make a node with one GPU."""
    gpus = (replace(GPU, busy_fraction=busy),)
    return replace(NODE, node_id=node_id, cpu_used_fraction=cpu, gpu_samples=gpus)


@pytest.mark.parametrize(
    ("before_s", "looked_s", "busy", "since_s"),
    [
        (None, None, 0.0, 100.0),
        (40.0, 90.0, 0.0, 40.0),
        (40.0, 90.0, 0.049, 40.0),
        (40.0, 90.0, 0.05, None),
        (40.0, 90.0, None, None),
        (None, 90.0, 0.0, 100.0),
        (-200.0, 100.0 - GAP_S - 1, 0.0, 100.0),
        (40.0, 101.0, 0.0, 100.0),
    ],
    ids=["first", "goes on", "nearly idle", "works", "unknown", "begins", "gap", "clock set back"],
)
def test_a_gpu_is_idle_since_somebody_saw_it_idle_without_a_break(
    before_s: float | None, looked_s: float | None, busy: float | None, since_s: float | None
) -> None:
    """Work, ignorance and a gap between the looks end an idle time."""
    assert idle_since(before_s, looked_s, busy, 100.0) == since_s


def test_courses_and_idle_times_grow_with_the_looks() -> None:
    """Values are kept in their order, and idleness is counted from the first idle look."""
    history = NodeHistory()
    for at_s, busy in ((0.0, 0.9), (30.0, 0.0), (60.0, 0.01)):
        (course,) = history.add([node(busy, cpu=busy / 2)], at_s)
    (gpu,) = course.gpus
    assert gpu.busy_fractions == (0.9, 0.0, 0.01)
    assert course.cpu_fractions == (0.45, 0.0, 0.005)
    assert (gpu.idle_s, course.span_s) == (30.0, 60.0)
    (course,) = history.add([node(0.5)], 90.0)
    assert course.gpus[0].idle_s == 0.0


def test_what_comes_late_is_unknown_before_and_what_went_is_forgotten() -> None:
    """All courses of one answer are of equal length, so that they can be drawn side by side."""
    history = NodeHistory()
    history.add([node(), node(node_id="bb")], 0.0)
    first, late = history.add([node(), node(0.7, node_id="cc")], 10.0)
    assert late.gpus[0].busy_fractions == (None, 0.7)
    assert late.cpu_fractions == (None, 0.5)
    assert len(first.cpu_fractions) == 2
    (course,) = history.add([replace(node(), is_alive=False), node(node_id="bb")], 20.0)
    assert course.node_id == "bb"
    assert course.gpus[0].busy_fractions == (None, None, 0.0)


def test_looks_of_two_tabs_at_once_count_as_one() -> None:
    """A second look in the same moment takes the place of the first."""
    history = NodeHistory()
    history.add([node(0.1)], 0.0)
    history.add([node(0.2)], 5.0)
    (course,) = history.add([node(0.3)], 5.5)
    assert course.gpus[0].busy_fractions == (0.1, 0.3)


def test_many_who_look_all_the_time_make_one_course() -> None:
    """Looks in quick succession do not put each other off: there is one for each second or so."""
    history = NodeHistory()
    for number in range(41):
        (course,) = history.add([node(number / 100)], number / 4)
    assert course.gpus[0].busy_fractions == (*((4 * n + 3) / 100 for n in range(10)), 0.4)
    assert course.span_s == 10.0
    for number in range(1, 4):
        (course,) = history.add([node(0.9)], 10.0 + number)
    assert course.gpus[0].busy_fractions[-4:] == (0.4, 0.9, 0.9, 0.9)


def test_a_day_of_looks_is_kept_in_the_same_room() -> None:
    """Only the last looks are kept, and the idle time is that of all of them."""
    history = NodeHistory()
    for number in range(8640):
        (course,) = history.add([node(0.0)], 10.0 * number)
    assert len(course.gpus[0].busy_fractions) == len(course.cpu_fractions) == N_LOOKS
    assert course.gpus[0].idle_s == 86_390.0
    assert course.span_s == 10.0 * (N_LOOKS - 1)


def test_a_node_that_was_not_measured_has_a_gap() -> None:
    """Zeros of a node without figures are no measurement."""
    (course,) = NodeHistory().add([replace(node(), memory_total_bytes=0)], 0.0)
    assert course.cpu_fractions == (None,)
