"""See where a job stands, and complete the record of one whose runner can't any more."""

from __future__ import annotations

import contextlib
import dataclasses
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from rayspace.core.jobs.lifecycle import (
    UNSEEN,
    has_own_cluster,
    is_quiet,
    is_runner_starting,
    is_submission_over,
    job_state,
    last_words,
    missing_verdict,
    recorded_verdict,
    silence_ms,
)
from rayspace.core.jobs.ray_job_verdict import is_kept
from rayspace.core.jobs.sweep_apart import apart_progress, is_apart
from rayspace.errors import RayspaceError
from rayspace.loop import in_thread
from rayspace.model.job import Cause, JobPhase
from rayspace.model.progress import Stage
from rayspace.model.run import Tag
from rayspace.services.results import results_dir
from rayspace.services.settlement import settle, store_logs
from rayspace.services.sweep_apart import close_apart, trials_of

if TYPE_CHECKING:
    from rayspace.core.jobs.lifecycle import Observation
    from rayspace.gateways.contracts import Clock, RunGateway
    from rayspace.model.job import JobState, Progress, Verdict
    from rayspace.model.place import Place
    from rayspace.model.run import RunRecord
    from rayspace.services.ledgers import Ledger
    from rayspace.services.live import LiveSide


def opening(tracking_uri: str) -> Stage:
    """Return the stage of a verb that looks into the tracking server, which may take seconds."""
    is_database = tracking_uri.startswith("sqlite")
    text = "Opening the tracking database" if is_database else "Asking the tracking server"
    return Stage("tracking", text, is_passing=True)


def cell_text(progress: Progress) -> str:
    """Say which cell runs; before the first one its kernel is what takes the time."""
    if progress.unit == "trial":
        if progress.cell_preview or not progress.n_done:
            return f"Trials, {progress.cell_preview or 'starting'}"
        return f"{progress.n_done} of {progress.n_cells} trials"
    if not progress.cell_number:
        return "Starting the kernel"
    return f"Cell {progress.cell_number} of {progress.n_cells}: {progress.cell_preview}"


def stage_of(job: JobState) -> Stage:
    """Return the stage at which a job is."""
    progress = job.progress
    if progress is None or not progress.n_cells:
        return Stage("cell", job.reason or f"{job.name} is {job.phase.value}")
    text = cell_text(progress)
    if job.reason and not job.phase.is_terminal:
        # It stands still, or nobody can say.
        text = f"{text} ({job.reason.rstrip('.')})"
    return Stage("cell", text, done=progress.n_done, total=progress.n_cells)


class JobObserver:
    """Joins what a run says with what Ray and KubeRay say.

    Parameters
    ----------
    live
        The live side of jobs.
    clock
        Tells the time.
    place
        This machine and this person.
    """

    def __init__(self, live: LiveSide, clock: Clock, place: Place) -> None:
        self._live = live
        self._clock = clock
        self._place = place

    async def state(self, record: RunRecord, ledger: Ledger) -> JobState:
        """Describe a job; one that ended without a verdict gets it now.

        Parameters
        ----------
        record
            Its run.
        ledger
            The tracking server that keeps it.

        Returns
        -------
        JobState
            The job.
        """
        verdict = recorded_verdict(record.tags)
        seen = UNSEEN
        if verdict is None and is_apart(record):
            return await self._sweep(record, ledger)
        if verdict is not None and verdict.phase is JobPhase.STOPPED:
            await self._release(record, ledger)
        if verdict is None:
            now_ms = self._clock.now_ms()
            seen = await self._live.observe(record, is_quiet=is_quiet(record, now_ms))
            verdict = missing_verdict(record, seen, now_ms)
            if verdict is None and is_runner_starting(record, seen):
                words = last_words(await self._live.log(record))
                seen = dataclasses.replace(seen, runner_says=words)
            if verdict is not None:
                record, verdict = await self._settled(record, ledger.runs, verdict, seen)
        return job_state(
            record,
            seen,
            verdict,
            tracking_uri=ledger.shown_uri,
            results_dir=results_dir(record, self._place),
            silent_ms=silence_ms(record, self._clock.now_ms()),
        )

    async def give_back(self, record: RunRecord, ledger: Ledger) -> None:
        """Delete a job with a cluster of its own, and keep what Kubernetes knows of it."""
        gateway = self._live.gateway(record)
        if gateway is None:
            return
        files = await self._live.aftermath(record)
        # Before it is stored: who looks and may not delete would store the same with each look.
        await gateway.delete(record.tags[Tag.JOB])
        with tempfile.TemporaryDirectory(prefix="rayspace-") as directory:
            await in_thread(store_logs, ledger.runs, record, files, Path(directory))

    async def _release(self, record: RunRecord, ledger: Ledger) -> None:
        """Give back the cluster of a job that was stopped while nobody waited for its end."""
        if not has_own_cluster(record) or Tag.RELEASED in record.tags:
            return
        seen = await self._live.observe(record)
        if not seen.cluster_answers:
            return
        # Who only looks may be allowed neither; another look tries again.
        with contextlib.suppress(RayspaceError):
            if seen.ray_job is None:
                # It is not asked for any more.
                tags = {Tag.RELEASED: "true"}
                await in_thread(lambda: ledger.runs.update(record.run_id, tags=tags))
            elif is_kept(seen.ray_job):
                await self.give_back(record, ledger)

    async def _sweep(self, record: RunRecord, ledger: Ledger) -> JobState:
        """Describe a sweep by its trials, which are jobs of their own."""
        runs = ledger.runs
        trials = await trials_of(runs, record)
        states = [await self.state(trial, ledger) for trial in trials]
        now_ms = self._clock.now_ms()
        is_complete = Tag.ACCEPTED_MS in record.tags or is_submission_over(record, now_ms)
        verdict = await in_thread(close_apart, runs, record, is_complete=is_complete)
        if verdict is not None:
            record = await in_thread(runs.get, record.run_id)
        shown = job_state(
            record,
            UNSEEN,
            verdict,
            tracking_uri=ledger.shown_uri,
            results_dir=results_dir(record, self._place),
        )
        if verdict is not None:
            return shown
        elapsed_s = max(0.0, (now_ms - shown.submitted_ms) / 1000)
        begun = [s for s in states if s.phase is not JobPhase.PENDING]
        waiting = [s for s in states if s.phase is JobPhase.PENDING]
        return dataclasses.replace(
            shown,
            phase=JobPhase.RUNNING if begun else JobPhase.PENDING,
            reason=f"{waiting[0].name}: {waiting[0].reason}" if waiting else "",
            progress=apart_progress(trials, int(record.tags[Tag.N_APART]), elapsed_s),
            is_stuck=bool(waiting) and all(s.is_stuck or s.phase.is_terminal for s in states),
        )

    async def _settled(
        self, record: RunRecord, runs: RunGateway, verdict: Verdict, seen: Observation
    ) -> tuple[RunRecord, Verdict]:
        """Store a verdict that its runner could not, unless it came while we looked."""
        fresh = await in_thread(runs.get, record.run_id)
        theirs = recorded_verdict(fresh.tags)
        if theirs is not None:
            return fresh, theirs
        files = await self._live.aftermath(record)
        log = await self._live.log(record)
        said = last_words(log)
        if verdict.cause is Cause.RUNNER_ERROR and said:
            verdict = dataclasses.replace(verdict, summary=f"{verdict.summary} It said: {said}")
        await in_thread(settle, runs, fresh, verdict, log, files)
        if seen.ray_job is not None and seen.ray_job.lost_head:
            await self._live.release(record)
        return await in_thread(runs.get, record.run_id), verdict
