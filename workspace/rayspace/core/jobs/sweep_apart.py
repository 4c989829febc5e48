"""Where a sweep stands whose trials are jobs of their own, each with its own cluster."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rayspace.core.jobs.lifecycle import recorded_verdict
from rayspace.model.job import Cause, JobPhase, Progress, Verdict
from rayspace.model.run import Tag
from rayspace.units import format_count

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from rayspace.model.run import RunRecord

#: How metrics begin that the runner logged of nodes, of their use, and of its progress.
_OF_MACHINES = ("system/", "usage/", "rayspace/")


def is_apart(run: RunRecord) -> bool:
    """Tell whether a job is a sweep whose trials are jobs of their own."""
    return Tag.N_APART in run.tags


def is_trial_apart(run: RunRecord) -> bool:
    """Tell whether a job is a trial of such a sweep."""
    return Tag.TRIAL in run.tags and Tag.JOB in run.tags


def trials_apart(children: Iterable[RunRecord]) -> list[RunRecord]:
    """Return the trials of a sweep, by name; of one that was run again the later run.

    Parameters
    ----------
    children
        Child runs of the sweep's run, the newest first.
    """
    latest: dict[str, RunRecord] = {}
    for child in children:
        if is_trial_apart(child):
            latest.setdefault(child.tags[Tag.TRIAL], child)
    return sorted(latest.values(), key=lambda run: (len(run.tags[Tag.JOB]), run.tags[Tag.JOB]))


def apart_progress(trials: list[RunRecord], n_trials: int, elapsed_s: float) -> Progress:
    """Return how many trials have ended, and which run.

    Parameters
    ----------
    trials
        Those that are on record.
    n_trials
        How many there are to be. [1]
    elapsed_s
        Since the sweep was submitted. [s]
    """
    running = [t for t in trials if Tag.ATTEMPT in t.tags and not recorded_verdict(t.tags)]
    return Progress(
        n_done=sum(recorded_verdict(trial.tags) is not None for trial in trials),
        n_cells=n_trials,
        cell_number=trials.index(running[0]) + 1 if running else 0,
        cell_preview=", ".join(trial_title(trial) for trial in running),
        elapsed_s=elapsed_s,
        cell_elapsed_s=0.0,
        unit="trial",
    )


def apart_verdict(trials: list[RunRecord], n_trials: int, *, is_complete: bool) -> Verdict | None:
    """Say how the sweep ended, None while a trial has not.

    Parameters
    ----------
    trials
        Those that are on record.
    n_trials
        How many there are to be. [1]
    is_complete
        Whether no more of them will be put on record.
    """
    verdicts = {trial_title(trial): recorded_verdict(trial.tags) for trial in trials}
    ended = {name: verdict for name, verdict in verdicts.items() if verdict is not None}
    if len(ended) < len(trials) or (len(trials) < n_trials and not is_complete):
        return None
    count = format_count(n_trials, "trial")
    if len(trials) < n_trials:
        text = f"The submission was cut off: {n_trials - len(trials)} of {count} were not started."
        return Verdict(JobPhase.LOST, Cause.NOT_STARTED, text)
    phases = [verdict.phase for verdict in ended.values()]
    if JobPhase.STOPPED in phases and all(
        phase in {JobPhase.STOPPED, JobPhase.SUCCEEDED} for phase in phases
    ):
        n_done = phases.count(JobPhase.SUCCEEDED)
        text = f"The sweep was stopped after {n_done} of {count}."
        return Verdict(JobPhase.STOPPED, Cause.STOPPED, text)
    bad = {n: v for n, v in ended.items() if v.phase is not JobPhase.SUCCEEDED}
    if not bad:
        return Verdict(JobPhase.SUCCEEDED)
    name, first = next(iter(bad.items()))
    text = f"{len(bad)} of {count} failed; the first, {name}: {first.summary}"
    return Verdict(JobPhase.FAILED, Cause.TRIALS_FAILED, text)


def apart_table(trials: list[RunRecord], parameters: Iterable[str]) -> list[dict[str, Any]]:
    """Return what came of each trial, as the sweep's result.

    Parameters
    ----------
    trials
        The trials.
    parameters
        Names of what they differ in.
    """
    rows = []
    names = list(parameters)
    for number, trial in enumerate(trials, start=1):
        verdict = recorded_verdict(trial.tags)
        rows.append(
            {
                "trial": number,
                "job": trial.tags[Tag.JOB],
                "parameters": {name: trial.params.get(name, "") for name in names},
                "run_id": trial.run_id,
                "phase": verdict.phase.value if verdict else "pending",
                "reason": verdict.summary if verdict else "",
                "metrics": own_metrics(trial.metrics),
            }
        )
    return rows


def own_metrics(metrics: Mapping[str, float]) -> dict[str, float]:
    """Return the metrics that the notebook logged: not those of nodes and of progress."""
    return {k: v for k, v in metrics.items() if not k.startswith(_OF_MACHINES)}


def trial_title(trial: RunRecord) -> str:
    """Return how a trial is called: its run bears the names of the job and of the trial."""
    return trial.name.partition(" ")[2] or trial.name
