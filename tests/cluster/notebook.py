"""A notebook's process: a kernel that runs cells, and can sleep as a laptop does."""

from __future__ import annotations

import contextlib
import html
import re
import shutil
import signal
import tempfile
import time
from typing import TYPE_CHECKING, Any

from jupyter_client.manager import KernelManager

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

_COLOURS = re.compile(r"\x1b\[[0-9;]*m")
_TAGS = re.compile(r"<[^>]*>")
#: A kernel that starts loads half of Jupyter. [s]
_START_S = 120.0


class CellError(AssertionError):
    """A cell that failed, and what it showed."""


class Notebook:
    """Cells that run one after the other in one kernel.

    Parameters
    ----------
    manager
        The kernel.
    """

    def __init__(self, manager: KernelManager) -> None:
        self._manager = manager
        self._client: Any = manager.blocking_client()
        self._client.start_channels()
        self._client.wait_for_ready(timeout=_START_S)

    def run(self, code: str, timeout_s: float = 180.0) -> str:
        """Run a cell, and return what it showed as text; `CellError` with the same if it fails."""
        shown: list[str] = []

        def hear(message: Mapping[str, Any]) -> None:
            content = message["content"]
            if message["msg_type"] == "stream":
                shown.append(content["text"])
            elif message["msg_type"] in {"display_data", "execute_result", "update_display_data"}:
                page = html.unescape(_TAGS.sub("", content["data"].get("text/html", "")))
                shown.append(page or str(content["data"].get("text/plain", "")))
            elif message["msg_type"] == "error":
                shown.append(_COLOURS.sub("", "\n".join(content["traceback"])))

        try:
            reply = self._client.execute_interactive(
                code, output_hook=hear, timeout=timeout_s, allow_stdin=False
            )
        except TimeoutError as exc:
            so_far = "\n".join(shown)
            raise CellError(f"{code!r} is not done after {timeout_s:g} s: {so_far}") from exc
        text = "\n".join(shown)
        if reply["content"]["status"] != "ok":
            raise CellError(f"{reply['content'].get('ename')}: {text}")
        return text

    def sleep(self, duration_s: float) -> None:
        """Be as if asleep for so long. [s]"""
        process: Any = self._manager.provisioner.process  # type: ignore[union-attr]
        process.send_signal(signal.SIGSTOP)
        try:
            time.sleep(duration_s)
        finally:
            process.send_signal(signal.SIGCONT)

    def close(self) -> None:
        """End it."""
        self._client.stop_channels()
        self._manager.shutdown_kernel(now=True)


@contextlib.contextmanager
def opened(directory: Path, environ: Mapping[str, str]) -> Iterator[Notebook]:
    """Open a notebook in a directory, and close it at the end of the block."""
    # By sockets in a folder: somebody else may take a port between its choice and its use.
    sockets = tempfile.mkdtemp(prefix="k-")
    manager = KernelManager(transport="ipc", connection_file=f"{sockets}/kernel.json")
    manager.start_kernel(cwd=str(directory), env=dict(environ))
    try:
        notebook = Notebook(manager)
        yield notebook
        notebook.close()
    finally:
        if manager.is_alive():
            manager.shutdown_kernel(now=True)
        shutil.rmtree(sockets)
