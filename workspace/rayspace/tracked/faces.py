"""The public functions that track interactive work, for magics and for Python."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rayspace.app import current_app
from rayspace.model.progress import Report, Stage, silent
from rayspace.tracked import tracking

if TYPE_CHECKING:
    from rayspace.model.tracked_run import TrackedRun


def track(
    experiment: str | None = None,
    *,
    cluster: str | None = None,
    name: str = "",
    report: Report = silent,
) -> TrackedRun | None:
    """Record the nodes of a cluster, and what this process logs by MLflow, in one run.

    It goes on until `untrack`, or until the process ends. ``mlflow.log_metric`` and the like land
    in the run, ``mlflow.start_run()`` opens a child of it, and so does `rayspace.child_run` in
    tasks and actors of this process.

    Parameters
    ----------
    experiment
        Experiment of MLflow; by default that of the project's jobs.
    cluster
        The cluster; by default the one that Ray here is connected to, else the chosen one.
    name
        Name of the run; by default after the notebook.
    report
        Called with each stage.

    Returns
    -------
    TrackedRun or None
        The run; None inside a job, which has one already.

    Raises
    ------
    PhaseError
        If something is tracked already, or the cluster has no nodes.
    """
    app = current_app()
    if app.is_inside_job:
        _say_job(report)
        return None
    return tracking.track(app, experiment, cluster=cluster, name=name, report=report)


def untrack(*, is_failed: bool = False, report: Report = silent) -> TrackedRun | None:
    """End what `track` began: the run gets the summary of the nodes.

    Parameters
    ----------
    is_failed
        Whether the run is marked as failed, and not as finished.
    report
        Called with each stage.

    Returns
    -------
    TrackedRun or None
        The run, with what the end tells of the nodes; None inside a job.

    Raises
    ------
    PhaseError
        If nothing is tracked.
    """
    if current_app().is_inside_job:
        _say_job(report)
        return None
    return tracking.untrack(is_failed=is_failed, report=report)


def _say_job(report: Report) -> None:
    text = "This notebook is a job: its run has the nodes, and all that is logged, already"
    report(Stage("track", text, "note"))
