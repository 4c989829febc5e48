"""Execute the cells of a notebook in a kernel, and know at the end how it ended.

Built on nbclient's client, for its handling of messages, displays and widgets. Its own driver is
not used: it takes the process's signals for itself, mistakes a cancellation for a dead kernel, and
can't tell one end from another.
Source: nbclient/client.py of nbclient 0.11, async_execute_cell and _async_poll_for_reply.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, DeadKernelError
from nbclient.util import ensure_async

from rayspace.model.job import Cause
from rayspace.runner.execution import Ending

if TYPE_CHECKING:
    from papermill.engines import NotebookExecutionManager

    from rayspace.runner.execution import Execution

#: A stop signals the kernel as well as us, in no order: time for ours to arrive. [s]
_STOP_GRACE_S = 2.0
#: Time for an interrupted cell to say where it was, and the same once the head is lost, after which
#: Ray leaves a driver little time. [s]
_INTERRUPT_GRACE_S = 10.0
_LOST_GRACE_S = 3.0
#: Outputs follow the reply on another channel; a hundred megabytes need a while. [s]
_OUTPUT_TIMEOUT_S = 60
#: How a kernel ends that was told to.
_SIGNAL_RETURNCODES = {
    *(None, -signal.SIGTERM, -signal.SIGINT),
    *(128 + signal.SIGTERM, 128 + signal.SIGINT),
}
#: What a cell then raises, where the notebook or Ray has made an exception of the signal.
#: Source: ray/_private/worker.py of Ray 2.60, sigterm_handler.
_SIGNAL_EXIT_CODES = {str(code) for code in _SIGNAL_RETURNCODES if code is not None and code > 0}
_SIGNAL_EXIT_CODES |= {str(int(signal.SIGTERM)), str(int(signal.SIGINT))}
#: A unix socket's path has at most 107 characters, and Jupyter appends "-ipc-5". Source: unix(7).
_MAX_CONNECTION_PATH = 100


class CellClient(NotebookClient):
    """Runs one notebook.

    Parameters
    ----------
    manager
        Papermill's bookkeeping of the notebook.
    execution
        What the execution is given.
    kernel_name
        The kernel to run it with.
    """

    def __init__(
        self, manager: NotebookExecutionManager, execution: Execution, kernel_name: str, **kw: Any
    ) -> None:
        super().__init__(
            manager.nb,
            kernel_name=kernel_name,
            startup_timeout=max(1, round(execution.start_timeout_s)),
            iopub_timeout=_OUTPUT_TIMEOUT_S,
            on_cell_executed=self._note_reply,
            **kw,
        )
        self._manager = manager
        self._execution = execution
        self._observer = execution.observer
        self._current = -1
        self._is_cut = False
        self._exit_asked = False

    async def run(self) -> Ending:
        """Execute all cells and end the kernel.

        Returns
        -------
        Ending
            How it ended. A cell that was cut off is left with the status "running".
        """
        loop = asyncio.get_running_loop()
        execution = self._execution
        cut = execution.attach(loop)
        if execution.deadline_s is not None:
            # Both clocks are the system's monotonic one.
            deadline = loop.call_at(
                execution.started_s + execution.deadline_s, execution.interrupt, Cause.DEADLINE
            )
        else:
            deadline = None
        self.reset_execution_trackers()
        work = asyncio.create_task(self._work())
        companion = asyncio.create_task(self._observer.accompany())
        ending = Ending(Cause.RUNNER_ERROR)
        try:
            either: set[asyncio.Future[Any]] = {work, cut}
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
            if work.done():
                ending = await self._ended(work, cut)
            else:
                ending = await self._cut_off(work, cut.result())
        finally:
            if deadline is not None:
                deadline.cancel()
            companion.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await companion
            await self._end_kernel(is_graceful=ending.cause in {Cause.NONE, Cause.CELL_ERROR})
            execution.detach()
        return ending

    def process_message(self, msg: dict[str, Any], cell: Any, cell_index: int) -> Any:
        """Take a message of the kernel, and tell the observer of what it changed."""
        output = super().process_message(msg, cell, cell_index)
        self._observer.cell_changed(cell_index)
        if output is not None:
            self._observer.output(cell_index, output)
        return output

    def _update_display_id(self, display_id: str, msg: dict[str, Any]) -> None:
        super()._update_display_id(display_id, msg)
        for index in self._display_id_map.get(display_id, {}):
            self._observer.cell_changed(index)

    def _note_reply(self, execute_reply: dict[str, Any], **_: Any) -> None:
        # exit() and quit() end the kernel after the cell, without an error.
        payload = execute_reply["content"].get("payload") or []
        if any(item.get("source") == "ask_exit" for item in payload):
            self._exit_asked = True

    async def _work(self) -> Ending:
        await self._start()
        for index, cell in enumerate(self.nb.cells):
            self._manager.cell_start(cell, index)
            if cell.cell_type == "code":
                ending = await self._run_cell(index, cell)
                if ending is not None:
                    return ending
            else:
                self._manager.cell_complete(cell, index)
                self._observer.cell_changed(index)
        self.set_widgets_metadata()
        return Ending()

    async def _start(self) -> None:
        if self.km is None:
            self.km = self.create_kernel_manager()
        self._use_private_sockets(self.km)
        options: dict[str, Any] = {}
        if self._execution.directory:
            options["cwd"] = self._execution.directory
        if self._execution.environment is not None:
            options["env"] = dict(self._execution.environment)
        await self.async_start_new_kernel(**options)
        pid = getattr(self.km.provisioner, "pid", None)
        if pid is not None:
            self._observer.kernel_started(pid)
        client = await self.async_start_new_kernel_client()
        info = await self.async_wait_for_reply(await ensure_async(client.kernel_info()))
        if info is not None and "language_info" in info["content"]:
            self.nb.metadata["language_info"] = info["content"]["language_info"]
        if self._execution.setup_code:
            await self._set_up()

    def _use_private_sockets(self, manager: Any) -> None:
        """Talk to the kernel by sockets that only this user can open, not by ports."""
        if not self._execution.runtime_dir or sys.platform == "win32":
            return
        path = Path(self._execution.runtime_dir) / f"kernel-{uuid.uuid4().hex[:12]}.json"
        if len(str(path)) <= _MAX_CONNECTION_PATH:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            manager.connection_file = str(path)
            manager.transport = "ipc"

    async def _set_up(self) -> None:
        if self.kc is None:  # it was just started
            return
        message_id = await ensure_async(
            self.kc.execute(self._execution.setup_code, silent=True, store_history=False)
        )
        reply = await self.async_wait_for_reply(message_id)
        content = reply["content"] if reply is not None else {"status": "no reply"}
        if content["status"] != "ok":
            self._observer.warn(
                "rayspace: the kernel could not be prepared in full"
                f" ({content.get('ename', content['status'])}: {content.get('evalue', '')})."
            )

    async def _run_cell(self, index: int, cell: Any) -> Ending | None:
        """Run a code cell; None when the next one shall run."""
        self._current = index
        self._observer.cell_started(index, cell)
        timeout_s = self._execution.cell_timeout_s
        timer = None
        if timeout_s is not None:
            timer = asyncio.get_running_loop().call_later(
                timeout_s, self._execution.interrupt, Cause.CELL_TIMEOUT
            )
        ending = None
        try:
            await self.async_execute_cell(cell, index)
        except CellExecutionError as exc:
            if self._is_cut:
                return Ending(Cause.CELL_ERROR, index)
            # As papermill has it: leaving with 0 ends the notebook well.
            if exc.ename == "SystemExit" and exc.evalue in {"", "0"}:
                ending = Ending(Cause.NONE, index, exc.ename, exc.evalue)
            else:
                self._manager.cell_exception(cell, index)
                ending = Ending(Cause.CELL_ERROR, index, exc.ename, exc.evalue)
        finally:
            if timer is not None:
                timer.cancel()
        self._manager.cell_complete(cell, index)
        self._observer.cell_changed(index)
        if ending is None or ending.cause is Cause.NONE:
            self._observer.cell_finished(index, cell)
        self._current = -1
        return Ending() if ending is None and self._exit_asked else ending

    async def _ended(self, work: asyncio.Task[Ending], cut: asyncio.Future[Cause]) -> Ending:
        """Say how it ended by itself; a stop that comes with it counts more."""
        try:
            ending = work.result()
        except DeadKernelError:
            ending = Ending(Cause.KERNEL_DIED, self._current, returncode=self._kernel_returncode())
        except RuntimeError as exc:
            # The client of Jupyter has no other class for a kernel that does not come up.
            ending = Ending(
                Cause.KERNEL_DIED, returncode=self._kernel_returncode(), detail=str(exc)
            )
        if _looks_signalled(ending):
            await asyncio.wait({cut}, timeout=_STOP_GRACE_S)
        if ending.cause is not Cause.NONE and cut.done() and cut.result() is Cause.STOPPED:
            self._reopen(ending.cell_index)
            return Ending(Cause.STOPPED, ending.cell_index, ending.ename, ending.evalue)
        self._close(ending.cell_index)
        return ending

    async def _cut_off(self, work: asyncio.Task[Ending], cause: Cause) -> Ending:
        """Interrupt what runs, so that the notebook shows where it was, and end it."""
        self._is_cut = True
        index = self._current
        if index >= 0 and self.km is not None:
            with contextlib.suppress(RuntimeError, OSError):
                await ensure_async(self.km.interrupt_kernel())
            grace_s = _LOST_GRACE_S if cause is Cause.HEAD_LOST else _INTERRUPT_GRACE_S
            await asyncio.wait({work}, timeout=grace_s)
        if not work.done():
            work.cancel()
            await asyncio.wait({work}, timeout=_STOP_GRACE_S)
        if work.done() and not work.cancelled():
            # Read, or asyncio complains that nobody did. What it was does not matter any more.
            work.exception()
        self._close(index)
        return Ending(cause, index)

    def _kernel_returncode(self) -> int | None:
        process = getattr(getattr(self.km, "provisioner", None), "process", None)
        return None if process is None else process.poll()

    def _close(self, index: int) -> None:
        """Note when a cell was cut off; it stays "running" until the notebook is marked."""
        if index < 0:
            return
        figures = self.nb.cells[index].metadata.papermill
        if figures["status"] == self._manager.RUNNING:
            self._manager.cell_complete(self.nb.cells[index], index)
            figures["status"] = self._manager.RUNNING
            self._observer.cell_changed(index)

    def _reopen(self, index: int) -> None:
        if index < 0:
            return
        self.nb.cells[index].metadata.papermill.update(
            status=self._manager.RUNNING, exception=False
        )
        self.nb.metadata.papermill["exception"] = None
        self._close(index)

    async def _end_kernel(self, *, is_graceful: bool) -> None:
        self.shutdown_kernel = "graceful" if is_graceful else "immediate"
        if self.km is None or not self.km.has_kernel:
            return
        provisioner = self.km.provisioner
        pid, group = getattr(provisioner, "pid", None), getattr(provisioner, "pgid", None)
        await self._async_cleanup_kernel()
        # Workers of a kernel that died outlive it, and would keep memory and GPUs.
        if pid is not None and pid == group:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(group, signal.SIGKILL)


def _looks_signalled(ending: Ending) -> bool:
    if ending.cause is Cause.KERNEL_DIED:
        return ending.returncode in _SIGNAL_RETURNCODES
    return ending.ename == "KeyboardInterrupt" or (
        ending.ename == "SystemExit" and ending.evalue in _SIGNAL_EXIT_CODES
    )
