"""Say how a job ended, in one sentence: values in, values out."""

from __future__ import annotations

import re
import signal
from dataclasses import replace
from typing import TYPE_CHECKING

from rayspace.model.job import Cause, JobPhase, Verdict
from rayspace.runner.observer import plain_text
from rayspace.runner.processes import exit_in_words
from rayspace.units import format_duration

if TYPE_CHECKING:
    from rayspace.model.job import JobOrder
    from rayspace.runner.execution import Ending

#: As much of an exception's text as a sentence bears, and as a tag should. [1]
_SENTENCE_LENGTH = 300
_EVALUE_LENGTH = 2000
_WHERE = re.compile(r" in cell \d+")


def verdict_of(
    ending: Ending, order: JobOrder, *, cell_number: int, failed_cell: int, head_answers: bool
) -> Verdict:
    """Turn the end of an execution into a verdict.

    Parameters
    ----------
    ending
        How it ended.
    order
        The job.
    cell_number
        Number of the code cell at which it ended, from 1; 0 for none. [1]
    failed_cell
        Index of that cell among the cells of the executed notebook; -1 for none. [1]
    head_answers
        Whether the head of the cluster still answers: if not, it takes the blame.

    Returns
    -------
    Verdict
        The verdict.
    """
    cause = ending.cause
    if cause is Cause.NONE:
        return Verdict(JobPhase.SUCCEEDED)
    ename, evalue = plain_text(ending.ename), plain_text(ending.evalue)[:_EVALUE_LENGTH]
    if cause in {Cause.CELL_ERROR, Cause.KERNEL_DIED} and not head_answers:
        cause = Cause.HEAD_LOST
    sentences = {
        Cause.CELL_ERROR: _raised(cell_number, ename, evalue),
        Cause.KERNEL_DIED: _died(ending, cell_number),
        Cause.CELL_TIMEOUT: f"Cell {cell_number} ran longer than its limit of"
        f" {format_duration(order.cell_timeout_s or 0)}.",
        Cause.DEADLINE: f"The job ran longer than its deadline of"
        f" {format_duration(order.deadline_s or 0)}{_in_cell(cell_number, '; it was in')}.",
        Cause.STOPPED: f"The job was stopped{_in_cell(cell_number, ' in')}.",
        Cause.HEAD_LOST: f"The head of the cluster was lost{_in_cell(cell_number, ' in')}."
        + (f" {_raised(cell_number, ename, evalue)}" if ename else ""),
    }
    return Verdict(
        phase=JobPhase.STOPPED if cause is Cause.STOPPED else JobPhase.FAILED,
        cause=cause,
        summary=sentences.get(cause, ending.detail),
        failed_cell=failed_cell,
        ename=ename,
        evalue=evalue,
    )


def taken_away(verdict: Verdict, attempt: int, retries: int) -> Verdict:
    """Say how a job ended whose pod Kubernetes took away: failed only where it is tried again.

    Parameters
    ----------
    verdict
        As it would be of a job whose head was lost.
    attempt
        Number of the attempt, from 1. [1]
    retries
        How often the job may be run anew. [1]
    """
    where = _WHERE.search(verdict.summary)
    place = where[0] if where else ""
    is_last = attempt > retries
    return replace(
        verdict,
        phase=JobPhase.STOPPED if is_last else JobPhase.FAILED,
        cause=Cause.STOPPED if is_last else Cause.HEAD_LOST,
        summary=f"Kubernetes took the job's pod away{place}: it was deleted, or its node drained.",
    )


def killed_verdict(returncode: int, *, stopped: bool) -> Verdict:
    """Say how a runner ended that left no verdict.

    Parameters
    ----------
    returncode
        How its process ended. [1]
    stopped
        Whether it was asked to stop before that.
    """
    if stopped:
        return Verdict(JobPhase.STOPPED, Cause.STOPPED, "The job was stopped.")
    how = exit_in_words(returncode)
    if returncode >= 0:
        return Verdict(JobPhase.FAILED, Cause.RUNNER_ERROR, f"The runner ended with {how}.")
    memory = ", as the kernel does when memory runs out" if returncode == -signal.SIGKILL else ""
    return Verdict(JobPhase.FAILED, Cause.RUNNER_KILLED, f"The runner was killed by {how}{memory}.")


def _raised(cell_number: int, ename: str, evalue: str) -> str:
    first = next((line.strip() for line in evalue.splitlines() if line.strip()), "")
    text = f"{ename}: {first}" if first else ename
    if len(text) > _SENTENCE_LENGTH:
        text = text[: _SENTENCE_LENGTH - 1] + "…"
    return f"Cell {cell_number} raised {text}"


def _died(ending: Ending, cell_number: int) -> str:
    if cell_number == 0:
        reason = f": {ending.detail.rstrip('.')}" if ending.detail else ""
        return f"The kernel did not start{reason}."
    how = f" ({exit_in_words(ending.returncode)})" if ending.returncode is not None else ""
    memory = (
        "; this is what the system does when memory runs out"
        if ending.returncode == -signal.SIGKILL
        else ""
    )
    return f"The kernel died in cell {cell_number}{how}{memory}."


def _in_cell(cell_number: int, words: str) -> str:
    return f"{words} cell {cell_number}" if cell_number else ""
