"""What a job does with what its execution tells: log, progress, spool and snapshots."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from rayspace.runner.execution import Observer
from rayspace.runner.notebook_text import NotebookText
from rayspace.runner.progress import preview

if TYPE_CHECKING:
    from collections.abc import Callable

    from rayspace.runner.log import RunnerLog
    from rayspace.runner.progress import ProgressMeter
    from rayspace.runner.snapshots import Snapshots, SnapshotStore

#: Control sequences of a terminal. Source: ECMA-48, 5.4.
_ANSI = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]")


def plain_text(text: str) -> str:
    """Remove the colours of a terminal from a text."""
    return _ANSI.sub("", text)


class JobObserver(Observer):
    """Follows the execution of a job's notebook.

    Parameters
    ----------
    log
        Takes lines, and what the notebook prints.
    meter
        Counts the cells.
    report
        Called when there is progress to tell.
    snapshots, store
        Keep the notebook.
    keep_kernel
        Called with the process id of the kernel.
    """

    def __init__(
        self,
        log: RunnerLog,
        meter: ProgressMeter,
        report: Callable[[], None],
        snapshots: Snapshots,
        store: SnapshotStore,
        keep_kernel: Callable[[int], None],
    ) -> None:
        self._log = log
        self._meter = meter
        self._report = report
        self._snapshots = snapshots
        self._store = store
        self._keep_kernel = keep_kernel
        self._text = NotebookText({"cells": []})
        #: The executed notebook; None before it is known.
        self.document: dict[str, Any] | None = None

    def notebook_started(self, document: dict[str, Any]) -> None:
        """Keep the notebook at once: whatever ends the job, there is one to look at."""
        self.document = document
        self._text = NotebookText(document)
        self._meter.begin(document["cells"])
        self._write()
        self._report()

    def kernel_started(self, pid: int) -> None:
        """Keep which process the kernel is."""
        self._keep_kernel(pid)

    def cell_started(self, index: int, cell: dict[str, Any]) -> None:
        """Tell that a cell begins."""
        self._meter.cell_started(index, cell["source"])
        number = self._meter.number(index)
        self._log.line(f"[{number}/{self._meter.n_cells}] cell {number}: {preview(cell['source'])}")
        self._report()
        self.cell_changed(index)

    def cell_changed(self, index: int) -> None:
        """Note that the notebook is to be kept anew."""
        self._text.cell_changed(index)
        self._snapshots.changed()

    def output(self, index: int, output: dict[str, Any]) -> None:
        """Pass on what the notebook prints."""
        kind = output["output_type"]
        if kind == "stream":
            self._log.output(output["text"])
        elif kind == "error":
            self._log.line(plain_text("\n".join(output["traceback"])))
        else:
            text = output["data"].get("text/plain")
            if text:
                self._log.line(text)

    def cell_finished(self, index: int, cell: dict[str, Any]) -> None:
        """Count a cell that is done."""
        self._meter.cell_finished()
        self._report()

    def warn(self, text: str) -> None:
        """Log a line."""
        self._log.line(text)

    async def accompany(self) -> None:
        """Take snapshots while the cells run."""
        await self._snapshots.run(self._text)

    def notebook_ended(self, document: dict[str, Any]) -> None:
        """Keep the notebook as it ended, before anything else can fail."""
        for index in range(len(document["cells"])):
            if document["cells"][index]["cell_type"] == "code":
                continue
            # Their marks were set without word.
            self._text.cell_changed(index)
        self._store.make_room()
        self._write()

    def _write(self) -> None:
        try:
            self._store.write(self._text.parts())
        except OSError as exc:
            self._log.line(f"rayspace: the notebook could not be kept in the spool: {exc}")
