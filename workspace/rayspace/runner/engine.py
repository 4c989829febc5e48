"""Papermill's engine of the runner, and of anyone who names it: ``papermill --engine rayspace``.

It keeps the notebook in memory and writes nothing while cells run: that, not the cells, is what
takes papermill's time. A notebook is never without its marks: whatever ends it, the cell that ran
says so. Source: papermill/engines.py of papermill 2.7.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
from typing import TYPE_CHECKING, Any

from papermill.engines import Engine, NotebookExecutionManager, papermill_engines

from rayspace.model.job import Cause
from rayspace.runner.execution import Ending, Execution
from rayspace.runner.notebook_client import CellClient

if TYPE_CHECKING:
    from nbformat import NotebookNode

#: Not the name of the engine for people, which ships what it is given.
ENGINE_NAME = "rayspace-runner"


class RayspaceEngine(Engine):  # type: ignore[misc]  # papermill bears no types
    """Executes a notebook with one asynchronous client and without saves."""

    @classmethod
    def execute_notebook(
        cls, nb: NotebookNode, kernel_name: str, *args: Any, **kwargs: Any
    ) -> NotebookNode:
        """Execute a notebook and keep its marks true.

        Parameters
        ----------
        nb
            The notebook; it is changed.
        kernel_name
            The kernel to run it with.
        *args, **kwargs
            As papermill gives them; ``execution`` is an `Execution`.

        Returns
        -------
        NotebookNode
            The same notebook, executed.
        """
        execution = kwargs.get("execution")
        try:
            executed: NotebookNode = super().execute_notebook(nb, kernel_name, *args, **kwargs)
        finally:
            _restore_pending(nb)
            if execution is not None:
                execution.observer.notebook_ended(nb)
        return executed

    @classmethod
    def execute_managed_notebook(
        cls,
        nb_man: NotebookExecutionManager,
        kernel_name: str,
        *,
        execution: Execution | None = None,
        start_timeout: float = 60,
        execution_timeout: float | None = None,
        **_: Any,
    ) -> None:
        """Execute the cells.

        Parameters
        ----------
        nb_man
            Papermill's bookkeeping.
        kernel_name
            The kernel to run them with.
        execution
            What the runner gives; None when papermill itself was called.
        start_timeout, execution_timeout
            Longest times for the kernel to start and for one cell, without ``execution``. [s]
        """
        given = execution or Execution(
            start_timeout_s=start_timeout, cell_timeout_s=execution_timeout
        )
        given.observer.notebook_started(nb_man.nb)
        given.ending = _run(CellClient(nb_man, given, kernel_name))
        index = given.ending.cell_index
        if execution is None and given.ending.cause is not Cause.NONE and index >= 0:
            # Papermill marks cells that raised; to any other end it is blind.
            nb_man.cell_exception(nb_man.nb.cells[index], index)


def register() -> None:
    """Make the engine known to papermill, also where no package metadata names it."""
    papermill_engines.register(ENGINE_NAME, RayspaceEngine)


def _run(client: CellClient) -> Ending:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(client.run())
    # Called from a notebook, whose own loop runs in this thread.
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, client.run()).result()


def _restore_pending(nb: NotebookNode) -> None:
    """Take back that papermill calls cells "completed" which never ran."""
    for cell in nb.cells:
        figures = cell.metadata.get("papermill", {})
        if figures.get("start_time") is None and figures.get("status") is not None:
            figures["status"] = NotebookExecutionManager.PENDING
