"""Samples of the nodes, and the watch on the head of the cluster, while a notebook runs."""

from __future__ import annotations

import http.server
import json
import tempfile
import threading
from pathlib import Path

import pytest

from rayspace.model.job import Cause
from rayspace.model.measurement import GpuChoice
from rayspace.model.run import Artifact, Tag
from rayspace.runner import sampler as sampler_module
from rayspace.runner.dashboard import Dashboard
from rayspace.runner.node_record import NodeRecord
from rayspace.runner.sampler import Sampler
from rayspace.runner.spool import Spool
from tests.runner.workshop import notebook
from tests.waiting import PATIENCE_S, wait_for


class FakeHead(http.server.ThreadingHTTPServer):
    """Answers like the dashboard of a head with one node."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, port: int = 0, session: str = "session_1") -> None:
        self.session = session
        self.samples = 0
        self.seen_headers: list[dict[str, str]] = []
        super().__init__(("127.0.0.1", port), _Answers)
        threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def end(self) -> None:
        self.shutdown()
        self.server_close()


class _Answers(http.server.BaseHTTPRequestHandler):
    server: FakeHead

    def do_GET(self) -> None:
        self.server.seen_headers.append(dict(self.headers))
        if self.path == "/api/version":
            answer: object = {"session_name": self.server.session, "ray_version": "2.60.0"}
        else:
            self.server.samples += 1
            answer = {
                "data": {
                    "summary": [
                        {
                            "hostname": "vm",
                            "ip": "127.0.0.2",
                            "cpu": 12.5,
                            "mem": [1000, 500, 50.0, 500],
                            "raylet": {"nodeId": "aa", "isHeadNode": True, "state": "ALIVE"},
                        }
                    ]
                }
            }
        body = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def head():
    server = FakeHead()
    yield server
    server.end()


def test_nodes_are_sampled_at_once_and_at_the_end(head, log, workshop):
    record = workshop.submit(notebook("1"), sample_interval_s=3600)
    result = workshop.attempt(record, RAYSPACE_DASHBOARD_URL=head.url, RAY_AUTH_TOKEN="t" * 32)
    assert result.exit_code == 0
    assert result.tag(Tag.SESSION) == "session_1"
    assert result.run.metrics["system/head/cpu_utilization_percentage"] == 12.5
    history = workshop.runs.metric_history
    name = "system/head/cpu_utilization_percentage"
    steps = [metric[4] for metric in history if metric[1] == name]
    assert steps == [0, 1]
    assert {h.get("Authorization") for h in head.seen_headers} == {"Bearer " + "t" * 32}
    assert "t" * 32 not in result.log


def _sampler(head_url, log, gcs="", lost_after_s=0.5):
    lost = threading.Event()
    sent: list = []
    spool = Spool(Path(tempfile.mkdtemp()))
    record = NodeRecord(spool, "train", 0.05, GpuChoice.ALL, log)
    dashboard = Dashboard(head_url, gcs, {})
    sampler = Sampler(dashboard, 0.05, record, sent.extend, lost.set, log, lost_after_s)
    return sampler, lost, sent


def test_a_head_that_stays_away_is_lost(log, lines):
    server = FakeHead()
    sampler, lost, sent = _sampler(server.url, log)
    sampler.start()
    wait_for(lambda: sent, "a sample")
    server.end()
    assert lost.wait(PATIENCE_S)
    sampler.close(5)
    assert any("does not answer" in line for line in lines)


def test_a_dashboard_that_restarts_is_no_lost_head(log, lines):
    server = FakeHead()
    port = server.server_port
    sampler, lost, sent = _sampler(server.url, log, lost_after_s=600)
    sampler.start()
    wait_for(lambda: sent, "a sample")
    server.end()
    wait_for(lambda: any("does not answer" in line for line in lines), "it is noticed")
    server = FakeHead(port)
    wait_for(lambda: any("answers again" in line for line in lines), "it is noticed")
    assert not lost.is_set()
    sampler.close(5)
    server.end()


def test_a_dashboard_that_is_gone_is_no_lost_head_while_its_port_answers(log):
    dashboard_only, gcs = FakeHead(), FakeHead()
    sampler, lost, sent = _sampler(dashboard_only.url, log, f"127.0.0.1:{gcs.server_port}", 0.2)
    sampler.start()
    wait_for(lambda: sent, "a sample")
    dashboard_only.end()
    assert not lost.wait(1.5)
    gcs.end()
    assert lost.wait(PATIENCE_S)
    sampler.close(5)


def test_another_head_in_its_place_is_a_lost_head(log):
    server = FakeHead()
    port = server.server_port
    sampler, lost, sent = _sampler(server.url, log, lost_after_s=600)
    sampler.start()
    wait_for(lambda: sent, "a sample")
    server.end()
    wait_for(lambda: sampler._gone_since_s, "it is noticed")
    server = FakeHead(port, session="session_2")
    assert lost.wait(PATIENCE_S)
    sampler.close(5)
    server.end()


def test_another_head_is_told_from_the_first_one_as_soon_as_it_says_its_name(log, monkeypatch):
    server = FakeHead()
    port = server.server_port
    sampler, lost, sent = _sampler(server.url, log, lost_after_s=600)
    ask, asked = Dashboard.session_name, []

    def slow(dashboard):
        """Give up twice: at the first head, and at the one in its place."""
        asked.append(dashboard)
        return "" if len(asked) in {1, 3} else ask(dashboard)

    monkeypatch.setattr(Dashboard, "session_name", slow)
    sampler.start()
    wait_for(lambda: sent and len(asked) == 2, "it knows the first one")
    server.end()
    wait_for(lambda: sampler._gone_since_s, "it is noticed")
    server = FakeHead(port, session="session_2")
    assert lost.wait(PATIENCE_S)
    assert len(asked) == 4
    sampler.close(5)
    server.end()


def test_a_lost_head_ends_the_job_with_its_record(workshop, monkeypatch):
    monkeypatch.setattr(sampler_module, "_LOST_AFTER_S", 0.5)
    monkeypatch.setattr(sampler_module, "_LOOK_EVERY_S", 0.2)
    monkeypatch.setattr(Sampler.__init__, "__defaults__", (0.5,))
    server = FakeHead()
    record = workshop.submit(notebook("import time; time.sleep(600)"))

    def lose() -> None:
        wait_for(lambda: "cell 1" in workshop.live_log(), "the cell runs")
        server.end()

    threading.Thread(target=lose).start()
    result = workshop.attempt(record, RAYSPACE_DASHBOARD_URL=server.url)
    assert result.verdict.cause is Cause.HEAD_LOST
    assert result.verdict.summary == "The head of the cluster was lost in cell 1."
    assert Artifact.DRIVER_LOG in result.files
    assert result.cells[-1][1] == "failed"


def test_an_error_of_a_cell_is_blamed_on_a_head_that_is_gone(workshop, monkeypatch):
    # A kernel that is slow to start would be cut off first.
    monkeypatch.setattr(Sampler.__init__, "__defaults__", (600.0,))
    server = FakeHead()
    record = workshop.submit(notebook("raise RuntimeError('no head')"))

    class Ending(_Answers):
        def do_GET(self) -> None:
            super().do_GET()
            # Gone once the kernel may start.
            threading.Thread(target=server.end).start()

    server.RequestHandlerClass = Ending
    result = workshop.attempt(record, RAYSPACE_DASHBOARD_URL=server.url)
    assert result.verdict.cause is Cause.HEAD_LOST
    assert result.verdict.summary == (
        "The head of the cluster was lost in cell 1. Cell 1 raised RuntimeError: no head"
    )
    assert result.verdict.ename == "RuntimeError"
    assert result.cells[-1][1] == "failed"
