"""The whole path in a minute: start Ray, ship a notebook, see the run, stop what was started."""

from __future__ import annotations

import json
import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rayspace.app import App
from rayspace.config import absolute_uri
from rayspace.errors import ClusterBusyError, StorageError
from rayspace.gateways.templates import read_template
from rayspace.loop import run
from rayspace.model.job import JobPhase
from rayspace.model.progress import Stage
from rayspace.model.wire import to_wire

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rayspace.model.job import JobState
    from rayspace.present.reporters import Reporter
    from rayspace.services.results import ResultPaths

NOTEBOOK = "hyperparameter-search.ipynb"
_CLUSTER = "demo"
#: Small enough to end within a minute on two cores.
PARAMETERS = {"n_trials": 6}


@dataclass(frozen=True)
class DemoResult:
    """What the demo made.

    Parameters
    ----------
    phase
        How the job ended.
    job
        The job.
    run_id
        Its MLflow run.
    tracking_uri
        Where the run is.
    paths
        Where its results are.
    """

    phase: JobPhase
    job: JobState
    run_id: str
    tracking_uri: str
    paths: ResultPaths


def demo(directory: str, *, as_json: bool) -> int:
    """Run the demo.

    Parameters
    ----------
    directory
        Where to put what it makes.
    as_json
        Whether to print JSON.

    Returns
    -------
    int
        The exit code. [1]
    """
    from rich.console import Console

    from rayspace.present.reporters import Reporter, reporter_for

    folder = Path(directory).absolute()
    notebook = _prepare(folder)
    app = _app(folder, os.environ)
    reporter = Reporter() if as_json else reporter_for(Console(stderr=True, highlight=False))
    with reporter:
        result = _ship(app, notebook, reporter)
    if as_json:
        sys.stdout.write(json.dumps(to_wire(result), indent=2) + "\n")
    else:
        _show(result, folder)
    return 0 if result.phase is JobPhase.SUCCEEDED else 1


def _app(folder: Path, environ: Mapping[str, str]) -> App:
    """Make the folder's services, with a database in it whatever server the person uses."""
    database = absolute_uri("sqlite:///mlflow.db", folder)
    # The nearest layer of the settings, above the files of the person.
    return App(folder, {**environ, "MLFLOW_TRACKING_URI": database})


def _prepare(folder: Path) -> Path:
    notebook = folder / NOTEBOOK
    try:
        # Makes the folder a project of its own, wherever it lies.
        (folder / ".rayspace").mkdir(parents=True, exist_ok=True)
        # Somebody may have gone on with it.
        if not notebook.exists():
            notebook.write_text(read_template(f"notebooks/{NOTEBOOK}"), "utf-8")
    except OSError as exc:
        raise StorageError(
            f"{folder} can't be written: {exc.strerror or exc}.",
            hint="Name another folder: rayspace demo --directory DIR",
            details={"path": str(folder), "errno": exc.errno},
        ) from exc
    return notebook


def _ship(app: App, notebook: Path, report: Reporter) -> DemoResult:
    # A cluster of that name that ran before stays: somebody may be using it.
    is_ours = all(c.phase.is_terminal for c in run(app.clusters.list()) if c.name == _CLUSTER)
    report(Stage("demo", "Starting Ray on this machine; this takes about ten seconds"))
    try:
        run(app.clusters.up("laptop", name=_CLUSTER, report=report))
        job = run(app.jobs.submit(notebook, PARAMETERS, cluster=_CLUSTER, wait=True, report=report))
        paths = run(app.jobs.fetch(job.name))
    except ClusterBusyError:
        # Another demo is starting it at this moment.
        is_ours = False
        raise
    finally:
        # It may not have come as far as having one.
        if is_ours and any(c.name == _CLUSTER for c in run(app.clusters.list())):
            run(app.clusters.down(_CLUSTER, report=report))
    return DemoResult(job.phase, job, job.run_id, job.tracking_uri, paths)


def _program(name: str) -> str:
    """Name a program of this environment so that a shell finds it."""
    beside = Path(sys.executable).with_name(name)
    return name if shutil.which(name) == str(beside) else str(beside)


def _show(result: DemoResult, folder: Path) -> None:
    from rich.console import Console

    console = Console(highlight=False)
    database = result.tracking_uri
    lines = [
        ("job", f"{result.job.name} {result.phase.value}"),
        ("why", result.job.reason),
        ("executed notebook", result.paths.notebook),
        ("as a page", result.paths.html),
        ("driver's log", result.paths.log),
        ("MLflow run", f"{result.run_id} at {database}"),
        ("see all runs", f"{_program('mlflow')} ui --backend-store-uri {database}"),
        ("go on", f"cd {folder} && {_program('jupyter')} lab {NOTEBOOK}"),
    ]
    console.print()
    for name, text in lines:
        if text:
            console.print(f"{name:<18} {text}", soft_wrap=True, markup=False)
