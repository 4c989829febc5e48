"""Keep the executed notebook safe while it runs: in the spool, and in the run.

It must never hold up the cells: the text is made between messages, cell by cell, and written by a
thread of its own; and it takes at most a twentieth of the time, however large the notebook grows.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import time
from typing import TYPE_CHECKING

from rayspace.errors import RayspaceError
from rayspace.model.run import Artifact

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from rayspace.gateways.contracts import RunGateway
    from rayspace.runner.log import RunnerLog
    from rayspace.runner.notebook_text import NotebookText
    from rayspace.runner.spool import Spool

#: Shortest time between two snapshots, and that time as a multiple of what one took.
_MIN_INTERVAL_S = 2.0
_COST_FACTOR = 20.0
#: The log matters less until the end: what cells print is in the notebook as well. [s]
_LOG_INTERVAL_S = 30.0


class Snapshots:
    """Stores the notebook again after it changed.

    Parameters
    ----------
    store
        Stores a text, given in pieces; called on a thread of its own, one at a time.
    min_interval_s
        Shortest time between two snapshots. [s]
    cost_factor
        That time as a multiple of what the last one took. [1]
    """

    def __init__(
        self,
        store: Callable[[list[str]], None],
        min_interval_s: float = _MIN_INTERVAL_S,
        cost_factor: float = _COST_FACTOR,
    ) -> None:
        self._store = store
        self._min_interval_s = min_interval_s
        self._cost_factor = cost_factor
        self._changed = asyncio.Event()
        self._pool = concurrent.futures.ThreadPoolExecutor(1, "rayspace-snapshots")
        self._last: concurrent.futures.Future[None] | None = None

    def changed(self) -> None:
        """Note that there is something new; on the thread of the loop."""
        self._changed.set()

    async def run(self, text: NotebookText) -> None:
        """Store snapshots until cancelled."""
        while True:
            await self._changed.wait()
            self._changed.clear()
            started_s = time.monotonic()
            parts = await text.parts_by_and_by()
            self._last = self._pool.submit(self._store, parts)
            del parts
            await asyncio.wrap_future(self._last)
            cost_s = time.monotonic() - started_s
            await asyncio.sleep(max(self._min_interval_s, self._cost_factor * cost_s) - cost_s)

    def close(self, timeout_s: float) -> bool:
        """Wait for the snapshot that is being stored, so that it can't replace the final one.

        Parameters
        ----------
        timeout_s
            Longest wait. [s]

        Returns
        -------
        bool
            Whether none is being stored any more.
        """
        self._pool.shutdown(wait=False, cancel_futures=True)
        if self._last is None:
            return True
        done, _ = concurrent.futures.wait({self._last}, timeout=timeout_s)
        return bool(done)


class SnapshotStore:
    """Writes a snapshot to the spool and to the run.

    Parameters
    ----------
    spool
        Where the next process finds it.
    name
        Name of the notebook's file.
    runs, run_id
        The run of the job.
    log
        Takes what people should know.
    """

    def __init__(
        self, spool: Spool, name: str, runs: RunGateway, run_id: str, log: RunnerLog
    ) -> None:
        self._spool = spool
        self._path = spool.results_dir / name
        self._runs = runs
        self._run_id = run_id
        self._log = log
        self._is_failing = False
        self._log_due_s = time.monotonic() + _LOG_INTERVAL_S

    def __call__(self, parts: list[str]) -> None:
        """Store a notebook, given in pieces."""
        try:
            self.write(parts)
            self._upload(self._path, Artifact.RESULTS_DIR)
            if time.monotonic() >= self._log_due_s:
                self._log_due_s = time.monotonic() + _LOG_INTERVAL_S
                self._upload(self._spool.driver_log, Artifact.DRIVER_LOG.rpartition("/")[0])
        except (RayspaceError, OSError) as exc:
            if not self._is_failing:
                self._log.line(f"rayspace: no snapshot of the notebook could be stored: {exc}")
            self._is_failing = True
        else:
            self._is_failing = False

    def make_room(self) -> None:
        """Let what is written last have the room that was kept for it."""
        self._spool.make_room()

    def write(self, parts: list[str]) -> None:
        """Write a notebook to the spool only; raises OSError."""
        self._spool.write(self._path, "".join(parts).encode("utf-8", "surrogatepass"))

    def _upload(self, path: Path, artifact_dir: str) -> None:
        self._runs.upload(self._run_id, path, artifact_dir)
