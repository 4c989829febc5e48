"""One execution of a notebook: what it is given, how it is cut off, and how it ended.

The engine reads it; the runner makes it. Standard library only, so that both may import it.
"""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from rayspace.model.job import Cause

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Mapping


@dataclass(frozen=True)
class Ending:
    """How an execution ended.

    Parameters
    ----------
    cause
        Why; `Cause.NONE` when all went well.
    cell_index
        Index of the cell at which it ended, among the cells that were executed; -1 for none. [1]
    ename, evalue
        Name and text of the exception that a cell raised.
    returncode
        How the kernel ended, when it did by itself. [1]
    detail
        One sentence of what else is known.
    """

    cause: Cause = Cause.NONE
    cell_index: int = -1
    ename: str = ""
    evalue: str = ""
    returncode: int | None = None
    detail: str = ""


class Observer:
    """Is told what happens, on the thread that executes; must return at once and never raise."""

    def notebook_started(self, document: dict[str, Any]) -> None:
        """Hear that the cells are known; none has run."""

    def kernel_started(self, pid: int) -> None:
        """Hear that a kernel runs."""

    def cell_started(self, index: int, cell: dict[str, Any]) -> None:
        """Hear that a code cell begins."""

    def cell_changed(self, index: int) -> None:
        """Hear that something in a cell changed."""

    def output(self, index: int, output: dict[str, Any]) -> None:
        """Hear what a cell printed or displayed."""

    def cell_finished(self, index: int, cell: dict[str, Any]) -> None:
        """Hear that a code cell is done."""

    def warn(self, text: str) -> None:
        """Hear of something that is worth a line in the log."""

    async def accompany(self) -> None:
        """Work along while the cells run; cancelled at their end."""

    def notebook_ended(self, document: dict[str, Any]) -> None:
        """Hear that nothing more will change, whatever the reason."""


@dataclass
class Execution:
    """What an execution is given, and what comes out.

    Parameters
    ----------
    environment
        Environment of the kernel; None for this process's own.
    directory
        Working directory of the kernel; empty for this process's own.
    runtime_dir
        Directory for the sockets of the kernel; empty for Jupyter's own way.
    setup_code
        Code for the kernel to run before the first cell, unseen; empty for none.
    cell_timeout_s
        Longest time for one cell; None for no limit. [s]
    deadline_s
        Longest time for all, from ``started_s``; None for no limit. [s]
    started_s
        When the job began, on the monotonic clock. [s]
    start_timeout_s
        Longest time for the kernel to start. [s]
    observer
        Is told what happens.
    ending
        How it ended; None before.
    """

    environment: Mapping[str, str] | None = None
    directory: str = ""
    runtime_dir: str = ""
    setup_code: str = ""
    cell_timeout_s: float | None = None
    deadline_s: float | None = None
    started_s: float = field(default_factory=time.monotonic)
    start_timeout_s: float = 120.0
    observer: Observer = field(default_factory=Observer)
    ending: Ending | None = None
    _requested: Cause = Cause.NONE
    _loop: asyncio.AbstractEventLoop | None = None
    _cut: asyncio.Future[Cause] | None = None

    def interrupt(self, cause: Cause) -> None:
        """Cut the execution off; from any thread or signal handler, at any time, more than once.

        The first cause counts, except that to be stopped counts more than all others.
        """
        if self._requested is Cause.NONE or cause is Cause.STOPPED:
            self._requested = cause
        loop = self._loop
        if loop is not None:
            # A loop that has closed since has nothing left to cut off.
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(self._apply)

    @property
    def requested(self) -> Cause:
        """The cause for which it is to be cut off; `Cause.NONE` for none."""
        return self._requested

    def attach(self, loop: asyncio.AbstractEventLoop) -> asyncio.Future[Cause]:
        """Return a future that is done once the execution must be cut off."""
        self._cut = loop.create_future()
        self._loop = loop
        if self._requested is not Cause.NONE:
            self._apply()
        return self._cut

    def detach(self) -> None:
        """Forget the loop: it ends."""
        self._loop = None
        self._cut = None

    def _apply(self) -> None:
        if self._cut is not None and not self._cut.done():
            self._cut.set_result(self._requested)
