"""Jobs that end: how one is made to, and what is checked of all of them."""

from __future__ import annotations

import threading

from rayspace.core.jobs.interruption import ERROR_MARKER_TAG
from rayspace.model.run import Artifact, Tag
from rayspace.runner.stopping import StopSignals
from tests.runner.workshop import notebook
from tests.waiting import wait_for


def is_marked(result) -> bool:
    """Whether the cell after the anchor is the failed one, and the banner comes first."""
    cells = result.notebook.cells
    marks = [i for i, c in enumerate(cells) if ERROR_MARKER_TAG in c.metadata.get("tags", [])]
    if len(marks) != 2 or marks[0] != 0:
        return False
    failed = cells[marks[1] + 1]
    return (
        failed.metadata.papermill.status == "failed"
        and result.tag(Tag.FAILED_CELL) == str(marks[1] + 1)
        and "papermill-error-cell" in cells[marks[1]].source
    )


def check_complete(result) -> None:
    """Check that nothing of the record is missing, and that it ends with the verdict."""
    assert set(result.files) >= {
        "results/train.ipynb",
        "results/train.html",
        Artifact.DRIVER_LOG,
        Artifact.PACKAGES,
    }
    assert result.run.status.is_terminal
    assert result.is_stored
    assert result.tag(Tag.PHASE) == result.verdict.phase.value
    assert result.tag(Tag.CAUSE) == result.verdict.cause.value
    assert result.tag(Tag.SUMMARY) == result.verdict.summary


def act_in_cell(workshop, code, act, **order):
    """Run a job of one cell, and act once it prints the pid of the kernel."""
    tell = "import os; print(os.getpid(), flush=True)"
    record = workshop.submit(notebook(f"{tell}\n{code}"), **order)
    signals = StopSignals()

    def stop() -> None:
        def pid():
            lines = workshop.live_log().splitlines()
            return next((int(line) for line in lines if line.isdigit()), None)

        act(wait_for(pid, "the cell prints"), signals)

    thread = threading.Thread(target=stop)
    thread.start()
    result = workshop.attempt(record, signals)
    thread.join()
    return result
