"""What a job is run with, whether it is one notebook or a sweep of many."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rayspace.gateways.contracts import RunGateway
    from rayspace.model.job import JobOrder
    from rayspace.model.run import RunRecord
    from rayspace.runner.dashboard import Dashboard
    from rayspace.runner.log import RunnerLog
    from rayspace.runner.settings import RunnerSettings
    from rayspace.runner.spool import Spool


@dataclass(frozen=True)
class JobContext:
    """What a job is run with.

    Parameters
    ----------
    order, run
        The job and its run.
    settings, inherited
        What the runner is told, and the environment that it was started with.
    runs
        The tracking server.
    spool
        Holds the unpacked bundle, and takes the results.
    dashboard
        The head of the cluster.
    log
        The log of the job.
    started_s
        When the runner began, on the monotonic clock. [s]
    """

    order: JobOrder
    run: RunRecord
    settings: RunnerSettings
    inherited: Mapping[str, str]
    runs: RunGateway
    spool: Spool
    dashboard: Dashboard
    log: RunnerLog
    started_s: float
