"""What goes along with a notebook: progress, snapshots, and what waits for a server."""

from __future__ import annotations

import itertools
import json
import threading
import time

import nbformat

from rayspace.errors import SpecError
from rayspace.gateways.memory.runs import MemoryRunGateway
from rayspace.model.job import Progress
from rayspace.model.run import Tag
from rayspace.runner.reporter import CELLS_DONE, Reporter
from rayspace.runner.snapshots import Snapshots
from tests.runner.workshop import notebook
from tests.waiting import wait_for, waits_for


def test_progress_is_written_at_most_once_a_second(workshop):
    record = workshop.submit(notebook(*["import time; time.sleep(0.05)"] * 40))
    began_s = time.monotonic()
    result = workshop.attempt(record)
    elapsed_s = time.monotonic() - began_s
    # Claims and the verdict are not written by the reporter.
    n_writes = sum(call == "update" for call, _ in workshop.runs.calls) - 2
    assert 2 <= n_writes <= elapsed_s + 1
    # When it was read what is written, which a server that is slow to take it does not move; at
    # the end it is read once more, whenever that is.
    read_ms = [metric[3] for metric in workshop.runs.metric_history if metric[1] == CELLS_DONE]
    assert all(late - early >= 990 for early, late in itertools.pairwise(read_ms[:-1]))
    progress = json.loads(result.tag(Tag.PROGRESS))
    assert (progress["n_done"], progress["n_cells"]) == (40, 40)
    assert result.run.metrics[CELLS_DONE] == 40


def test_a_snapshot_is_there_while_the_notebook_runs(workshop, monkeypatch):
    # The next one comes after a multiple of what the first one took, which may be long.
    monkeypatch.setattr(Snapshots.__init__, "__defaults__", (0.1, 0.0))
    gate = workshop.directory / "gate"
    record = workshop.submit(notebook("print('seen')", waits_for(gate), "print('end')"))
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
            found.append(wait_for(snapshot, "a snapshot with a running cell"))
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
    gate = workshop.directory / "gate"
    record = workshop.submit(notebook(waits_for(gate), "print('on')", "1"))

    def away() -> None:
        wait_for(lambda: "cell 1" in workshop.live_log(), "the first cell runs")
        runs.is_away = True
        wait_for(lambda: "is not written for now" in workshop.live_log(), "a write fails")
        gate.touch()
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
    gate = workshop.directory / "gate"
    record = workshop.submit(notebook(waits_for(gate), "print('kept')"))

    def away() -> None:
        wait_for(lambda: "cell 1" in workshop.live_log(), "the first cell runs")
        runs.is_away = True
        gate.touch()

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
    gate = workshop.directory / "gate"
    record = workshop.submit(notebook(waits_for(gate), "print('kept')"))

    def away() -> None:
        wait_for(lambda: "cell 1" in workshop.live_log(), "the first cell runs")
        runs.is_away = True
        gate.touch()
        wait_for(lambda: "trying again" in workshop.live_log(), "its results can't be stored")
        time.sleep(1.5)  # Longer than a runner waits that leaves all on the disk of its machine.
        runs.is_away = False

    threading.Thread(target=away).start()
    result = workshop.attempt(record, RAYSPACE_PATIENCE_S="600")
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
