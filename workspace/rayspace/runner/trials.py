"""The runs of a sweep's trials, and the processes that run them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from rayspace.core.jobs.lifecycle import STATUS_OF_PHASE, recorded_verdict, verdict_tags
from rayspace.core.jobs.sweep import trial_key, trial_name
from rayspace.model.run import Tag
from rayspace.runner.attempts import KEPT_TAGS
from rayspace.runner.settings import PRIVATE_NAMES
from rayspace.runner.verdicts import killed_verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from rayspace.gateways.contracts import RunGateway
    from rayspace.model.job import JobOrder, Verdict
    from rayspace.model.run import RunRecord

#: Variables that only the runner needs, and that a trial's runner needs as well.
_HANDED_ON = ("RAYSPACE_CREDENTIAL_NAMES", "RAYSPACE_ARTIFACT_ROOT")


@dataclass
class Trial:
    """One trial of a sweep.

    Parameters
    ----------
    number
        Its place in the sweep, from 1. [1]
    values
        The parameters that make it.
    run_id
        Its run.
    verdict
        How it ended; None while it has not.
    process
        Its runner; None before it begins.
    """

    number: int
    values: dict[str, Any]
    run_id: str = ""
    verdict: Verdict | None = None
    process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    @property
    def name(self) -> str:
        """How it is called."""
        return trial_name(self.values)


def prepare_trials(runs: RunGateway, job: RunRecord, order: JobOrder) -> list[Trial]:
    """Find or make the run of each trial.

    An earlier attempt at the sweep may have made some; those that succeeded stay as they are.

    Parameters
    ----------
    runs
        The tracking server.
    job
        The job's run.
    order
        The job.
    """
    earlier: dict[str, RunRecord] = {}
    for child in reversed(runs.children(job)):
        if Tag.TRIAL in child.tags:
            earlier[child.tags[Tag.TRIAL]] = child
    trials = []
    for number, values in enumerate(order.trials, start=1):
        trial = Trial(number, dict(values))
        found = earlier.get(trial_key(values))
        verdict = recorded_verdict(found.tags) if found is not None else None
        if found is not None and verdict is None:
            trial.run_id = found.run_id
        elif found is not None and verdict is not None and verdict.phase.value == "succeeded":
            trial.run_id, trial.verdict = found.run_id, verdict
        else:
            trial.run_id = _make_run(runs, job, trial)
        trials.append(trial)
    return trials


def _make_run(runs: RunGateway, job: RunRecord, trial: Trial) -> str:
    tags = {key: job.tags[key] for key in KEPT_TAGS if key in job.tags}
    tags |= {Tag.PARENT_RUN_ID: job.run_id, Tag.TRIAL: trial_key(trial.values)}
    params = {**job.params, **{name: str(value) for name, value in trial.values.items()}}
    name = f"{job.tags.get(Tag.JOB, job.name)} {trial.name}"
    return runs.create(experiment=job.experiment, name=name, tags=tags, params=params).run_id


def trial_environment(
    inherited: Mapping[str, str], job_run_id: str, trial: Trial, spool_dir: str
) -> dict[str, str]:
    """Return the environment of a trial's runner.

    Parameters
    ----------
    inherited
        The environment of the sweep's runner.
    job_run_id
        Run that holds order and bundle.
    trial
        The trial.
    spool_dir
        The sweep's spool, which knows what was installed.
    """
    kept = {
        name: value
        for name, value in inherited.items()
        if name not in PRIVATE_NAMES or name in _HANDED_ON
    }
    return {
        **kept,
        "RAYSPACE_RUN_ID": trial.run_id,
        "RAYSPACE_ORDER_RUN_ID": job_run_id,
        "RAYSPACE_TRIAL": str(trial.number),
        "RAYSPACE_SWEEP_SPOOL": spool_dir,
    }


def start_trial(
    trial: Trial,
    environment: Mapping[str, str],
    tell: Callable[[str], None],
    ended: Callable[[Trial], None],
) -> None:
    """Start the runner of a trial.

    Parameters
    ----------
    trial
        The trial.
    environment
        As `trial_environment` returns it.
    tell
        Takes each line that it prints.
    ended
        Called from another thread once its runner has ended.
    """
    runner_path = environment["RAYSPACE_RUNNER_PATH"]
    command = [sys.executable, runner_path]
    changed = dict(environment)
    if not runner_path.endswith(".zip"):
        command = [sys.executable, "-m", "rayspace.runner"]
        inherited = changed.get("PYTHONPATH", "")
        changed["PYTHONPATH"] = os.pathsep.join(filter(None, [runner_path, inherited]))
        changed["PYTHONSAFEPATH"] = "1"
    trial.process = subprocess.Popen(
        command,
        env=changed,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    arguments = (trial, tell, ended)
    name = f"rayspace-trial-{trial.number}"
    threading.Thread(target=_follow, args=arguments, name=name, daemon=True).start()


def _follow(trial: Trial, tell: Callable[[str], None], ended: Callable[[Trial], None]) -> None:
    process = trial.process
    if process is None or process.stdout is None:  # it was given both
        return
    for line in process.stdout:
        tell(f"[{trial.name}] {line.decode(errors='replace').rstrip()}")
    process.wait()
    ended(trial)


def stop_trials(trials: Sequence[Trial]) -> None:
    """Ask the runners of trials to stop; each saves what it has."""
    for trial in trials:
        if trial.process is not None and trial.process.poll() is None:
            trial.process.send_signal(signal.SIGTERM)


def conclude_trial(runs: RunGateway, trial: Trial, *, stopped: bool) -> Verdict:
    """Return how a trial ended whose runner has; given here where that could not.

    Parameters
    ----------
    runs
        The tracking server.
    trial
        The trial.
    stopped
        Whether it was asked to stop.
    """
    verdict = recorded_verdict(runs.get(trial.run_id).tags)
    if verdict is None:
        returncode = 1 if trial.process is None else trial.process.returncode
        verdict = killed_verdict(returncode, stopped=stopped)
        runs.update(trial.run_id, tags=verdict_tags(verdict))
        runs.set_status(trial.run_id, STATUS_OF_PHASE[verdict.phase])
    return verdict
