"""Tracked sessions in trouble: killed processes, heads that go and come, servers that are away."""

from __future__ import annotations

import json
import os

import pytest

from rayspace.errors import GatewayUnavailableError, PhaseError
from rayspace.gateways.memory.runs import MemoryRunGateway
from rayspace.model.run import RunStatus, Tag
from rayspace.tracked import tracking
from rayspace.tracked.marks import Marks
from rayspace.tracked.session import TrackedSession, shown
from tests.unit.core.nodes.answers import gpu, node, summary


class Head:
    """A head that answers what a test says; nothing for gone."""

    is_known = True

    def __init__(self) -> None:
        self.answer: object = None

    def get_dated(self, path: str) -> tuple[object, None]:
        """Answer, or not."""
        if self.answer is None:
            raise ConnectionError("gone")
        return self.answer, None

    def session_name(self) -> str:
        """Return none, as heads that come back under another."""
        return ""

    def answers(self) -> bool:
        """Tell whether it is there."""
        return self.answer is not None


def begun(runs: MemoryRunGateway, name: str = "owl"):
    """Create a run that is under way."""
    record = runs.create(experiment="night", name=name, tags={}, params={})
    runs.set_status(record.run_id, RunStatus.RUNNING)
    return record


@pytest.fixture
def runs() -> MemoryRunGateway:
    """Return a tracking server."""
    return MemoryRunGateway()


@pytest.fixture
def session(runs):
    """Return a session whose samples a test takes."""
    head = Head()
    tracked = shown(begun(runs), "lab", "local", "memory://")
    made = TrackedSession(tracked, runs, head, 10.0)
    made.head = head
    return made


def test_the_end_sums_up_and_can_be_tried_again_while_the_server_is_away(session, runs):
    """What was sampled is not lost by an end that failed."""
    session.head.answer = summary(node(head=True, gpus=[gpu(utilizationGpu=60)]))
    session._sampler._sample()
    runs.is_away = True
    with pytest.raises(GatewayUnavailableError):
        session.end(RunStatus.FINISHED)
    assert session.tracked.ended_ms == 0
    runs.is_away = False
    ended = session.end(RunStatus.FINISHED)
    record = runs.get(ended.run_id)
    assert record.status is RunStatus.FINISHED
    assert record.metrics["system/head/gpu_0_utilization_percentage"] == 60
    assert record.metrics["usage/samples"] == 1
    assert (ended.n_samples, ended.n_missed) == (1, 0)
    assert {"metrics/summary.json", "metrics/summary.html"} <= set(
        runs.artifacts(ended.run_id, "metrics")
    )
    assert not session._folder.exists()


def test_a_cluster_that_is_suspended_and_comes_back_is_sampled_on(session, runs):
    """What was missed is counted, and told at the end."""
    answer = summary(node(head=True))
    session.head.answer = answer
    session._sampler._sample()
    session.head.answer = None
    session._sampler._look()
    session._sampler._sample()
    session.head.answer = answer
    session._sampler._look()
    session._sampler._sample()
    ended = session.end(RunStatus.FINISHED)
    assert (ended.n_samples, ended.n_missed) == (2, 1)
    assert ended.sentences[0] == "1 of 3 samples could not be taken."


def test_the_run_of_a_process_that_is_gone_is_marked_once(tmp_path, runs):
    """That of one that lives is left alone, and so is one whose server does not answer."""
    marks = Marks(tmp_path / "tracked")
    mine, gone, ended, lost = (begun(runs, n) for n in ("mine", "gone", "ended", "lost"))
    for record in (mine, gone, ended):
        marks.set(record.run_id, "local")
    marks.set(lost.run_id, "far")
    for record in (gone, ended, lost):
        path = tmp_path / "tracked" / f"{record.run_id}.json"
        fields = {**json.loads(path.read_text("utf-8")), "started": "another"}
        path.write_text(json.dumps(fields), "utf-8")
    runs.set_status(ended.run_id, RunStatus.FINISHED)
    away = MemoryRunGateway()
    away.is_away = True
    assert marks.close_forgotten(lambda target: away if target == "far" else runs) == ["gone"]
    assert runs.get(gone.run_id).status is RunStatus.KILLED
    assert runs.get(gone.run_id).tags[Tag.SUMMARY] == "The process that tracked it ended."
    assert runs.get(mine.run_id).status is RunStatus.RUNNING
    assert runs.get(ended.run_id).status is RunStatus.FINISHED
    left = {path.stem for path in (tmp_path / "tracked").glob("*.json")}
    assert left == {mine.run_id, lost.run_id}
    assert marks.close_forgotten(lambda _: runs) == ["lost"]
    marks.clear(mine.run_id)
    assert list((tmp_path / "tracked").iterdir()) == []


def test_marks_of_others_and_of_deleted_runs_do_no_harm(tmp_path, runs):
    """A file that can't be read is passed over; that of a deleted run goes."""
    marks = Marks(tmp_path)
    (tmp_path / "broken.json").write_text("{")
    fields = {"target": "local", "pid": os.getpid(), "started": "another"}
    (tmp_path / "deleted.json").write_text(json.dumps(fields))
    assert marks.close_forgotten(lambda _: runs) == []
    assert [path.name for path in tmp_path.iterdir()] == ["broken.json"]


def test_nothing_that_is_tracked_can_not_be_ended():
    """The hint says how to begin."""
    with pytest.raises(PhaseError, match="Nothing is tracked") as caught:
        tracking.untrack()
    assert "track EXPERIMENT" in caught.value.hint
    assert tracking.tracked_now() is None
