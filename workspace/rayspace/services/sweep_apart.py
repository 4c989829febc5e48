"""Sweeps whose trials are jobs of their own: start them, and complete the record of the whole."""

from __future__ import annotations

import asyncio
import json
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from rayspace.core.jobs.lifecycle import STATUS_OF_PHASE, recorded_verdict, verdict_tags
from rayspace.core.jobs.sweep import trial_key, trial_name
from rayspace.core.jobs.sweep_apart import apart_table, apart_verdict, trials_apart
from rayspace.errors import RayspaceError, UsageError
from rayspace.loop import in_thread
from rayspace.model.progress import Report, Stage
from rayspace.model.run import Artifact, RunStatus, Tag
from rayspace.model.target import LOCAL

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Mapping

    from rayspace.gateways.contracts import RunGateway
    from rayspace.model.job import JobOrder, Verdict
    from rayspace.model.run import RunRecord
    from rayspace.model.submission import Destination

TABLE = "trials.json"
#: Trials that are started at a time. [1]
_AT_ONCE = 8


def orders_apart(sweep: JobOrder, run: RunRecord) -> Iterator[tuple[JobOrder, str, str]]:
    """Yield the order of each trial, the name of its run, and what it is called by.

    Parameters
    ----------
    sweep, run
        The order of the sweep, and its run, which holds what they all need.
    """
    for number, trial in enumerate(sweep.trials, start=1):
        name = f"{sweep.name}-{number}"
        order = replace(
            sweep,
            name=name,
            parameters={**sweep.parameters, **trial},
            trials=(),
            is_apart=False,
            bundle_run_id=run.run_id,
        )
        yield order, f"{name} {trial_name(trial)}", trial_key(trial)


def require_own(destination: Destination) -> None:
    """Raise where a job would share a cluster."""
    if destination.cluster or destination.target == LOCAL:
        raise UsageError(
            "Trials run apart on Kubernetes, where each gets a cluster of its own.",
            hint="Name a target with --on, or leave out --apart.",
        )


def sweep_tags(tags: Mapping[str, str], order: JobOrder) -> dict[str, str]:
    """Return the tags of a sweep's run: it runs nowhere itself.

    Parameters
    ----------
    tags
        Those of a job.
    order
        The sweep.
    """
    kept = {k: v for k, v in tags.items() if k not in {Tag.RAY_JOB_UID, Tag.CLUSTER}}
    return {**kept, Tag.N_APART: str(len(order.trials))}


async def start_apart(
    sweep: JobOrder,
    run: RunRecord,
    runs: RunGateway,
    put_on_record: Callable[[JobOrder, str, Mapping[str, str]], RunRecord],
    start: Callable[[JobOrder, RunRecord], Awaitable[None]],
    report: Report,
) -> None:
    """Start all trials of a sweep that is on record.

    Parameters
    ----------
    sweep, run
        The order of the sweep, and its run.
    runs
        The tracking server.
    put_on_record
        Makes the run of a trial from its order, its name and tags; blocks.
    start
        Starts a trial that is on record, or records that it could not.
    report
        Called with what could not be started.

    Raises
    ------
    RayspaceError
        If none of them could be started.
    """
    at_once = asyncio.Semaphore(_AT_ONCE)

    async def one(order: JobOrder, name: str, key: str) -> None:
        tags = {Tag.PARENT_RUN_ID: run.run_id, Tag.TRIAL: key}
        async with at_once:
            await start(order, await in_thread(put_on_record, order, name, tags))

    await in_thread(runs.set_status, run.run_id, RunStatus.RUNNING)
    results = await asyncio.gather(
        *(one(*item) for item in orders_apart(sweep, run)), return_exceptions=True
    )
    troubles = [result for result in results if isinstance(result, BaseException)]
    if troubles and (len(troubles) == len(results) or not isinstance(troubles[0], RayspaceError)):
        raise troubles[0]
    for trouble in troubles:
        report(Stage("trial", f"A trial could not be started: {trouble}", "note"))


def close_apart(runs: RunGateway, run: RunRecord, *, is_complete: bool = False) -> Verdict | None:
    """Complete the record of a sweep once all of its trials have ended. Blocks.

    The last of their runners does so, and whoever looks: doing it twice does no harm.

    Parameters
    ----------
    runs, run
        The run of the sweep.
    is_complete
        Whether no more trials will be put on record.

    Returns
    -------
    Verdict or None
        How it ended; None while it goes on.
    """
    recorded = recorded_verdict(run.tags)
    if recorded is not None:
        return recorded
    trials = trials_apart(runs.children(run))
    verdict = apart_verdict(trials, int(run.tags[Tag.N_APART]), is_complete=is_complete)
    if verdict is None:
        return None
    varied = sorted({key for trial in trials for key in json.loads(trial.tags[Tag.TRIAL])})
    with tempfile.TemporaryDirectory(prefix="rayspace-") as directory:
        path = Path(directory) / TABLE
        path.write_text(json.dumps(apart_table(trials, varied), indent=1, default=str), "utf-8")
        runs.upload(run.run_id, path, Artifact.RESULTS_DIR)
    runs.update(run.run_id, tags=verdict_tags(verdict))
    runs.set_status(run.run_id, STATUS_OF_PHASE[verdict.phase])
    return verdict


async def trials_of(runs: RunGateway, run: RunRecord) -> list[RunRecord]:
    """List the trials of a sweep that are on record."""
    return trials_apart(await in_thread(runs.children, run))
