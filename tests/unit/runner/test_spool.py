"""The directory that the two processes of a runner share: who holds it, and who clears it away."""

from __future__ import annotations

import errno
import os
import tempfile

import pytest

from rayspace.core.jobs.lifecycle import recorded_verdict
from rayspace.gateways.memory.runs import MemoryRunGateway
from rayspace.model.job import JobPhase, Verdict
from rayspace.runner.log import RunnerLog
from rayspace.runner.spool import Spool
from rayspace.runner.store import RecordStore


@pytest.fixture(autouse=True)
def temporary(tmp_path, monkeypatch):
    """Give the spools a place of their own."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def test_a_new_spool_clears_away_what_nobody_holds() -> None:
    """Killed runners leave a copy of credentials; what is in use stays, and what is kept too."""
    orphan, live, left = (Spool.create(name) for name in ("orphan", "live", "left"))
    for spool in (orphan, live, left):
        spool.write_credentials({"TOKEN": "secret"})
    left.mark_left()
    orphan.let_go()
    left.let_go()
    Spool.create("next")
    assert not orphan.directory.exists()
    assert live.credentials.exists()
    assert left.results_dir.exists()
    assert not left.credentials.exists()


def test_a_process_that_inherits_the_lock_holds_the_spool() -> None:
    """The attempt may outlive its supervisor."""
    spool = Spool.create("job")
    inherited = os.dup(spool.held)
    spool.let_go()
    Spool.create("next")
    assert spool.directory.exists()
    os.close(inherited)
    Spool.create("last")
    assert not spool.directory.exists()


def test_what_is_no_spool_of_ours_stays(temporary) -> None:
    """One that is just being made has no lock yet, and a link leads elsewhere."""
    new = temporary / "rayspace-job-new"
    new.mkdir()
    elsewhere = temporary / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "held").touch()
    (temporary / "rayspace-job-link").symlink_to(elsewhere)
    Spool.create("next")
    assert new.exists()
    assert (elsewhere / "held").exists()


def test_room_is_kept_for_the_end_of_a_job_that_fills_the_disk() -> None:
    """It is taken on the disk itself, and given back once the notebook has ended."""
    spool = Spool.create("job")
    reserve = spool.directory / "reserve"
    assert reserve.stat().st_blocks * 512 >= 16 << 20
    for _ in range(2):
        spool.make_room()
        assert not reserve.exists()


def test_a_verdict_that_the_disk_does_not_take_is_stored_all_the_same(monkeypatch) -> None:
    """The run is where it counts."""
    spool, runs, lines = Spool.create("job"), MemoryRunGateway(), []
    run_id = runs.create(experiment="e", name="n", tags={}, params={}).run_id

    def full(*_words: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(spool, "write", full)
    store = RecordStore(runs, run_id, spool, RunnerLog(lines.append))
    assert store.store(store.mark_notebook(Verdict(JobPhase.SUCCEEDED)))
    assert recorded_verdict(runs.get(run_id).tags) == Verdict(JobPhase.SUCCEEDED)
    assert b"No space left on device" in b"".join(lines)
