"""The directory that the two processes of a runner share: who holds it, and who clears it away."""

from __future__ import annotations

import os
import tempfile

import pytest

from rayspace.runner.spool import Spool


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
