"""What people see of nodes and GPUs: in terminals of some width, in files, and in notebooks."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest
from rich.console import Console

from rayspace.model.cluster import GpuSample, Node
from rayspace.model.cluster_usage import ClusterUsage, GpuCourse, NodeCourse
from rayspace.present import html
from rayspace.present.text import show
from rayspace.present.usage_text import sparkline
from rayspace.present.usage_words import remarks

GIB = 2**30
H200 = "NVIDIA H200"
HEAD = Node(
    "aa",
    "10.0.0.1",
    "vm",
    True,
    True,
    2.0,
    0.0,
    GIB,
    0.18,
    3 * GIB,
    16 * GIB,
    name="head",
)
BUSY = GpuSample(0, H200, 0.97, 64 * GIB, 80 * GIB, 612.4, 71.0, "gpu_0", 2)
IDLE = GpuSample(1, H200, 0.0, 0, 80 * GIB, 90.0, 31.0, "gpu_1", 1)
WORKER = replace(
    HEAD, node_id="bb", is_head=False, name="gpu-worker-0", gpus=2.0, gpu_samples=(BUSY, IDLE)
)
COURSES = (
    NodeCourse("aa", 60.0, (0.1, 0.2, 0.18)),
    NodeCourse(
        "bb",
        60.0,
        (0.5, None, 0.18),
        (GpuCourse("gpu_0", (0.9, 1.0, 0.97), 0.0), GpuCourse("gpu_1", (0.0, 0.0, 0.0), 1500.0)),
    ),
)
USAGE = ClusterUsage("train", "team-a", 0, (HEAD, WORKER), COURSES)
CPUS = ClusterUsage("laptop", "local", 0, (HEAD,))


def drawn(usage: ClusterUsage, width: int | None) -> str:
    """Print to a terminal of a width, or to a file."""
    file = io.StringIO()
    console = Console(
        file=file, width=width, force_terminal=width is not None, color_system=None, highlight=False
    )
    show(usage, console)
    return file.getvalue()


def test_a_wide_terminal_shows_every_number_of_every_gpu() -> None:
    """Each GPU has its use, memory, power, temperature, processes and its last minutes."""
    lines = [line.split() for line in drawn(USAGE, 160).splitlines()]
    text = drawn(USAGE, 160)
    assert "train on team-a: 2 nodes, 2 GPUs, 48% busy on average" in text
    (first,) = [" ".join(line) for line in lines if "0" in line[1:3]]
    assert first == (
        "gpu-worker-0 GPU 0 NVIDIA H200 ████████ 97% ▇██ 64.0 of 80.0 GiB 612 W 71 °C 2 -"
    )
    (second,) = [line for line in text.splitlines() if "GPU 1" in line]
    assert "░░░░░░░░      0%" in second
    assert second.endswith("1          for 25m")


@pytest.mark.parametrize("width", [40, 60, 80, 100, 140])
def test_a_table_fits_its_terminal_and_keeps_who_and_how_busy(width: int) -> None:
    """What there is no room for is left out, never wrapped."""
    lines = drawn(USAGE, width).splitlines()
    table = [line for line in lines if "GPU 0" in line or "GPU 1" in line]
    assert len(table) == 2
    assert all(len(line) <= max(width, 46) for line in table)
    assert "97%" in table[0]


def test_a_file_gets_whole_rows_without_pictures() -> None:
    """Programs read columns, not bars."""
    text = drawn(USAGE, None)
    assert "█" not in text
    assert "▇" not in text
    (row,) = [line for line in text.splitlines() if "GPU 0" in line]
    assert row.split()[:6] == ["gpu-worker-0", "GPU", "0", "NVIDIA", "H200", "97%"]


def test_a_cluster_without_gpus_says_so_plainly() -> None:
    """No empty table, no error: a sentence, and the CPUs."""
    text = drawn(CPUS, 100)
    assert "There are no GPUs: this cluster runs on CPUs only." in text
    assert "2 CPUs" in text
    assert "18%" in text


def test_gpus_that_tell_nothing_and_new_nodes_are_told_of() -> None:
    """Ray may have GPUs to give whose driver is silent; a new node has no figures yet."""
    silent = replace(WORKER, gpu_samples=())
    new = replace(HEAD, node_id="cc", name="worker-0", memory_total_bytes=0)
    told = remarks(ClusterUsage("c", "local", 0, (HEAD, silent, new)))
    assert told == [
        "Ray has 2 GPUs to give on gpu-worker-0, but no driver there tells of one.",
        "No figures yet of worker-0: they come some seconds after a start.",
    ]


def test_a_notebook_shows_numbers_lines_and_no_markup_of_others() -> None:
    """Names of devices are text; courses are drawn where there are any."""
    nasty = replace(BUSY, name="<script>alert(1)</script>")
    page = html.show(replace(USAGE, nodes=(HEAD, replace(WORKER, gpu_samples=(nasty, IDLE)))))
    assert "<script" not in page
    assert page.count("<svg") == 4
    for text in ("97%", "64.0 of 80.0 GiB", "612 W", "71 °C", ">2<", "for 25m"):
        assert text in page
    # A value that nobody knows breaks the line.
    assert page.count("M0.0 9.0M120.0") == 1
    assert "<svg" not in html.show(CPUS)
    assert "CPUs only" in html.show(CPUS)


def test_a_small_line_shows_the_end_of_a_course() -> None:
    """From nothing to all, with a gap for what nobody knows."""
    assert sparkline((0.5, 0.0, None, 1.0, 7.0), 4) == "▁ ██"
