"""Attempts at one job: each that failed while another may follow is a child run of the job's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rayspace.model.job import Cause, JobPhase, Verdict
from rayspace.model.run import Tag
from rayspace.runner.spool import Spool
from rayspace.runner.store import RecordStore

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from rayspace.gateways.contracts import RunGateway
    from rayspace.model.run import RunRecord
    from rayspace.runner.log import RunnerLog

#: What a child run has of its job's.
KEPT_TAGS = (
    *(Tag.NOTEBOOK, Tag.SOURCE_DIR, Tag.CLUSTER, Tag.TARGET, Tag.PROFILE, Tag.HOST, Tag.USER),
    *(Tag.SOURCE_NAME, Tag.SOURCE_TYPE, Tag.RAYSPACE_VERSION),
)


def retries_of(environment: Mapping[str, str]) -> int:
    """Return how often a job may be run anew, as its runner is told. [1]"""
    text = environment.get("RAYSPACE_RETRIES", "")
    return int(text) if text.isdigit() else 0


def is_to_retry(verdict: Verdict, attempt: int, retries: int) -> bool:
    """Tell whether another attempt follows.

    Parameters
    ----------
    verdict
        How this one ended.
    attempt
        Its number, from 1; 0 when it never had the job. [1]
    retries
        How often the job may be run anew. [1]
    """
    return verdict.phase is JobPhase.FAILED and 0 < attempt <= retries


def create_attempt_run(runs: RunGateway, job: RunRecord, attempt: int) -> str:
    """Make the child run of an attempt, or find the one that it began; return its id.

    A runner whose pod ends may have made it and got no further.

    Parameters
    ----------
    runs
        The tracking server.
    job
        The job's run.
    attempt
        Number of the attempt, from 1. [1]
    """
    for child in runs.children(job):
        if child.tags.get(Tag.ATTEMPT) == str(attempt) and Tag.JOB not in child.tags:
            return child.run_id
    tags = {key: job.tags[key] for key in KEPT_TAGS if key in job.tags}
    tags |= {Tag.PARENT_RUN_ID: job.run_id, Tag.ATTEMPT: str(attempt)}
    name = f"{job.tags.get(Tag.JOB, job.name)}-attempt-{attempt}"
    return runs.create(experiment=job.experiment, name=name, tags=tags, params=job.params).run_id


def note_stored(runs: RunGateway, job_run_id: str, attempt: int) -> None:
    """Note in the job's run that an attempt has its record, and that another one follows.

    Parameters
    ----------
    runs, job_run_id
        The job's run.
    attempt
        Number of the attempt, from 1. [1]
    """
    runs.update(job_run_id, tags={Tag.ATTEMPT_STORED: str(attempt), Tag.PROGRESS: ""})


def record_lost(
    runs: RunGateway,
    job: RunRecord,
    attempt: int,
    log: RunnerLog,
    fetch_snapshot: Callable[[Path], None],
    earlier_log: Callable[[], str],
) -> None:
    """Record an attempt that was cut off before it could do so itself.

    Parameters
    ----------
    runs, job
        The job's run.
    attempt
        Number of the attempt, from 1. [1]
    log
        Takes what people should know.
    fetch_snapshot
        Puts the last snapshot of its notebook into a directory.
    earlier_log
        Returns what is left of its log.
    """
    summary = f"Attempt {attempt} was cut off with the head of its cluster."
    spool = Spool.create(job.run_id)
    try:
        spool.driver_log.write_text(f"{earlier_log()}\nrayspace: {summary}\n", "utf-8")
        fetch_snapshot(spool.results_dir)
        child = create_attempt_run(runs, job, attempt)
        store = RecordStore(runs, child, spool, log)
        store.store(store.mark_notebook(Verdict(JobPhase.FAILED, Cause.HEAD_LOST, summary)))
        note_stored(runs, job.run_id, attempt)
    finally:
        spool.remove()
