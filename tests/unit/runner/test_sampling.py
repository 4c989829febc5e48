"""Samples on their way from a head in trouble to a tracking server that is away."""

from __future__ import annotations

import contextlib
import http.server
import json
import threading
import time
from email.utils import formatdate
from types import SimpleNamespace

import pytest

from rayspace.errors import GatewayUnavailableError
from rayspace.gateways.memory.runs import MemoryRunGateway
from rayspace.model.job import JobOrder
from rayspace.model.measurement import GpuChoice
from rayspace.runner.dashboard import Dashboard
from rayspace.runner.log import RunnerLog
from rayspace.runner.node_record import NodeRecord
from rayspace.runner.notebook_job import sums_up
from rayspace.runner.reporter import Reporter
from rayspace.runner.sampler import Sampler
from rayspace.runner.spool import Spool
from tests.unit.core.nodes.answers import gpu, node, summary


class Head(http.server.ThreadingHTTPServer):
    """A head that answers what a test says, and whose clock may be off."""

    daemon_threads = True

    def __init__(self) -> None:
        self.answers: list[bytes] = []
        self.ahead_s = 0.0
        self.length = 0
        self.date: str | None = None
        super().__init__(("127.0.0.1", 0), _Answers)
        threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()


class _Answers(http.server.BaseHTTPRequestHandler):
    server: Head

    def do_GET(self) -> None:
        body = self.server.answers.pop(0) if self.server.answers else b""
        if body == b"hang up":
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(body) + self.server.length))
        self.end_headers()
        self.wfile.write(body)

    def date_time_string(self, timestamp: float | None = None) -> str:
        del timestamp
        if self.server.date is not None:
            return self.server.date
        return formatdate(time.time() + self.server.ahead_s, usegmt=True)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def head():
    server = Head()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def lines():
    return []


class Sampling:
    """A sampler whose ticks a test makes."""

    def __init__(self, head, directory, lines):
        log = RunnerLog(write=lambda content: lines.append(content.decode()))
        self.sent = []
        self.spool = Spool(directory)
        record = NodeRecord(self.spool, "train", 10.0, GpuChoice.ALL, log)
        dashboard = Dashboard(f"http://127.0.0.1:{head.server_port}", "", {})
        self.sampler = Sampler(dashboard, 10.0, record, self.sent.extend, lambda: None, log)
        self.head = head

    def tick(self, answer):
        body = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        self.head.answers.append(body)
        self.sampler._sample()

    def close(self):
        self.sampler.close(1)
        path = self.spool.metrics_dir / "summary.json"
        return json.loads(path.read_text("utf-8"))


@pytest.fixture
def sampling(head, tmp_path, lines):
    return Sampling(head, tmp_path, lines)


def _answer(**changes):
    return summary(node(head=True, gpus=[gpu(**changes)]))


def _values(sampling, name):
    return [(value, step) for key, value, _, step in sampling.sent if key == name]


def test_failed_samples_are_told_once_and_counted(sampling, head, lines):
    name = "system/head/gpu_0_utilization_percentage"
    sampling.tick(_answer(utilizationGpu=1))
    sampling.tick(b"<html>")
    sampling.tick(b"[" * 200_000)
    sampling.tick(b"hang up")
    head.length = 1000
    sampling.tick(_answer(utilizationGpu=2))
    head.length = 0
    sampling.tick(_answer(utilizationGpu=3))
    sampling.tick(b"[]")
    assert _values(sampling, name) == [(1, 0), (3, 1)]
    told = [line for line in lines if "could not be sampled" in line]
    assert len(told) == 1
    summed = sampling.close()
    assert (summed["n_samples"], summed["n_missed"]) == (2, 5)
    assert "5 of 7 samples could not be taken." in summed["sentences"]
    assert _values(sampling, "usage/samples_missed") == [(5, 2)]


@pytest.mark.parametrize(("ahead_s", "told_s"), [(0.0, 0.0), (1.0, 0.0), (3600.0, 3600.0)])
def test_the_clock_of_the_head_counts(sampling, head, ahead_s, told_s):
    head.ahead_s = ahead_s
    before_s = time.time()
    sampling.tick(_answer())
    times_s = {at_ms / 1000 for _, _, at_ms, _ in sampling.sent}
    assert len(times_s) == 1
    assert before_s + told_s - 1 <= times_s.pop() <= time.time() + told_s + 1


@pytest.mark.parametrize("date", ["", "yesterday", "Mon, 99 Foo 2026 25:61:61 GMT"])
def test_a_head_that_does_not_tell_its_time_is_taken_at_ours(sampling, head, date):
    head.date = date
    before_s = time.time()
    sampling.tick(_answer())
    assert before_s - 1 <= sampling.sent[0][2] / 1000 <= time.time() + 1


class Away(MemoryRunGateway):
    """A server that is away until a test says that it is back."""

    def __init__(self) -> None:
        super().__init__()
        self.is_away = False
        self.n_refused = 0
        self.sizes: list[int] = []

    def update(self, run_id, **changes):
        if self.is_away:
            self.n_refused += 1
            raise GatewayUnavailableError("It is away.", system="mlflow", operation="update")
        self.sizes.append(len(changes.get("metrics") or ()))
        super().update(run_id, **changes)


def test_an_outage_costs_no_sample_and_each_keeps_its_time(lines):
    """A minute of 400 values each 10 s, and a few hours of them: two requests a write at most."""
    runs = Away()
    run_id = runs.create(experiment="e", name="n", tags={}, params={}).run_id
    log = RunnerLog(write=lambda content: lines.append(content.decode()))
    reporter = Reporter(runs, run_id, log, lambda: None, min_interval_s=0.0, heartbeat_s=0.05)
    runs.is_away = True
    ticks = [
        [(f"m{k}", float(step), 10_000 * step, step) for k in range(400)] for step in range(50)
    ]
    with contextlib.ExitStack() as stack:
        stack.callback(lambda: reporter.close(5))
        reporter.start()
        for tick in ticks[:25]:
            reporter.metrics(tick)
        give_up_s = time.monotonic() + 20
        while not runs.n_refused and time.monotonic() < give_up_s:
            time.sleep(0.01)
        for tick in ticks[25:]:
            reporter.metrics(tick)
        runs.is_away = False
        while sum(runs.sizes) < 20_000 and time.monotonic() < give_up_s:
            time.sleep(0.01)
    written = [(name, value, at_ms, step) for _, name, value, at_ms, step in runs.metric_history]
    assert written == [value for tick in ticks for value in tick]
    assert max(runs.sizes) <= 2000


@pytest.mark.parametrize(
    ("trial", "is_apart", "gpus", "expected"),
    [
        ("", False, "all", True),
        ("1", False, "all", False),
        ("1", False, "mine", True),
        ("1", True, "all", True),
    ],
)
def test_trials_that_share_a_cluster_leave_the_sum_to_their_sweep(trial, is_apart, gpus, expected):
    """Each would count the whole cluster as its own otherwise."""
    order = JobOrder("t", "t.ipynb", "b", is_apart=is_apart, sampled_gpus=gpus)
    inherited = {"RAYSPACE_TRIAL": trial} if trial else {}
    assert sums_up(inherited, order) is expected


def test_a_slow_head_is_no_clock_that_is_off(sampling, head, monkeypatch):
    """What takes it seconds was measured in between."""
    began_s = 1_795_464_000.0
    head.date = formatdate(began_s + 5, usegmt=True)
    clock = SimpleNamespace(time=iter([began_s, began_s + 5]).__next__, monotonic=time.monotonic)
    monkeypatch.setattr("rayspace.runner.sampler.time", clock)
    sampling.tick(_answer())
    assert sampling.sent[0][2] / 1000 == began_s + 2.5
