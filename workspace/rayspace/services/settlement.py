"""Give a verdict to a job whose runner can't any more, and save what it left."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from rayspace.core.jobs.interruption import mark_interrupted
from rayspace.core.jobs.lifecycle import STATUS_OF_PHASE, verdict_tags
from rayspace.errors import NotFoundError
from rayspace.model.run import Artifact
from rayspace.services.results import notebook_name

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rayspace.gateways.contracts import RunGateway
    from rayspace.model.job import Verdict
    from rayspace.model.run import RunRecord


def settle(
    runs: RunGateway,
    run: RunRecord,
    verdict: Verdict,
    driver_log: str,
    more_logs: Mapping[str, str] | None = None,
) -> None:
    """Complete the record of a job.

    The status is set last: who waits for a terminal one finds everything in place. Doing it twice
    does no harm, so two lookers need not agree.

    Parameters
    ----------
    runs
        The tracking server.
    run
        The job's run, without a verdict.
    verdict
        How the job ended.
    driver_log
        The log as Ray has it; empty when Ray has none any more.
    more_logs
        Other logs as texts, by path with ``/``.
    """
    name = notebook_name(run)
    with tempfile.TemporaryDirectory(prefix="rayspace-") as directory:
        _mark_snapshot(runs, run, verdict, name, Path(directory))
        if driver_log:
            _store_log(runs, run, driver_log, Path(directory))
        store_logs(runs, run, more_logs or {}, Path(directory))
    runs.update(run.run_id, tags=verdict_tags(verdict))
    runs.set_status(run.run_id, STATUS_OF_PHASE[verdict.phase])


def _store_log(runs: RunGateway, run: RunRecord, log: str, directory: Path) -> None:
    """Store the log as Ray has it, unless the run holds more: what its runner last stored."""
    try:
        kept = runs.download(run.run_id, Artifact.DRIVER_LOG, directory)
        n_kept = len(kept.read_text("utf-8", "replace"))
    except NotFoundError:
        n_kept = 0
    if len(log) > n_kept:
        store_logs(runs, run, {Path(Artifact.DRIVER_LOG).name: log}, directory)


def store_logs(runs: RunGateway, run: RunRecord, logs: Mapping[str, str], directory: Path) -> None:
    """Store texts beside the driver's log.

    Parameters
    ----------
    runs, run
        The run that gets them.
    logs
        Texts by path with ``/``.
    directory
        A directory for copies.
    """
    for name, text in logs.items():
        artifact = Path(Artifact.DRIVER_LOG).parent / name
        copy = directory / artifact.name
        copy.write_text(text, "utf-8")
        runs.upload(run.run_id, copy, artifact.parent.as_posix())


def _mark_snapshot(
    runs: RunGateway, run: RunRecord, verdict: Verdict, name: str, directory: Path
) -> None:
    """Mark the cell that ran in the last snapshot, which stands where the result would."""
    try:
        path = runs.download(run.run_id, f"{Artifact.RESULTS_DIR}/{name}", directory)
    except NotFoundError:
        # The job had not begun to run cells: there is nothing to mark.
        return
    try:
        document = json.loads(path.read_text("utf-8"))
    except ValueError:
        # Half a file, from a runner that was killed while it uploaded; the verdict stands alone.
        return
    path.write_text(json.dumps(mark_interrupted(document, verdict.summary), indent=1), "utf-8")
    runs.upload(run.run_id, path, Artifact.RESULTS_DIR)
