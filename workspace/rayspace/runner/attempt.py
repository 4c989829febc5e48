"""One attempt at a job: the inner of the runner's two processes.

It fetches the order, claims the job, runs the notebook, and completes the record; whatever happens
in between, there is a verdict. Nobody but the runner sets the status of the job's run.
"""

from __future__ import annotations

import json
import math
import os
import time
import traceback
from dataclasses import fields, replace
from typing import TYPE_CHECKING, TypeVar

from rayspace.core.jobs.lifecycle import STATUS_OF_PHASE
from rayspace.core.jobs.sweep_apart import is_trial_apart
from rayspace.errors import GatewayError, JobNotFoundError, RayspaceError
from rayspace.model.job import Cause, JobOrder, JobPhase, Verdict
from rayspace.model.ray_job import DEADLINE_S
from rayspace.model.run import Artifact, RunStatus, Tag
from rayspace.model.tracking import BY_THE_SERVER
from rayspace.runner.attempts import (
    create_attempt_run,
    is_to_retry,
    note_stored,
    record_lost,
    retries_of,
)
from rayspace.runner.claim import claim
from rayspace.runner.dashboard import Dashboard
from rayspace.runner.exit_codes import exit_code
from rayspace.runner.job_context import JobContext
from rayspace.runner.log import RunnerLog
from rayspace.runner.settings import RunnerSettings
from rayspace.runner.spool import Spool
from rayspace.runner.stopping import StopRequested, StopSignals
from rayspace.runner.store import BUDGET_S, RecordStore
from rayspace.runner.timeline import Timeline
from rayspace.runner.verdicts import taken_away
from rayspace.services.sweep_apart import close_apart
from rayspace.units import format_duration

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from rayspace.gateways.contracts import RunGateway
    from rayspace.model.run import RunRecord
    from rayspace.runner.notebook_job import NotebookJob
    from rayspace.runner.sweep_job import SweepJob

T = TypeVar("T")

#: How long a tracking server that is away is waited for before the notebook. [s]
_PATIENCE_S = 120.0
#: The same for one that never answered: it may not be reachable from here at all. [s]
_FIRST_PATIENCE_S = 300.0
_PAUSE_S = 2.0
#: Each trial of a sweep samples the nodes less often: its sweep does so anyway. [s]
_TRIAL_SAMPLE_INTERVAL_S = 30.0
#: Ray kills what has not ended 60 s after a stop, and a driver without its head after 46 s. [s]
_BUDGETS_S = {Cause.STOPPED: 30.0, Cause.HEAD_LOST: 15.0}
#: The supervisor copies a line within milliseconds, on a machine that has time for it. [s]
_DRAIN_S = 10.0
#: What MLflow's client does in this process: retries are ours.
_CLIENT_ENV = {
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "20",
    **BY_THE_SERVER,
}


def main() -> int:
    """Run the attempt that the environment names.

    Returns
    -------
    int
        The exit code of the runner. [1]
    """
    started_s = time.monotonic()
    signals = StopSignals()
    signals.install()
    # The notebook's own MLflow must not inherit what we set for ours.
    inherited = dict(os.environ)
    for name, value in _CLIENT_ENV.items():
        os.environ.setdefault(name, value)
    settings = RunnerSettings.from_environment(inherited)
    from rayspace.gateways.mlflow.runs import MlflowRunGateway

    runs = MlflowRunGateway(settings.tracking_uri, settings.artifact_root)
    log = RunnerLog(secrets=settings.secrets)
    return Attempt(settings, inherited, runs, log, signals, started_s).run()


class Attempt:
    """One attempt.

    Parameters
    ----------
    settings
        What the runner is told.
    inherited
        The environment that it was started with.
    runs
        The tracking server.
    log
        The log of the job.
    signals
        Receives a stop.
    started_s
        When the runner began, on the monotonic clock. [s]
    """

    def __init__(
        self,
        settings: RunnerSettings,
        inherited: Mapping[str, str],
        runs: RunGateway,
        log: RunnerLog,
        signals: StopSignals,
        started_s: float,
    ) -> None:
        self._settings = settings
        self._inherited = inherited
        self._runs = runs
        self._log = log
        self._signals = signals
        self._started_s = started_s
        self._run_id = settings.run_id
        self._spool = Spool(settings.spool_dir)
        self._dashboard = Dashboard(settings.dashboard_url, settings.ray_address, inherited)
        #: The run as it was when this attempt began; None before.
        self._record: RunRecord | None = None
        self._job: NotebookJob | SweepJob | None = None
        self._timeline: Timeline | None = None
        self._last_line = ""
        self._has_answered = False
        self._retries = retries_of(inherited)
        self._order_run_id = inherited.get("RAYSPACE_ORDER_RUN_ID") or self._run_id
        self._trial = int(inherited.get("RAYSPACE_TRIAL") or 0)

    def run(self) -> int:
        """Run the attempt and return its exit code. [1]"""
        try:
            verdict = self._verdict()
        except StopRequested:
            verdict = Verdict(JobPhase.STOPPED, Cause.STOPPED, "The job was stopped as it began.")
        except RayspaceError as exc:
            verdict = Verdict(JobPhase.FAILED, Cause.RUNNER_ERROR, str(exc))
        except ImportError as exc:
            self._log.line(traceback.format_exc())
            verdict = Verdict(
                JobPhase.FAILED,
                Cause.RUNNER_ERROR,
                f"The package {exc.name!r} is missing where the job runs, which needs papermill,"
                " ipykernel and mlflow.",
            )
        except Exception as exc:  # noqa: BLE001  the last place that can still give a verdict
            self._log.line(traceback.format_exc())
            verdict = Verdict(JobPhase.FAILED, Cause.RUNNER_ERROR, f"The runner failed: {exc!r}")
        self._signals.finish()
        if self._signals.pod_ends and verdict.cause in {Cause.HEAD_LOST, Cause.STOPPED}:
            verdict = taken_away(verdict, self._spool.attempt, self._retries)
        if self._spool.is_stored:
            return exit_code(verdict)
        is_stored = self._store(verdict)
        if is_stored:
            self._close_sweep()
        return exit_code(verdict) if is_stored else max(exit_code(verdict), 1)

    def _verdict(self) -> Verdict:
        run = self._patiently(lambda: self._runs.get(self._run_id), _FIRST_PATIENCE_S)
        self._has_answered = True
        self._record = run
        session_name = self._dashboard.session_name()
        claimed = claim(run, session_name, self._retries)
        if claimed.verdict is not None and claimed.is_recorded:
            # The head submitted a job again that had ended: its verdict stands.
            self._log.line(f"rayspace: the job has ended already: {claimed.verdict.phase.value}.")
            self._complete_status(run, claimed.verdict)
            self._spool.write_verdict(claimed.verdict)
            self._spool.mark_stored()
            return claimed.verdict
        order = self._patiently(self._fetch_order)
        if claimed.lost_attempt:
            self._record_lost(order, run, claimed.lost_attempt)
        self._spool.write_attempt(claimed.attempt)
        self._patiently(lambda: self._runs.update(self._run_id, tags=claimed.tags(session_name)))
        if claimed.verdict is not None:
            self._fetch_earlier_results(order, self._spool.results_dir)
            # Ours takes its place in the run.
            self._log.line(self._earlier_log())
            return claimed.verdict
        self._patiently(lambda: self._runs.set_status(self._run_id, RunStatus.RUNNING))
        if not self._trial:
            job = run.tags.get(Tag.JOB, "")
            self._timeline = Timeline(self._inherited, job, self._spool, self._log)
            self._timeline.start()
        failure = self._spool.installation.failure
        if failure:
            return Verdict(JobPhase.FAILED, Cause.PACKAGES, failure)
        if not order.trials:
            self._fetch_bundle(order)
        return self._execute(order, run)

    def _execute(self, order: JobOrder, run: RunRecord) -> Verdict:
        from rayspace.runner.notebook_job import NotebookJob
        from rayspace.runner.sweep_job import SweepJob

        kind = SweepJob if order.trials else NotebookJob
        context = JobContext(
            order=order,
            run=run,
            settings=self._settings,
            inherited=self._inherited,
            runs=self._runs,
            spool=self._spool,
            dashboard=self._dashboard,
            log=self._log,
            started_s=self._started_s,
        )
        self._job = kind(context)
        return self._job.run(self._signals)

    def _store(self, verdict: Verdict) -> bool:
        if not self._has_answered:
            # It was waited for, may not be reachable from here at all, and has nothing to keep yet:
            # who looks reads the rest in Ray's log.
            self._log.line(f"rayspace: the job {verdict.phase.value}: {verdict.summary}")
            self._spool.write_verdict(verdict)
            self._spool.mark_left()
            return False
        budget_s = _BUDGETS_S.get(verdict.cause, max(BUDGET_S, self._settings.patience_s))
        attempt = self._spool.attempt
        run_id = self._run_id
        if is_to_retry(verdict, attempt, self._retries):
            run_id = self._attempt_run(attempt)
        store = RecordStore(
            self._runs, run_id, self._spool, self._log, budget_s, parent_run_id=self._run_id
        )
        verdict = store.mark_notebook(verdict)
        tags, metrics = self._job.close(verdict.cause) if self._job is not None else ({}, [])
        if self._timeline is not None:
            self._timeline.close(has_failed=verdict.phase is not JobPhase.SUCCEEDED)
        elapsed = format_duration(time.monotonic() - self._started_s)
        if verdict.phase is JobPhase.SUCCEEDED:
            self._last_line = f"rayspace: the job succeeded in {elapsed}."
        else:
            how = verdict.phase.value
            self._last_line = f"rayspace: the job {how} in {elapsed}: {verdict.summary}"
        # As it stands in the log, where it is looked for.
        self._last_line = self._log.masked(self._last_line)
        self._log.line(self._last_line)
        is_stored = store.store(verdict, tags=tags, metrics=metrics, drain_log=self._drain_log)
        if run_id != self._run_id:
            self._patiently(lambda: note_stored(self._runs, self._run_id, attempt))
            self._spool.mark_to_retry()
        return is_stored

    def _close_sweep(self) -> None:
        """Complete the sweep of which this is the last trial, where they are jobs of their own."""
        # Whose trial it is does not change.
        run = self._record
        if run is None or not is_trial_apart(run):
            return
        try:
            close_apart(self._runs, self._runs.get(run.tags[Tag.PARENT_RUN_ID]))
        except RayspaceError as exc:
            # Whoever looks does so.
            self._log.line(f"rayspace: the sweep is not completed yet: {exc.message}")

    def _attempt_run(self, attempt: int) -> str:
        """Make the child run of an attempt that another one follows."""
        try:
            job = self._patiently(lambda: self._runs.get(self._run_id))
            return self._patiently(lambda: create_attempt_run(self._runs, job, attempt))
        except RayspaceError as exc:
            self._log.line(f"rayspace: no other attempt follows: {exc}")
            return self._run_id

    def _record_lost(self, order: JobOrder, run: RunRecord, attempt: int) -> None:
        try:
            record_lost(
                self._runs,
                run,
                attempt,
                self._log,
                lambda directory: self._fetch_earlier_results(order, directory),
                self._earlier_log,
            )
        except RayspaceError as exc:
            self._log.line(f"rayspace: attempt {attempt} has no record of its own: {exc}")

    def _drain_log(self) -> None:
        """Wait until the supervisor has written our last line to the log that is stored."""
        give_up_s = time.monotonic() + _DRAIN_S
        line = self._last_line.encode(errors="replace")
        while time.monotonic() < give_up_s:
            with self._spool.driver_log.open("rb") as stream:
                size = stream.seek(0, os.SEEK_END)
                stream.seek(max(0, size - 4 * len(line) - 4096))
                if line in stream.read():
                    return
            time.sleep(0.01)

    def _fetch_order(self) -> JobOrder:
        path = self._runs.download(
            self._order_run_id, Artifact.ORDER, self._spool.directory / "order"
        )
        content = json.loads(path.read_bytes())
        # A newer submitter may say more than this runner understands.
        known = {field.name for field in fields(JobOrder)}
        order = JobOrder(**{key: value for key, value in content.items() if key in known})
        if order.deadline_s is None and self._inherited.get(DEADLINE_S):
            order = replace(order, deadline_s=float(self._inherited[DEADLINE_S]))
        if not self._trial:
            return order
        values = {**order.parameters, **order.trials[self._trial - 1]}
        # The sweep keeps the deadline, and tells of the nodes.
        interval_s = max(order.sample_interval_s, _TRIAL_SAMPLE_INTERVAL_S)
        return replace(
            order, parameters=values, trials=(), deadline_s=None, sample_interval_s=interval_s
        )

    def _fetch_bundle(self, order: JobOrder) -> None:
        from rayspace.gateways.project.archive import unpack

        archive = self._patiently(
            lambda: self._runs.download(
                order.bundle_run_id or self._order_run_id,
                order.bundle,
                self._spool.directory / "bundle",
            )
        )
        unpack(archive, self._spool.work_dir)
        archive.unlink()

    def _fetch_earlier_results(self, order: JobOrder, directory: Path) -> None:
        """Take over the last snapshot of the attempt that was cut off."""
        name = order.notebook.rpartition("/")[2]
        try:
            path = self._patiently(
                lambda: self._runs.download(
                    self._run_id, f"{Artifact.RESULTS_DIR}/{name}", self._spool.directory / "old"
                )
            )
        except JobNotFoundError:
            return
        path.replace(directory / name)

    def _earlier_log(self) -> str:
        """Return what is left of the log of the attempt that was cut off."""
        try:
            path = self._patiently(
                lambda: self._runs.download(
                    self._run_id, Artifact.DRIVER_LOG, self._spool.directory / "old"
                )
            )
        except JobNotFoundError:
            return "rayspace: the log of the attempt that was cut off went with it."
        text = path.read_text("utf-8", "replace").rstrip()
        return f"{text}\nrayspace: here the attempt was cut off; the rest of its log went with it."

    def _complete_status(self, run: RunRecord, verdict: Verdict) -> None:
        if not run.status.is_terminal:
            status = STATUS_OF_PHASE[verdict.phase]
            self._patiently(lambda: self._runs.set_status(self._run_id, status))

    def _patiently(self, action: Callable[[], T], at_most_s: float = math.inf) -> T:
        """Do something as soon as the tracking server answers."""
        patience_s = max(_PATIENCE_S, self._settings.patience_s)
        give_up_s = time.monotonic() + min(patience_s, at_most_s)
        has_told = False
        while True:
            try:
                return action()
            except GatewayError as exc:
                if time.monotonic() + _PAUSE_S >= give_up_s:
                    raise
                if not has_told:
                    self._log.line(f"rayspace: {exc.message} Trying again.")
                has_told = True
                time.sleep(_PAUSE_S)
