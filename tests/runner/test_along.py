"""What goes along with a notebook: progress, snapshots, samples, and the watch on the head."""

from __future__ import annotations

import http.server
import itertools
import json
import tempfile
import threading
import time
from pathlib import Path

import nbformat
import pytest

from rayspace.errors import SpecError
from rayspace.gateways.memory.runs import MemoryRunGateway
from rayspace.model.job import Cause, Progress
from rayspace.model.measurement import GpuChoice
from rayspace.model.run import Artifact, Tag
from rayspace.runner import sampler as sampler_module
from rayspace.runner.dashboard import Dashboard
from rayspace.runner.log import RunnerLog
from rayspace.runner.node_record import NodeRecord
from rayspace.runner.reporter import CELLS_DONE, Reporter
from rayspace.runner.sampler import Sampler
from rayspace.runner.spool import Spool
from tests.runner.workshop import notebook
from tests.waiting import wait_for


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


@pytest.fixture
def lines():
    return []


@pytest.fixture
def log(lines):
    return RunnerLog(lambda content: lines.append(content.decode()))


def test_progress_is_written_at_most_once_a_second(workshop):
    record = workshop.submit(notebook(*["import time; time.sleep(0.05)"] * 40))
    result = workshop.attempt(record)
    # Claims and the verdict are not written by the reporter, which alone writes a heartbeat
    # while the job runs.
    updates = [at_ms for call, at_ms in workshop.runs.calls if call == "update"]
    between = updates[1:-1]
    assert len(between) >= 3
    gaps = [late - early for early, late in itertools.pairwise(between)]
    assert min(gaps) >= 990
    progress = json.loads(result.tag(Tag.PROGRESS))
    assert (progress["n_done"], progress["n_cells"]) == (40, 40)
    assert result.run.metrics[CELLS_DONE] == 40


def test_a_snapshot_is_there_while_the_notebook_runs(workshop):
    gate = workshop.directory / "gate"
    code = f"import os, time\nwhile not os.path.exists({str(gate)!r}): time.sleep(0.05)"
    record = workshop.submit(notebook("print('seen')", code, "print('end')"))
    found = []

    def look() -> None:
        def snapshot():
            if "results/train.ipynb" not in workshop.runs.artifacts(record.run_id):
                return None
            path = workshop.runs.download(
                record.run_id, "results/train.ipynb", workshop.directory / "look"
            )
            document = nbformat.read(path, as_version=4)
            return document if document.cells[2].metadata.papermill.status == "running" else None

        try:
            found.append(wait_for(snapshot, "a snapshot with a running cell", 20))
        finally:
            gate.touch()

    thread = threading.Thread(target=look)
    thread.start()
    result = workshop.attempt(record)
    thread.join()
    assert found[0].cells[1].outputs[0].text == "seen\n"
    assert [c.metadata.papermill.status for c in found[0].cells][1:] == [
        "completed",
        "running",
        "pending",
    ]
    assert [status for _, status in result.cells] == ["completed"] * 4


def test_a_server_that_goes_away_and_comes_back_loses_nothing(workshop):
    runs = workshop.runs
    code = "import time; time.sleep(1.5)"
    record = workshop.submit(notebook(code, "print('on')", code))

    def away() -> None:
        wait_for(lambda: "cell 1" in workshop.live_log(), "the first cell runs")
        runs.is_away = True
        wait_for(lambda: "trying again" in workshop.live_log(), "its results can't be stored")
        runs.is_away = False

    threading.Thread(target=away).start()
    result = workshop.attempt(record)
    assert result.exit_code == 0
    assert result.is_stored
    assert result.text("on") == "on\n"
    assert "is not written for now" in result.log
    assert result.tag(Tag.PHASE) == "succeeded"
    assert json.loads(result.tag(Tag.PROGRESS))["n_done"] == 3


def test_a_server_that_stays_away_leaves_all_in_the_spool(workshop, monkeypatch):
    monkeypatch.setattr("rayspace.runner.attempt.BUDGET_S", 1.0)
    runs = workshop.runs
    record = workshop.submit(notebook("import time; time.sleep(0.5)", "print('kept')"))

    def away() -> None:
        wait_for(lambda: "cell 1" in workshop.live_log(), "the first cell runs")
        runs.is_away = True

    threading.Thread(target=away).start()
    result = workshop.attempt(record)
    assert result.exit_code == 1
    assert not result.is_stored
    assert "kept" in result.left["results/train.ipynb"]
    assert json.loads(result.left["verdict.json"])["phase"] == "succeeded"
    assert "the verdict; all of it is kept in /tmp/" in result.left["driver.log"]


def test_where_the_disk_goes_with_the_pod_a_server_is_waited_for_longer(workshop, monkeypatch):
    monkeypatch.setattr("rayspace.runner.attempt.BUDGET_S", 0.5)
    runs = workshop.runs
    record = workshop.submit(notebook("import time; time.sleep(0.5)", "print('kept')"))

    def away() -> None:
        wait_for(lambda: "cell 1" in workshop.live_log(), "the first cell runs")
        runs.is_away = True
        wait_for(lambda: "trying again" in workshop.live_log(), "its results can't be stored")
        time.sleep(1.5)  # Longer than a runner waits that leaves all on the disk of its machine.
        runs.is_away = False

    threading.Thread(target=away).start()
    result = workshop.attempt(record, RAYSPACE_PATIENCE_S="60")
    assert (result.exit_code, result.is_stored) == (0, True)
    assert result.tag(Tag.PHASE) == "succeeded"


def test_the_reporter_keeps_what_it_could_not_write(log, lines):
    runs = MemoryRunGateway()
    run_id = runs.create(experiment="e", name="n", tags={}, params={}).run_id
    progress = Progress(1, 2, 2, "x", 1.0, 0.5)
    reporter = Reporter(runs, run_id, log, lambda: progress, min_interval_s=0.01, heartbeat_s=0.05)
    runs.is_away = True
    reporter.start()
    reporter.tags({"a": "b"})
    reporter.metrics([("system/head/cpu", 1.0, 1, 0)])
    wait_for(lambda: lines, "it says that the server is away")
    reporter.metrics([("system/head/cpu", 2.0, 2, 1)])
    runs.is_away = False
    wait_for(lambda: len(runs.metric_history) >= 3, "all is written")
    reporter.close(5)
    written = [metric[1:] for metric in runs.metric_history if metric[1] != CELLS_DONE]
    assert written == [("system/head/cpu", 1.0, 1, 0), ("system/head/cpu", 2.0, 2, 1)]
    assert runs.get(run_id).tags["a"] == "b"
    assert len(lines) == 2


def test_the_reporter_gives_signs_of_life(log):
    runs = MemoryRunGateway()
    run_id = runs.create(experiment="e", name="n", tags={}, params={}).run_id
    reporter = Reporter(runs, run_id, log, lambda: None, min_interval_s=0.01, heartbeat_s=0.05)
    reporter.start()
    first = wait_for(lambda: runs.get(run_id).tags.get(Tag.HEARTBEAT_MS), "a sign")
    wait_for(lambda: runs.get(run_id).tags[Tag.HEARTBEAT_MS] != first, "another sign")
    reporter.close(5)


def test_what_a_server_refuses_for_good_does_not_hold_up_the_rest(log, lines):
    class Refusing(MemoryRunGateway):
        def update(self, run_id, **kwargs):
            if any("bad" in metric[0] for metric in kwargs.get("metrics", ())):
                raise SpecError("no such name")
            super().update(run_id, **kwargs)

    runs = Refusing()
    run_id = runs.create(experiment="e", name="n", tags={}, params={}).run_id
    reporter = Reporter(runs, run_id, log, lambda: None, min_interval_s=0.01, heartbeat_s=0.05)
    reporter.metrics([("bad", 1.0, 1, 0)])
    reporter.start()
    wait_for(lambda: lines, "it is told")
    reporter.metrics([("good", 1.0, 1, 0)])
    wait_for(lambda: "good" in runs.get(run_id).metrics, "the rest is written")
    reporter.close(5)


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
    assert lost.wait(10)
    sampler.close(5)
    assert any("does not answer" in line for line in lines)


def test_a_dashboard_that_restarts_is_no_lost_head(log, lines):
    server = FakeHead()
    port = server.server_port
    sampler, lost, sent = _sampler(server.url, log, lost_after_s=30)
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
    assert lost.wait(10)
    sampler.close(5)


def test_another_head_in_its_place_is_a_lost_head(log):
    server = FakeHead()
    port = server.server_port
    sampler, lost, sent = _sampler(server.url, log, lost_after_s=30)
    sampler.start()
    wait_for(lambda: sent, "a sample")
    server.end()
    wait_for(lambda: sampler._gone_since_s, "it is noticed")
    server = FakeHead(port, session="session_2")
    assert lost.wait(10)
    sampler.close(5)
    server.end()


def test_a_lost_head_ends_the_job_with_its_record(workshop, monkeypatch):
    monkeypatch.setattr(sampler_module, "_LOST_AFTER_S", 0.5)
    monkeypatch.setattr(sampler_module, "_LOOK_EVERY_S", 0.2)
    monkeypatch.setattr(Sampler.__init__, "__defaults__", (0.5,))
    server = FakeHead()
    record = workshop.submit(notebook("import time; time.sleep(60)"))

    def lose() -> None:
        wait_for(lambda: "cell 1" in workshop.live_log(), "the cell runs")
        server.end()

    threading.Thread(target=lose).start()
    result = workshop.attempt(record, RAYSPACE_DASHBOARD_URL=server.url)
    assert result.verdict.cause is Cause.HEAD_LOST
    assert result.verdict.summary == "The head of the cluster was lost in cell 1."
    assert Artifact.DRIVER_LOG in result.files
    assert result.cells[-1][1] == "failed"


def test_an_error_of_a_cell_is_blamed_on_a_head_that_is_gone(workshop):
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
