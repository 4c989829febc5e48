"""Run a sweep: each trial with a runner of its own, some of them at a time.

A trial is a child run with its own results. It takes order and bundle from the sweep's run, so that
they were uploaded once; the sweep itself keeps a table of what came of them.
"""

from __future__ import annotations

import json
import os
import queue
import threading
import time
from typing import TYPE_CHECKING, Any

from rayspace.core.jobs.sweep_apart import own_metrics
from rayspace.errors import RayspaceError
from rayspace.model.job import Cause, JobPhase, Progress, Verdict
from rayspace.runner.node_record import NodeRecord
from rayspace.runner.reporter import Reporter
from rayspace.runner.sampler import Sampler
from rayspace.runner.trials import (
    Trial,
    conclude_trial,
    prepare_trials,
    start_trial,
    stop_trials,
    trial_environment,
)
from rayspace.units import format_count, format_duration

if TYPE_CHECKING:
    from rayspace.runner.job_context import JobContext
    from rayspace.runner.reporter import Metrics
    from rayspace.runner.stopping import StopSignals

TABLE = "trials.json"
_CLOSE_S = 15.0
#: A kernel with Ray and MLflow takes a CPU and 500 MB: more at once must be asked for. [1]
_MAX_AUTO = 4


class SweepJob:
    """Runs the trials of one sweep.

    Parameters
    ----------
    context
        The job, and what it is run with.
    """

    def __init__(self, context: JobContext) -> None:
        self._order = context.order
        self._run = context.run
        self._settings = context.settings
        self._inherited = context.inherited
        self._runs = context.runs
        self._spool = context.spool
        self._log = context.log
        self._started_s = context.started_s
        self._trials: list[Trial] = []
        self._ended: queue.SimpleQueue[Trial | None] = queue.SimpleQueue()
        self._cause = Cause.NONE
        self._reporter = Reporter(context.runs, context.run.run_id, context.log, self._progress)
        self._sampler = Sampler(
            context.dashboard,
            context.order.sample_interval_s,
            NodeRecord(
                context.spool,
                context.order.name,
                context.order.sample_interval_s,
                context.order.gpu_choice,
                context.log,
                price_per_hour=context.order.price_per_hour,
            ),
            self._reporter.metrics,
            lambda: self.interrupt(Cause.HEAD_LOST),
            context.log,
        )
        self._timer: threading.Timer | None = None

    def run(self, signals: StopSignals) -> Verdict:
        """Run the trials that have not succeeded yet, and say how the sweep ended."""
        self._reporter.start()
        self._sampler.start()
        self._trials = prepare_trials(self._runs, self._run, self._order)
        signals.hand_to(self)
        self._set_deadline()
        waiting = [trial for trial in self._trials if trial.verdict is None]
        n_parallel = self._order.parallel or min(_MAX_AUTO, os.cpu_count() or 1)
        self._log.line(
            f"rayspace: {format_count(len(waiting), 'trial')} to run, {n_parallel} at a time."
        )
        running: list[Trial] = []
        while running or (waiting and self._cause is Cause.NONE):
            while waiting and len(running) < n_parallel and self._cause is Cause.NONE:
                running.append(self._start(waiting.pop(0)))
            self._reporter.changed()
            ended = self._ended.get()
            if ended is None:
                # Interrupted: those that run save what they have.
                stop_trials(running)
                continue
            running.remove(ended)
            self._conclude(ended)
        return self._verdict()

    def interrupt(self, cause: Cause) -> None:
        """Start no more trials, and stop those that run; the first cause counts."""
        if self._cause is Cause.NONE:
            self._cause = cause
            self._ended.put(None)

    def close(self, cause: Cause) -> tuple[dict[str, str], Metrics]:
        """End what goes along, and return what the last write of the job should carry."""
        if self._timer is not None:
            self._timer.cancel()
        wait_s = 1.0 if cause is Cause.HEAD_LOST else _CLOSE_S
        self._sampler.close(wait_s)
        self._write_table()
        return self._reporter.close(wait_s)

    def _set_deadline(self) -> None:
        if self._order.deadline_s is None:
            return
        left_s = self._order.deadline_s - (time.monotonic() - self._started_s)
        self._timer = threading.Timer(max(0.0, left_s), self.interrupt, [Cause.DEADLINE])
        self._timer.daemon = True
        self._timer.start()

    def _start(self, trial: Trial) -> Trial:
        self._log.line(f"rayspace: trial {trial.number} begins: {trial.name}")
        spool_dir = str(self._spool.directory)
        environment = trial_environment(self._inherited, self._run.run_id, trial, spool_dir)
        environment["RAYSPACE_RUNNER_PATH"] = self._settings.runner_path
        start_trial(trial, environment, self._log.line, self._ended.put)
        return trial

    def _conclude(self, trial: Trial) -> None:
        try:
            trial.verdict = conclude_trial(self._runs, trial, stopped=self._cause is not Cause.NONE)
        except RayspaceError as exc:
            text = f"What came of it is unknown: {exc}"
            trial.verdict = Verdict(JobPhase.LOST, Cause.RUNNER_ERROR, text)
        phase, why = trial.verdict.phase.value, trial.verdict.summary
        self._log.line(f"rayspace: trial {trial.number} {phase}{f': {why}' if why else ''}")

    def _progress(self) -> Progress | None:
        ended = [trial for trial in self._trials if trial.verdict is not None]
        running = [t for t in self._trials if t.verdict is None and t.process is not None]
        if not self._trials:
            return None
        return Progress(
            n_done=len(ended),
            n_cells=len(self._trials),
            cell_number=running[0].number if running else 0,
            cell_preview=", ".join(trial.name for trial in running),
            elapsed_s=round(time.monotonic() - self._started_s, 1),
            cell_elapsed_s=0.0,
            unit="trial",
        )

    def _verdict(self) -> Verdict:
        n_trials = len(self._trials)
        failed = [
            t for t in self._trials if t.verdict and t.verdict.phase is not JobPhase.SUCCEEDED
        ]
        n_open = sum(trial.verdict is None for trial in self._trials)
        if self._cause is Cause.STOPPED:
            n_done = n_trials - len(failed) - n_open
            text = f"The sweep was stopped after {n_done} of {format_count(n_trials, 'trial')}."
            return Verdict(JobPhase.STOPPED, Cause.STOPPED, text)
        if self._cause is Cause.DEADLINE:
            limit = format_duration(self._order.deadline_s or 0)
            text = f"The sweep ran longer than its deadline of {limit}."
            return Verdict(JobPhase.FAILED, Cause.DEADLINE, text)
        if self._cause is Cause.HEAD_LOST:
            text = "The head of the cluster was lost while the sweep ran."
            return Verdict(JobPhase.FAILED, Cause.HEAD_LOST, text)
        if failed:
            first = failed[0]
            why = first.verdict.summary if first.verdict else ""
            text = (
                f"{len(failed)} of {format_count(n_trials, 'trial')} failed;"
                f" the first, {first.name}: {why}"
            )
            return Verdict(JobPhase.FAILED, Cause.TRIALS_FAILED, text)
        return Verdict(JobPhase.SUCCEEDED)

    def _write_table(self) -> None:
        """Keep what came of each trial, as the sweep's result."""
        rows: list[dict[str, Any]] = []
        for trial in self._trials:
            verdict = trial.verdict
            rows.append(
                {
                    "trial": trial.number,
                    "parameters": trial.values,
                    "run_id": trial.run_id,
                    "phase": verdict.phase.value if verdict else "pending",
                    "reason": verdict.summary if verdict else "",
                    "metrics": self._metrics_of(trial),
                }
            )
        if rows:
            content = json.dumps(rows, indent=1, default=str).encode()
            self._spool.write(self._spool.results_dir / TABLE, content)

    def _metrics_of(self, trial: Trial) -> dict[str, float]:
        try:
            found = self._runs.get(trial.run_id).metrics
        except RayspaceError:
            # The run has them; the table is a comfort.
            return {}
        return own_metrics(found)
