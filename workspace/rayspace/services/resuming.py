"""Leave out the trials of a sweep that succeeded before."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from rayspace.core.jobs.lifecycle import recorded_verdict
from rayspace.core.jobs.sweep import trial_key
from rayspace.errors import PhaseError
from rayspace.model.job import JobPhase
from rayspace.model.progress import Report, Stage
from rayspace.model.run import Tag
from rayspace.units import format_count

if TYPE_CHECKING:
    from rayspace.gateways.contracts import RunGateway
    from rayspace.model.job import JobOrder
    from rayspace.model.run import RunRecord

#: Among so many jobs an earlier submission is looked for. [1]
_RECENT = 200


def without_done(runs: RunGateway, order: JobOrder, key: str, report: Report) -> JobOrder:
    """Return an order without the trials that succeeded in an earlier submission of the same.

    Blocks.

    Parameters
    ----------
    runs
        The tracking server.
    order
        The sweep.
    key
        What its earlier submissions are tagged with.
    report
        Called with what is left out.

    Raises
    ------
    PhaseError
        If nothing is left to do.
    """
    same = [run for run in runs.jobs(limit=_RECENT) if run.tags.get(Tag.SWEEP) == key]
    done = {trial: run for run in same for trial in _succeeded(runs, run)}
    left = tuple(trial for trial in order.trials if trial_key(trial) not in done)
    n_done = len(order.trials) - len(left)
    if not n_done:
        return order
    where = ", ".join(sorted({run.tags[Tag.JOB] for run in done.values()}))
    if not left:
        raise PhaseError(
            f"Nothing is left of this sweep: its trials succeeded already, in {where}.",
            hint="Run them once more with: --again",
        )
    text = (
        f"{format_count(n_done, 'trial')} of {len(order.trials)} succeeded already, in {where};"
        " only the others run (--again runs all)"
    )
    report(Stage("resumed", text, "note"))
    return replace(order, trials=left)


def only_failed(runs: RunGateway, job: RunRecord, order: JobOrder) -> JobOrder:
    """Return the order of a sweep that ended, with the trials that did not succeed.

    Blocks.

    Parameters
    ----------
    runs, job
        The run of the sweep.
    order
        Its order.

    Raises
    ------
    PhaseError
        If all of them did.
    """
    done = _succeeded(runs, job)
    left = tuple(trial for trial in order.trials if trial_key(trial) not in done)
    if not left:
        raise PhaseError(
            f"All trials of {job.tags[Tag.JOB]!r} have succeeded.",
            hint="Run them once more with submit and --again.",
        )
    return replace(order, trials=left)


def _succeeded(runs: RunGateway, job: RunRecord) -> set[str]:
    found = set()
    for child in runs.children(job):
        verdict = recorded_verdict(child.tags)
        if Tag.TRIAL in child.tags and verdict and verdict.phase is JobPhase.SUCCEEDED:
            found.add(child.tags[Tag.TRIAL])
    return found
