"""Notebook jobs of jupyter-scheduler on Ray, in place of the Jupyter server's own machine.

::

    jupyter lab --Scheduler.execution_manager_class=rayspace.bridges.scheduler.RayExecutionManager

Who presses "Create Notebook Job" gets a job on the cluster that is chosen in the server's project,
or where ``RAYSPACE_SUBMIT`` says. jupyter-scheduler stops a job by ending its process at once, so
another one stands by that then stops it on Ray as well.
Source: jupyter_scheduler/executors.py and scheduler.py of jupyter-scheduler 2.12.
"""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import nbformat
from jupyter_scheduler.executors import DefaultExecutionManager

from rayspace.app import App
from rayspace.bridges.shipping import failure, ship, wanted
from rayspace.bridges.stop_guard import GOES_ON
from rayspace.config import project_dir
from rayspace.model.job import JobPhase
from rayspace.model.parameter import Text
from rayspace.model.progress import silent
from rayspace.persons_environment import PersonsEnvironment

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rayspace.model.job import JobState


class RayExecutionManager(DefaultExecutionManager):  # type: ignore[misc]  # it bears no types
    """Executes a notebook job as a job on a Ray cluster."""

    def execute(self) -> None:
        """Ship the notebook, wait for it, and write the outputs that were asked for.

        Raises
        ------
        JobFailedError
            If the job did not succeed; what it had is written before.
        """
        asked = self.model
        notebook = Path(self.staging_paths["input"])
        project = project_dir(Path(os.path.expanduser(self.root_dir)))  # noqa: PTH111  its own way
        app = App(project, PersonsEnvironment(os.environ))
        params, options = wanted(app, notebook)
        params |= values_of(asked.parameters or {})
        guard: list[subprocess.Popen[bytes]] = []
        try:
            shipped = ship(
                app,
                notebook,
                params,
                options,
                silent,
                lambda job: guard.append(_guarded(job, project)),
            )
        finally:
            for process in guard:
                # The job has ended, or goes on by itself.
                process.communicate(GOES_ON)
        if shipped.paths.notebook:
            path = shipped.paths.notebook
            executed = nbformat.read(path, as_version=4)  # type: ignore[no-untyped-call]
            wanted_formats = list(asked.output_formats or ())
            if "html" in wanted_formats and shipped.paths.html:
                # The job has made the page already.
                wanted_formats.remove("html")
                shutil.copyfile(shipped.paths.html, self.staging_paths["html"])
            rest = asked.copy(update={"output_formats": wanted_formats})
            self.create_output_files(rest, executed)
        if shipped.job.phase is not JobPhase.SUCCEEDED:
            raise failure(shipped.job)


def values_of(parameters: Mapping[str, str]) -> dict[str, object]:
    """Read the parameters of a notebook job, which are pieces of Python.

    Parameters
    ----------
    parameters
        Texts by name, as they are typed.

    Returns
    -------
    dict of str to object
        Values; what is no literal is text, whose type the notebook decides.
    """
    found: dict[str, object] = {}
    for name, text in parameters.items():
        try:
            found[name] = ast.literal_eval(text)
        except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError):
            found[name] = Text(text)
    return found


def _guarded(job: JobState, project: Path) -> subprocess.Popen[bytes]:
    """Start the process that stops the job when this one is ended."""
    command = [sys.executable, "-m", "rayspace.bridges.stop_guard", job.name]
    return subprocess.Popen(
        command, cwd=project, stdin=subprocess.PIPE, start_new_session=True,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
