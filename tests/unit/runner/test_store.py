"""The record of a job, where the tracking server does not let its runner in any more."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from rayspace.errors import AccessError
from rayspace.gateways.memory.runs import MemoryRunGateway
from rayspace.model.job import JobPhase, Verdict
from rayspace.model.run import Artifact, Tag
from rayspace.runner import store as stores
from rayspace.runner.log import RunnerLog
from rayspace.runner.spool import Spool
from rayspace.runner.store import RecordStore

if TYPE_CHECKING:
    from pathlib import Path


class Guarded(MemoryRunGateway):
    """A server that lets nobody in for a while."""

    def __init__(self, n_refusals: int) -> None:
        super().__init__()
        self.n_refusals = n_refusals

    def upload(self, run_id: str, path: Path, artifact_dir: str) -> None:
        if self.n_refusals:
            self.n_refusals -= 1
            raise AccessError("MLflow does not know the name.", hint="Log in.")
        super().upload(run_id, path, artifact_dir)


@pytest.mark.parametrize(("n_refusals", "is_stored"), [(2, True), (10**6, False)])
def test_credentials_that_ran_out_are_tried_for_a_minute(
    tmp_path, monkeypatch, n_refusals: int, is_stored: bool
) -> None:
    """Good again in time, nothing is lost; else everything stays, and the log says where."""
    monkeypatch.setattr(stores, "_FIRST_PAUSE_S", 0.01)
    monkeypatch.setattr(stores, "BUDGET_S", 60.0 if is_stored else 0.2)
    runs = Guarded(n_refusals)
    run = runs.create(experiment="e", name="n", tags={Tag.JOB: "n"}, params={})
    directory = tmp_path / "spool"
    directory.mkdir()
    spool = Spool(directory)
    spool.results_dir.mkdir()
    spool.driver_log.write_text("what was printed\n")
    lines: list[str] = []
    log = RunnerLog(write=lambda content: lines.append(content.decode()))
    store = RecordStore(runs, run.run_id, spool, log, budget_s=900.0)
    store.store(Verdict(JobPhase.SUCCEEDED))
    assert spool.is_stored is is_stored
    assert (Artifact.DRIVER_LOG in runs.artifacts(run.run_id, "logs")) is is_stored
    assert any("does not know the name" in line for line in lines)
    assert any(str(directory) in line for line in lines) is not is_stored
