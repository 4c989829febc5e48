"""What a job's run is told of its nodes, and the files that tell of them at the end."""

from __future__ import annotations

import csv
import gzip
import io
import json
import os
import re
import subprocess
import sys
from xml.etree import ElementTree as ET

import pytest

from rayspace.model.measurement import GpuChoice
from rayspace.runner.log import RunnerLog
from rayspace.runner.node_record import NodeRecord
from rayspace.runner.processes import descends_from_us
from rayspace.runner.sample_file import SampleFile
from rayspace.runner.spool import Spool
from tests.unit.core.nodes.answers import gpu, node, recorded, summary, worker

BEGIN_MS = 1_700_000_000_000


@pytest.fixture
def spool(tmp_path):
    return Spool(tmp_path)


@pytest.fixture
def lines():
    return []


@pytest.fixture
def log(lines):
    return RunnerLog(write=lambda content: lines.append(content.decode()))


def _at(i, *nodes):
    """Return the answer of sample i, and its time."""
    at_ms = BEGIN_MS + 10_000 * i
    return summary(*({**item, "now": at_ms / 1000} for item in nodes)), at_ms


def test_the_files_tell_what_the_metrics_do(spool, log, lines):
    record = NodeRecord(spool, "train-1", 10.0, GpuChoice.ALL, log)
    for i in range(31):
        record.take(*_at(i, node(head=True, gpus=[gpu(0), gpu(1, utilizationGpu=2)])))
    record.miss()
    metrics, at_ms = record.close()
    assert at_ms == BEGIN_MS + 300_000
    assert metrics["usage/gpu_hours_held"] == pytest.approx(600 / 3600)
    assert metrics["usage/samples_missed"] == 1
    written = json.loads((spool.metrics_dir / "summary.json").read_text("utf-8"))
    assert written["gpu_hours_used"] == pytest.approx(300 * 0.32 / 3600)
    assert written["gpus"][1]["busy_mean_fraction"] == pytest.approx(0.02)
    assert written["sentences"] == [
        "1 of 2 GPUs was under 5 % for 5 of 5 minutes.",
        "1 of 32 samples could not be taken.",
    ]
    page = (spool.metrics_dir / "summary.html").read_text("utf-8")
    assert "1 of 2 GPUs was under 5 % for 5 of 5 minutes." in page
    assert "<td>head gpu_1</td><td>NVIDIA H200</td><td>2 %</td>" in page
    # Two GPUs and their mean, CPU and memory.
    assert page.count("<svg") == page.count("<polyline") == 5
    assert lines == []
    assert sorted(path.name for path in spool.metrics_dir.iterdir()) == [
        "summary.html",
        "summary.json",
    ]


def test_the_page_needs_nothing_from_anywhere_and_writes_names_as_text(spool, log):
    evil = "<script>alert('1')</script>\ud800"
    record = NodeRecord(spool, evil, 10.0, GpuChoice.ALL, log)
    strange = node("aa", host=evil, group=evil, gpus=[gpu(name=evil, memoryUsed=evil)])
    for i in range(3):
        record.take(*_at(i, strange))
    record.close()
    page = (spool.metrics_dir / "summary.html").read_text("utf-8")
    assert "<script" not in page
    assert "&lt;script&gt;alert(&#x27;1&#x27;)&lt;/script&gt;" in page
    assert not re.findall(r"(?:src|href|url)\s*[=(]|@import|https?:", page)
    for picture in re.findall(r"<svg.*?</svg>", page, re.DOTALL):
        ET.fromstring(picture)


def test_a_job_without_gpus_has_a_short_page(spool, log):
    record = NodeRecord(spool, "train-1", 10.0, GpuChoice.ALL, log)
    record.take(*_at(0, node(head=True, cpu=25.0)))
    record.close()
    page = (spool.metrics_dir / "summary.html").read_text("utf-8")
    assert "GPU" not in page
    assert "<td>head</td><td>vm</td><td>25 %</td>" in page
    # One sample is a dot.
    assert page.count("<circle") == 2


def test_a_head_that_never_answers_leaves_a_page_that_says_so(spool, log):
    record = NodeRecord(spool, "train-1", 10.0, GpuChoice.ALL, log)
    record.miss()
    assert record.take({"data": {"summary": []}}, BEGIN_MS) == {}
    assert record.close() == ({}, 0)
    assert "could not be read" in (spool.metrics_dir / "summary.html").read_text("utf-8")
    written = json.loads((spool.metrics_dir / "summary.json").read_text("utf-8"))
    assert (written["n_samples"], written["n_missed"]) == (0, 2)


def test_who_was_never_asked_leaves_nothing(spool, log):
    record = NodeRecord(spool, "train-1", 10.0, GpuChoice.ALL, log)
    assert record.close() == ({}, 0)
    trial = NodeRecord(spool, "train-1", 10.0, GpuChoice.ALL, log, keeps_summary=False)
    assert trial.take(*_at(0, node(head=True)))["system/head/cpu_utilization_percentage"] == 12.5
    assert trial.close() == ({}, 0)
    assert not spool.metrics_dir.exists()


def test_an_odd_value_is_told_once_and_never_logged(spool, log, lines):
    record = NodeRecord(spool, "train-1", 10.0, GpuChoice.ALL, log)
    for i in range(3):
        odd = gpu(powerMw=10**21, memoryUsed=5000)
        metrics = record.take(*_at(i, node(head=True, gpus=[odd])))
        assert "system/head/gpu_0_power_usage_watts" not in metrics
        assert "system/head/gpu_0_memory_usage_megabytes" not in metrics
        assert metrics["system/head/gpu_0_utilization_percentage"] == 30
    assert [line.strip().removeprefix("rayspace: head tells ") for line in lines] == [
        "gpu_0.memoryUsed as 5000 of 4096, which can't be true and is left out.",
        "gpu_0.powerMw as 1e+21, which can't be true and is left out.",
    ]


def test_a_full_disk_costs_the_files_only(spool, log, lines):
    spool.metrics_dir.write_text("in the way")
    record = NodeRecord(spool, "train-1", 10.0, GpuChoice.ALL, log)
    many = [gpu(k) for k in range(65)]
    assert record.take(*_at(0, node(head=True, gpus=many)))["system/cluster/gpus"] == 65
    metrics, _ = record.close()
    assert metrics["usage/samples"] == 1
    assert "summary.json can't be written" in lines[0]


def test_only_what_the_job_holds_is_told_where_it_shares_a_cluster(spool, log):
    """Its program is found by its process, also after it has let go of Ray."""
    record = NodeRecord(spool, "t", 10.0, GpuChoice.MINE, log, is_ours={24481}.__contains__)
    record._hostname = "vm"
    answer = recorded()
    metrics = record.take(answer, 1_795_679_804_000)
    assert metrics["system/head/gpu_0_utilization_percentage"] == 30
    assert not [name for name in metrics if "gpu_1" in name]
    assert metrics["system/cluster/gpus"] == 1
    raylet = answer["data"]["summary"][0]["raylet"]
    raylet["coreWorkersStats"] = [w for w in raylet["coreWorkersStats"] if w["pid"] != 24481]
    assert record.take(answer, 1_795_679_809_000)["system/cluster/gpus"] == 1
    record.close()
    written = json.loads((spool.metrics_dir / "summary.json").read_text("utf-8"))
    assert [(g["gpu"], g["held_s"]) for g in written["gpus"]] == [("gpu_0", 5.0)]
    assert written["gpu_choice"] == "mine"


def test_a_job_whose_program_ray_does_not_know_says_so(spool, log):
    record = NodeRecord(spool, "t", 10.0, GpuChoice.MINE, log, is_ours=lambda _: False)
    strange = node(gpus=[gpu()], workers=[worker(5, "01", 0), worker(4, "01", driver=True)])
    assert "system/cluster/gpus" not in record.take(*_at(0, strange))
    record.close()
    written = json.loads((spool.metrics_dir / "summary.json").read_text("utf-8"))
    assert written["sentences"] == [
        "Ray told of no program of this job, so no GPU counts as the job's."
    ]


def test_every_sample_of_a_large_cluster_is_kept(spool, log):
    record = NodeRecord(spool, "t", 10.0, GpuChoice.ALL, log)
    nodes = [
        node(f"{i:02}", host=f"h{i:02}", gpus=[gpu(k, utilizationGpu=i + k) for k in range(8)])
        for i in range(9)
    ]
    for i in range(3):
        metrics = record.take(*_at(i, *nodes))
        assert not [name for name in metrics if "/gpu_0" in name]
    packed = (spool.metrics_dir / "samples.csv.gz").read_bytes()
    rows = list(csv.DictReader(io.StringIO(gzip.decompress(packed).decode())))
    assert len(rows) == 3 * (9 + 72)
    busy = {(r["time_ms"], r["node"], r["gpu"]): r["utilization_percentage"] for r in rows}
    assert busy[str(BEGIN_MS + 20_000), "worker-4", "gpu_3"] == "7.0"
    assert busy[str(BEGIN_MS), "worker-4", ""] == ""
    assert {r["memory_used_bytes"] for r in rows if r["gpu"]} == {str(1024.0 * 2**20)}
    # A batch that was cut off costs that batch only.
    whole = gzip.GzipFile(fileobj=io.BytesIO(packed[:-5]))
    assert len(whole.read1(1 << 20)) > 0


def test_a_file_of_samples_does_not_grow_for_ever(tmp_path, spool, log):
    samples = SampleFile(tmp_path / "s.csv.gz", largest_bytes=100)
    record = NodeRecord(spool, "t", 10.0, GpuChoice.ALL, log)
    record._samples = samples
    nodes = [node(f"{i:02}", host=f"h{i}", gpus=[gpu(k) for k in range(8)]) for i in range(9)]
    for i in range(3):
        record.take(*_at(i, *nodes))
    assert samples.n_left_out == 2
    record.close()
    written = json.loads((spool.metrics_dir / "summary.json").read_text("utf-8"))
    assert "samples.csv.gz lacks 2 samples: it had no room." in written["sentences"]


def test_a_summary_is_there_before_the_end_for_a_runner_that_is_killed(spool, log):
    record = NodeRecord(spool, "t", 10.0, GpuChoice.ALL, log)
    for i in range(60):
        record.take(*_at(i, node(head=True)))
    written = json.loads((spool.metrics_dir / "summary.json").read_text("utf-8"))
    assert written["n_samples"] == 60


def test_processes_are_ours_that_we_or_ours_started():
    assert descends_from_us(os.getpid())
    assert not descends_from_us(os.getppid())
    assert not descends_from_us(1)
    assert not descends_from_us(2**22 + 1)
    code = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'input()'])"
    child = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE)
    try:
        assert descends_from_us(child.pid)
    finally:
        child.communicate(b"\n")
