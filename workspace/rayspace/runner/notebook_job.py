"""The notebook of a job, run with all that goes along: progress, samples, snapshots, packages."""

from __future__ import annotations

import contextlib
import os
import posixpath
import stat
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from rayspace.model.job import Cause
from rayspace.model.measurement import GpuChoice
from rayspace.runner.bootstrap import SETUP_CODE
from rayspace.runner.execution import Execution
from rayspace.runner.html import load_exporter
from rayspace.runner.kernel_environment import (
    ignore_pattern,
    kernel_environment,
    left_out_files,
)
from rayspace.runner.node_record import NodeRecord
from rayspace.runner.observer import JobObserver
from rayspace.runner.packages import PackageList, kernel_python
from rayspace.runner.prepare import prepared_notebook, require_kernel, settle_libraries
from rayspace.runner.processes import outlive
from rayspace.runner.progress import ProgressMeter
from rayspace.runner.reporter import Reporter
from rayspace.runner.sampler import Sampler
from rayspace.runner.snapshots import Snapshots, SnapshotStore
from rayspace.runner.verdicts import verdict_of
from rayspace.units import format_bytes

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rayspace.model.job import JobOrder, Verdict
    from rayspace.runner.execution import Ending
    from rayspace.runner.job_context import JobContext
    from rayspace.runner.reporter import Metrics
    from rayspace.runner.stopping import StopSignals

_PYTHON = "python"
#: Folders that tools make and nobody misses.
_GENERATED = {"__pycache__", ".ipynb_checkpoints", ".pytest_cache"}
#: As many files as a line bears. [1]
_N_TOLD = 5
#: Longest waits at the end: for a write, a sample, a snapshot and the packages. [s]
_CLOSE_S = 10.0


class NotebookJob:
    """Runs the notebook of one job.

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
        self._spool = context.spool
        self._dashboard = context.dashboard
        self._log = context.log
        self._started_s = context.started_s
        self._meter = ProgressMeter(context.started_s)
        self._reporter = Reporter(context.runs, context.run.run_id, context.log, self._meter.read)
        self._packages = PackageList(context.spool, self._reporter.tags, context.log)
        name = posixpath.basename(context.order.notebook)
        self._store = SnapshotStore(
            context.spool, name, context.runs, context.run.run_id, context.log
        )
        self._snapshots = Snapshots(self._store)
        self._execution = Execution()
        self._sampler = Sampler(
            context.dashboard,
            context.order.sample_interval_s,
            NodeRecord(
                context.spool,
                context.order.name,
                context.order.sample_interval_s,
                context.order.gpu_choice,
                context.log,
                keeps_summary=sums_up(context.inherited, context.order),
                price_per_hour=context.order.price_per_hour,
            ),
            self._reporter.metrics,
            self._lose_head,
            context.log,
        )

    def run(self, signals: StopSignals) -> Verdict:
        """Run the notebook.

        Parameters
        ----------
        signals
            Receives a stop.

        Returns
        -------
        Verdict
            How it ended.

        Raises
        ------
        RayspaceError
            If it can't be run at all.
        """
        self._reporter.start()
        self._sampler.start()
        settle_libraries()
        path = self._spool.work_dir.joinpath(*self._order.notebook.split("/"))
        document = prepared_notebook(
            path, self._order.parameters, self._order.kernel_name, self._order.language
        )
        require_kernel(self._order.kernel_name)
        early, self._execution = self._execution, self._new_execution(path)
        if early.requested is not Cause.NONE:
            # The head was lost while the notebook was read.
            self._execution.interrupt(early.requested)
        signals.hand_to(self._execution)
        before = _files(self._spool.work_dir)
        ending = self._execute(document)
        self._tell_of_files(before)
        index = ending.cell_index
        blames_head = ending.cause in {Cause.CELL_ERROR, Cause.KERNEL_DIED}
        return verdict_of(
            ending,
            self._order,
            cell_number=self._meter.number(index),
            failed_cell=index,
            head_answers=not blames_head or self._dashboard.answers(),
        )

    def close(self, cause: Cause) -> tuple[dict[str, str], Metrics]:
        """End what goes along, and return what the last write of the job should carry."""
        wait_s = 1.0 if cause is Cause.HEAD_LOST else _CLOSE_S
        self._sampler.close(wait_s)
        self._packages.wait(wait_s)
        if not self._snapshots.close(wait_s):
            self._log.line("rayspace: a snapshot of the notebook is still being stored.")
        return self._reporter.close(wait_s)

    def _execute(self, document: object) -> Ending:
        from papermill.engines import papermill_engines

        from rayspace.runner.engine import ENGINE_NAME, register

        register()
        papermill_engines.execute_notebook_with_engine(
            ENGINE_NAME,
            document,
            self._order.kernel_name,
            progress_bar=False,
            execution=self._execution,
        )
        ending = self._execution.ending
        if ending is None:  # the engine sets it, or raises
            message = "the engine gave no ending"
            raise RuntimeError(message)
        return ending

    def _new_execution(self, path: Path) -> Execution:
        environment = self._environment()
        is_python = self._order.language == _PYTHON
        if is_python:
            self._packages.start(kernel_python(self._order.kernel_name), environment)
        return Execution(
            environment=environment,
            directory=str(path.parent),
            # Kernels of other languages know ports only.
            runtime_dir=str(self._spool.directory / "runtime") if is_python else "",
            setup_code=SETUP_CODE if is_python else "",
            cell_timeout_s=self._order.cell_timeout_s,
            deadline_s=self._order.deadline_s,
            started_s=self._started_s,
            observer=JobObserver(
                self._log,
                self._meter,
                self._reporter.changed,
                self._snapshots,
                self._store,
                self._meet_kernel,
            ),
        )

    def _meet_kernel(self, pid: int) -> None:
        self._spool.write_kernel(pid)
        outlive(pid)
        # This process waits for the kernel now, which starts on another core.
        threading.Thread(target=load_exporter, name="exporter", daemon=True).start()

    def _environment(self) -> dict[str, str]:
        bundle_dir = self._spool.work_dir
        sizes = {path: size for path, (size, _) in _files(bundle_dir).items()}
        left_out = left_out_files(list(sizes.items()))
        if left_out:
            self._log.line(
                "rayspace: Ray's workers get the bundle without its largest files,"
                f" since it is more than 100 MiB: {', '.join(left_out)}"
            )
        credentials = self._spool.credentials
        return kernel_environment(
            self._inherited,
            self._order,
            run=self._run,
            tracking_uri=self._settings.tracking_uri,
            runner_path=self._settings.runner_path,
            credentials_path=str(credentials) if credentials.exists() else "",
            bundle_dir=str(bundle_dir),
            installation=self._spool.installation,
            excludes=[ignore_pattern(path) for path in left_out],
        )

    def _tell_of_files(self, before: Mapping[str, tuple[int, int]]) -> None:
        """Say which files the notebook wrote: they go with the working directory."""
        after = _files(self._spool.work_dir)
        new = [path for path, state in after.items() if before.get(path) != state]
        if not new:
            return
        new.sort(key=lambda path: (-after[path][0], path))
        names = ", ".join(f"{path} ({format_bytes(after[path][0])})" for path in new[:_N_TOLD])
        more = f" and {len(new) - _N_TOLD} more" if len(new) > _N_TOLD else ""
        self._log.line(
            f"rayspace: the notebook wrote {names}{more}, which the job does not keep;"
            " mlflow.log_artifact(path) keeps a file in the run."
        )

    def _lose_head(self) -> None:
        self._execution.interrupt(Cause.HEAD_LOST)


def sums_up(inherited: Mapping[str, str], order: JobOrder) -> bool:
    """Tell whether the use of the nodes is the job's own to sum up.

    Trials of a sweep share its nodes: the sweep sums up, or each for what it holds itself.
    """
    is_alone = not inherited.get("RAYSPACE_TRIAL") or order.is_apart
    return is_alone or order.gpu_choice is GpuChoice.MINE


def _files(directory: Path) -> dict[str, tuple[int, int]]:
    """List files below a directory: size [bytes] and time of change [ns] by path with ``/``."""
    found = {}
    for folder, folders, names in os.walk(directory):
        folders[:] = [name for name in folders if name not in _GENERATED]
        for name in names:
            path = Path(folder, name)
            with contextlib.suppress(FileNotFoundError):
                state = path.lstat()
                if stat.S_ISREG(state.st_mode):
                    relative = path.relative_to(directory).as_posix()
                    found[relative] = (state.st_size, state.st_mtime_ns)
    return found
