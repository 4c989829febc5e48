"""Finish what an attempt could not: give its verdict and store what it left in the spool.

Runs in the supervisor, after the attempt has ended. What it left may be incomplete, but no file of
the spool is ever half written.
"""

from __future__ import annotations

import contextlib
import os
import time
from typing import TYPE_CHECKING

from rayspace.errors import RayspaceError
from rayspace.model.run import Tag
from rayspace.runner.attempts import create_attempt_run, is_to_retry, note_stored, retries_of
from rayspace.runner.log import RunnerLog
from rayspace.runner.processes import kill_group
from rayspace.runner.settings import RunnerSettings
from rayspace.runner.store import BUDGET_S, RecordStore
from rayspace.runner.verdicts import killed_verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from rayspace.gateways.contracts import RunGateway
    from rayspace.runner.spool import Spool


def recover(
    environment: Mapping[str, str],
    spool: Spool,
    returncode: int,
    *,
    stopped: bool,
    runs: RunGateway | None = None,
) -> None:
    """Store the record of an attempt that ended without having done so.

    Parameters
    ----------
    environment
        The environment that the attempt was given.
    spool
        What it left.
    returncode
        How it ended. [1]
    stopped
        Whether it was asked to stop.
    runs
        The tracking server; that of the environment when None.
    """
    settings = RunnerSettings.from_environment(environment)
    log = RunnerLog(_to_log_and_stdout(spool), settings.secrets)
    kernel = spool.kernel
    if kernel is not None and kill_group(kernel):
        log.line("rayspace: the kernel, which had outlived the runner, was killed.")
    if runs is None:
        from rayspace.gateways.mlflow.runs import MlflowRunGateway

        # Credentials are in the environment of the attempt, not in ours.
        os.environ.update(settings.credentials)
        runs = MlflowRunGateway(settings.tracking_uri, settings.artifact_root)
    verdict = spool.verdict
    is_told = verdict is not None
    verdict = verdict or killed_verdict(returncode, stopped=stopped)
    run_id = settings.run_id
    follows = is_to_retry(verdict, spool.attempt, retries_of(environment))
    if follows:
        try:
            run_id = create_attempt_run(runs, runs.get(settings.run_id), spool.attempt)
        except RayspaceError as exc:
            log.line(f"rayspace: no other attempt follows: {exc}")
            follows = False
    # Who was stopped is killed before long.
    budget_s = BUDGET_S if stopped else max(BUDGET_S, settings.patience_s)
    store = RecordStore(runs, run_id, spool, log, budget_s, parent_run_id=settings.run_id)
    if not is_told:
        verdict = store.mark_notebook(verdict)
        log.line(f"rayspace: {verdict.summary}")
    store.store(verdict, tags={Tag.HEARTBEAT_MS: str(time.time_ns() // 1_000_000)})
    if follows:
        spool.mark_to_retry()
        try:
            note_stored(runs, settings.run_id, spool.attempt)
        except RayspaceError as exc:
            # The next attempt takes it for lost, and records it once more.
            log.line(f"rayspace: {exc}")


def _to_log_and_stdout(spool: Spool) -> Callable[[bytes], None]:
    def write(content: bytes) -> None:
        # A full disk or a closed output must not keep the verdict from being stored.
        with contextlib.suppress(OSError), spool.driver_log.open("ab") as stream:
            stream.write(content)
        with contextlib.suppress(OSError):
            os.write(1, content)

    return write
