"""One session of interactive work that is tracked: it samples the nodes until it is ended."""

from __future__ import annotations

import logging
import math
import os
import shutil
import tempfile
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from rayspace.errors import RayspaceError
from rayspace.model.measurement import GpuChoice
from rayspace.model.run import Artifact, RunStatus
from rayspace.runner.log import RunnerLog
from rayspace.runner.node_record import NodeRecord
from rayspace.runner.reporter import Reporter
from rayspace.runner.sampler import Sampler
from rayspace.runner.spool import Spool

if TYPE_CHECKING:
    from rayspace.gateways.contracts import RunGateway
    from rayspace.model.run import RunRecord
    from rayspace.model.tracked_run import TrackedRun
    from rayspace.runner.dashboard import Dashboard
    from rayspace.runner.reporter import Metrics

#: Longest wait for a sample or a write that goes on. [s]
_CLOSE_S = 20.0
_logger = logging.getLogger("rayspace")


class TrackedSession:
    """Samples the nodes of a cluster into a run, from threads of this process.

    Parameters
    ----------
    tracked
        The run, as people are shown it.
    runs
        The tracking server.
    head
        The head of the cluster.
    interval_s
        Time between two samples. [s]
    choice
        Which GPUs are told of.
    price_per_hour
        What one worker costs an hour; None for unknown. [1]
    """

    def __init__(
        self,
        tracked: TrackedRun,
        runs: RunGateway,
        head: Dashboard,
        interval_s: float,
        choice: GpuChoice = GpuChoice.ALL,
        price_per_hour: float | None = None,
    ) -> None:
        self.tracked = tracked
        self._runs = runs
        self._folder = Path(tempfile.mkdtemp(prefix="rayspace-tracked-"))
        log = RunnerLog(write=lambda line: _logger.info(line.decode(errors="replace").strip()))
        self._record = NodeRecord(
            Spool(self._folder),
            tracked.name,
            interval_s,
            choice,
            log,
            price_per_hour=price_per_hour,
            is_ours=lambda pid: pid == os.getpid(),
        )
        self._reporter = Reporter(runs, tracked.run_id, log, lambda: None)
        self._sampler = Sampler(
            head,
            interval_s,
            self._record,
            self._reporter.metrics,
            lambda: None,
            log,
            # A cluster that is suspended may come back.
            lost_after_s=math.inf,
        )
        self._left: tuple[dict[str, str], Metrics] | None = None
        self._lock = threading.Lock()

    def start(self) -> None:
        """Begin, with a first sample at once."""
        self._reporter.start()
        self._sampler.start()

    def end(self, status: RunStatus) -> TrackedRun:
        """Take a last sample, sum up, and end the run.

        Parameters
        ----------
        status
            How it ended.

        Returns
        -------
        TrackedRun
            The run, with what the end tells of the nodes.

        Raises
        ------
        RayspaceError
            If the tracking server does not take it; then it can be ended once more.
        """
        with self._lock:
            if self._left is None:
                self._sampler.close(_CLOSE_S)
                self._left = self._reporter.close(_CLOSE_S)
            tags, metrics = self._left
            run_id = self.tracked.run_id
            self._runs.update(run_id, tags=tags, metrics=metrics)
            self._left = {}, []
            for path in sorted((self._folder / "metrics").glob("[!.]*")):
                self._runs.upload(run_id, path, Artifact.METRICS_DIR)
            self._runs.set_status(run_id, status)
            shutil.rmtree(self._folder, ignore_errors=True)
            self.tracked = self._summed_up()
            return self.tracked

    def abandon(self) -> None:
        """End the run as the process ends, as far as that can still be done."""
        try:
            self.end(RunStatus.FINISHED)
        except (RayspaceError, RuntimeError, OSError) as exc:
            # A process that ends takes no threads any more; whoever tracks next marks the run.
            _logger.warning("The run %s could not be ended: %s", self.tracked.name, exc)

    def _summed_up(self) -> TrackedRun:
        summary = self._record.summary()
        return replace(
            self.tracked,
            ended_ms=time.time_ns() // 1_000_000,
            n_samples=summary.n_samples,
            n_missed=summary.n_missed,
            gpu_hours_held=summary.gpu_hours_held,
            gpu_hours_used=summary.gpu_hours_used,
            sentences=summary.sentences,
        )


def shown(record: RunRecord, cluster: str, target: str, tracking_uri: str) -> TrackedRun:
    """Return a run that has just begun, as people are shown it."""
    from rayspace.model.tracked_run import TrackedRun

    return TrackedRun(
        record.run_id,
        record.name,
        record.experiment,
        cluster,
        target,
        tracking_uri,
        record.started_ms,
    )
