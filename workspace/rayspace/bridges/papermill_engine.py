"""Papermill's engine for people: ``papermill --engine rayspace in.ipynb out.ipynb -p lr 0.1``.

The notebook becomes a job on the chosen cluster, as ``rayspace job submit`` would make it of the
same file; what papermill writes is the executed notebook that comes back. Papermill loads this
module with itself, so everything else is imported when a notebook runs.
Source: papermill/engines.py and papermill/execute.py of papermill 2.7.
"""

from __future__ import annotations

import contextlib
import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from papermill.engines import Engine, NotebookExecutionManager
from papermill.log import logger

from rayspace.errors import SpecError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from nbformat import NotebookNode

    from rayspace.bridges.shipping import Shipped
    from rayspace.model.progress import Stage

#: Tags of cells that papermill puts in: a value for a parameter, and marks of an error.
_INJECTED, _ERROR_MARK = "injected-parameters", "papermill-error-cell-tag"
#: What papermill gives every engine, and has no meaning on another machine.
_NOT_OURS = ("stdout_file", "stderr_file", "start_timeout", "log_output", "kernel_name")


class ClusterEngine(Engine):  # type: ignore[misc]  # papermill bears no types
    """Executes a notebook as a job on a Ray cluster."""

    @classmethod
    def execute_managed_notebook(
        cls,
        nb_man: NotebookExecutionManager,
        kernel_name: str,  # noqa: ARG003  the notebook names it
        *,
        input_path: Any = "",
        execution_timeout: float | None = None,
        **options: Any,
    ) -> None:
        """Ship the notebook, wait for it, and take over what comes back.

        Parameters
        ----------
        nb_man
            Papermill's bookkeeping.
        kernel_name
            The kernel to run it with: that which the notebook names.
        input_path
            Where papermill has read it; a document where it was given one.
        execution_timeout
            Longest time for one cell; no limit by default. [s]
        **options
            As for ``rayspace.jobs.submit``: ``cluster="lab"``, ``deadline_s=3600``.

        Raises
        ------
        SpecError
            If there is an option that no job has.
        JobFailedError
            If the job did not succeed for another reason than an error in a cell, which papermill
            tells by itself.
        """
        from rayspace.app import current_app
        from rayspace.bridges.shipping import failure, ship, wanted
        from rayspace.core.jobs.wishes import SubmitOptions
        from rayspace.model.job import Cause, JobPhase

        app = current_app()
        asked = {name: value for name, value in options.items() if name not in _NOT_OURS}
        if unknown := sorted(set(asked) - set(SubmitOptions.__annotations__)):
            raise SpecError(
                f"The engine rayspace does not take {', '.join(unknown)}.",
                hint=f"It takes: {', '.join(sorted(SubmitOptions.__annotations__))}.",
            )
        if execution_timeout is not None:
            asked.setdefault("cell_timeout_s", float(execution_timeout))
        with _source(nb_man.nb, input_path) as notebook:
            params, given = wanted(app, notebook)
            told = nb_man.nb.metadata.get("papermill", {}).get("parameters", {})
            merged: Any = {**given, **asked}
            shipped = ship(
                app,
                notebook,
                {**params, **told},
                merged,
                lambda stage: _tell(nb_man, stage),
                lambda job: logger.info("Job: %s, run %s", job.name, job.run_id),
            )
            _take_over(nb_man, shipped)
        if (
            shipped.job.phase is not JobPhase.SUCCEEDED
            and shipped.job.cause is not Cause.CELL_ERROR
        ):
            raise failure(shipped.job)


@contextlib.contextmanager
def _source(nb: NotebookNode, input_path: Any) -> Iterator[Path]:
    """Yield the file that papermill has read, or make one where it was none of this machine."""
    path = Path(input_path if isinstance(input_path, str) else "")
    if path.is_file():
        yield path
        return
    name = path.name if path.suffix == ".ipynb" else "notebook.ipynb"
    cells = [cell for cell in nb.cells if _INJECTED not in cell.metadata.get("tags", [])]
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder, name)
        made.write_text(json.dumps({**nb, "cells": cells}), "utf-8")
        yield made


def _tell(nb_man: NotebookExecutionManager, stage: Stage) -> None:
    if nb_man.pbar and stage.done is not None and stage.key == "cell":
        nb_man.pbar.n = min(stage.done, len(nb_man.nb.cells))
        nb_man.pbar.refresh()
    elif not stage.is_passing:
        logger.info(stage.text)


def _take_over(nb_man: NotebookExecutionManager, shipped: Shipped) -> None:
    """Put what was executed in the place of what was given, with papermill's own marks kept."""
    import nbformat

    if not shipped.paths.notebook:
        return
    executed = nbformat.read(shipped.paths.notebook, as_version=4)  # type: ignore[no-untyped-call]
    ours: Mapping[str, Any] = nb_man.nb.metadata.get("papermill", {})
    executed.metadata.setdefault("papermill", {}).update(ours)
    executed.cells = [c for c in executed.cells if _ERROR_MARK not in c.metadata.get("tags", [])]
    for cell in executed.cells:
        figures = cell.metadata.setdefault(
            "papermill", {"status": NotebookExecutionManager.PENDING}
        )
        if figures.get("status") == NotebookExecutionManager.RUNNING:
            # Where it was cut off; papermill would call all that follows completed.
            figures["status"] = NotebookExecutionManager.FAILED
    nb_man.nb = executed
