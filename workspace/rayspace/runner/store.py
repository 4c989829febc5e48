"""Complete the record of a job: results, log and verdict, in that order.

Who waits for the end of a run finds all of it there: the status comes last. A tracking server that
is away is tried for a minute; then everything stays in the spool, and the log says where.
"""

from __future__ import annotations

import dataclasses
import json
import time
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from rayspace.core.jobs.lifecycle import STATUS_OF_PHASE, verdict_tags
from rayspace.errors import AccessError, GatewayError, RayspaceError
from rayspace.model.job import JobPhase
from rayspace.model.run import Artifact, RunStatus, Tag
from rayspace.runner.html import export_html
from rayspace.runner.marking import failed_cell, marked
from rayspace.runner.notebook_text import notebook_bytes
from rayspace.runner.packages import packages_path

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from rayspace.gateways.contracts import RunGateway
    from rayspace.model.job import Verdict
    from rayspace.runner.log import RunnerLog
    from rayspace.runner.reporter import Metrics
    from rayspace.runner.spool import Spool

#: How long a tracking server that is away is tried. [s]
BUDGET_S = 60.0
_FIRST_PAUSE_S = 0.5
_MAX_PAUSE_S = 5.0
#: Files stored at a time. [1]
_N_AT_ONCE = 4


class RecordStore:
    """Stores the record of one job.

    Parameters
    ----------
    runs, run_id
        The run of the job.
    spool
        What there is to store.
    log
        Takes what people should know.
    budget_s
        How long a server that is away is tried, from the first failure. [s]
    parent_run_id
        Run whose children end with it; by default the same.
    """

    def __init__(
        self,
        runs: RunGateway,
        run_id: str,
        spool: Spool,
        log: RunnerLog,
        budget_s: float = BUDGET_S,
        *,
        parent_run_id: str = "",
    ) -> None:
        self._parent_run_id = parent_run_id or run_id
        self._runs = runs
        self._run_id = run_id
        self._spool = spool
        self._log = log
        self._budget_s = budget_s
        self._give_up_s: float | None = None
        self._missing: list[str] = []

    def mark_notebook(self, verdict: Verdict) -> Verdict:
        """Mark the notebook in the spool with its end, and keep the verdict beside it.

        Parameters
        ----------
        verdict
            How the job ended.

        Returns
        -------
        Verdict
            The same, with the index of the failed cell in the marked notebook.
        """
        self._spool.make_room()
        path = self._spool.notebook()
        if path is not None and verdict.phase is not JobPhase.SUCCEEDED:
            try:
                document = marked(json.loads(path.read_bytes()), verdict)
                self._spool.write(path, notebook_bytes(document))
                verdict = dataclasses.replace(verdict, failed_cell=failed_cell(document))
            except (OSError, ValueError) as exc:
                self._log.line(f"rayspace: the notebook could not be marked: {exc}")
        try:
            self._spool.write_verdict(verdict)
        except OSError as exc:
            # The run gets it all the same.
            self._log.line(f"rayspace: the verdict could not be kept in the spool: {exc}")
        return verdict

    def store(
        self,
        verdict: Verdict,
        *,
        tags: dict[str, str] | None = None,
        metrics: Metrics | None = None,
        drain_log: Callable[[], None] | None = None,
    ) -> bool:
        """Store results, log and verdict.

        Parameters
        ----------
        verdict
            How the job ended.
        tags, metrics
            What else the last write should carry.
        drain_log
            Called before the log is stored: returns once it is complete.

        Returns
        -------
        bool
            Whether the run has its verdict.
        """
        files = list(self._files())
        with ThreadPoolExecutor(_N_AT_ONCE) as pool:
            # Each is a question and an answer or two, of which the most is waiting: meanwhile the
            # page is made.
            pending: list[Future[Any]] = [
                pool.submit(self._store_page),
                *(pool.submit(self._upload, *file) for file in files),
                pool.submit(self._try, "end child runs", lambda: self._end_children(verdict)),
            ]
        for future in pending:
            future.result()
        if drain_log is not None:
            drain_log()
        self._upload(self._spool.driver_log, Artifact.DRIVER_LOG.rpartition("/")[0])
        n_installed = len(self._spool.installation.installed)
        installed = {Tag.N_INSTALLED: str(n_installed)} if n_installed else {}
        last = {**(tags or {}), **installed, **verdict_tags(verdict)}
        is_stored = self._try(
            "write the verdict",
            lambda: self._runs.update(self._run_id, tags=last, metrics=metrics or []),
        ) and self._try(
            "end the run",
            lambda: self._runs.set_status(self._run_id, STATUS_OF_PHASE[verdict.phase]),
        )
        if is_stored and not self._missing:
            self._spool.mark_stored()
        else:
            missing = ", ".join([*self._missing, *([] if is_stored else ["the verdict"])])
            self._spool.mark_left()
            self._log.line(
                f"rayspace: MLflow did not take {missing}; all of it is kept in"
                f" {self._spool.directory}"
            )
        return is_stored

    def _store_page(self) -> None:
        """Make the page of the notebook and store it, unless it is there already."""
        path = self._spool.notebook()
        if path is None or path.with_suffix(".html").exists():
            return
        export_html(path, self._spool, self._log)
        page = path.with_suffix(".html")
        if page.exists():
            self._upload(page, Artifact.RESULTS_DIR)

    def _files(self) -> Iterator[tuple[Path, str]]:
        """List what is stored but the log, each with its directory in the run."""
        for path in sorted(self._spool.results_dir.glob("[!.]*")):
            yield path, Artifact.RESULTS_DIR
        for path in (packages_path(self._spool), self._installed_list()):
            if path.exists():
                yield path, Artifact.PACKAGES.rpartition("/")[0]
        for path in sorted(self._spool.metrics_dir.glob("[!.]*")):
            yield path, Artifact.METRICS_DIR
        for path in sorted(self._spool.pods_dir.glob("[!.]*")):
            is_log = path.suffix == ".log"
            yield path, Artifact.POD_LOGS_DIR if is_log else Artifact.LOGS_DIR

    def _upload(self, path: Path, artifact_dir: str) -> None:
        is_there = self._try(
            f"store {path.name}", lambda: self._runs.upload(self._run_id, path, artifact_dir)
        )
        if not is_there:
            self._missing.append(path.name)

    def _installed_list(self) -> Path:
        """Write the list of what was installed for the job, if anything was."""
        path = self._spool.directory / Artifact.INSTALLED
        installed = self._spool.installation.installed
        if installed and not path.exists():
            path.parent.mkdir(exist_ok=True)
            self._spool.write(path, "".join(f"{text}\n" for text in installed).encode())
        return path

    def _try(self, what: str, action: Callable[[], None]) -> bool:
        """Do something now or within the budget; False if it can't be done."""
        pause_s = _FIRST_PAUSE_S
        while True:
            try:
                action()
            except (GatewayError, AccessError) as exc:
                now_s = time.monotonic()
                if self._give_up_s is None:
                    # Credentials that ran out may be good again; nobody hands us others.
                    is_locked_out = isinstance(exc, AccessError)
                    budget_s = min(self._budget_s, BUDGET_S) if is_locked_out else self._budget_s
                    self._give_up_s = now_s + budget_s
                    self._log.line(f"rayspace: could not {what} ({exc.message}); trying again.")
                if now_s + pause_s >= self._give_up_s:
                    return False
                time.sleep(pause_s)
                pause_s = min(2 * pause_s, _MAX_PAUSE_S)
            except (RayspaceError, OSError) as exc:
                self._log.line(f"rayspace: could not {what}: {exc}")
                return False
            else:
                return True

    def _end_children(self, verdict: Verdict) -> None:
        """End runs that user code began and can't end any more: its processes are gone."""
        pending = [self._runs.get(self._parent_run_id)]
        while pending:
            for child in self._runs.children(pending.pop()):
                # A job that this one submitted has a runner of its own.
                if Tag.JOB in child.tags or child.status is not RunStatus.RUNNING:
                    continue
                self._runs.set_status(child.run_id, STATUS_OF_PHASE[verdict.phase])
                pending.append(child)
