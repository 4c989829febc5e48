"""Tell the run how far the job is: progress, signs of life and metrics.

A thread of the runner. It writes to MLflow at most once a second, keeps what it could not write,
and never holds up or ends the notebook for a tracking server that is away.
"""

from __future__ import annotations

import json
import threading
import time
from typing import TYPE_CHECKING

from rayspace.errors import RayspaceError, SpecError
from rayspace.model.run import Tag
from rayspace.model.wire import to_wire

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from rayspace.gateways.contracts import RunGateway
    from rayspace.model.job import Progress
    from rayspace.runner.log import RunnerLog

Metrics = list[tuple[str, float, int, int]]

#: Time between two writes: at least, and at most. [s]
_MIN_INTERVAL_S = 1.0
_HEARTBEAT_S = 10.0
#: Pauses while the server is away grow up to this. [s]
_MAX_BACKOFF_S = 15.0
#: Metrics kept while the server is away: some hours of a large cluster, about 100 MB. [1]
_MAX_KEPT = 500_000
#: Metrics in one write: two requests, since a server takes 1,000 in each. What has piled up while
#: it was away follows at once, oldest first, and what it took is not sent again. [1]
_MAX_WRITTEN = 2000
CELLS_DONE = "rayspace/cells_done"


class Reporter:
    """Writes what it is told, late rather than never.

    Parameters
    ----------
    runs
        The tracking server.
    run_id
        The run of the job.
    log
        Takes what people should know.
    progress
        Tells how far the job is; None before it is known.
    min_interval_s, heartbeat_s
        Time between two writes: at least, and at most. [s]
    """

    def __init__(
        self,
        runs: RunGateway,
        run_id: str,
        log: RunnerLog,
        progress: Callable[[], Progress | None],
        min_interval_s: float = _MIN_INTERVAL_S,
        heartbeat_s: float = _HEARTBEAT_S,
    ) -> None:
        self._runs = runs
        self._run_id = run_id
        self._log = log
        self._progress = progress
        self._min_interval_s = min_interval_s
        self._heartbeat_s = heartbeat_s
        self._changed = threading.Condition()
        self._tags: dict[str, str] = {}
        self._metrics: Metrics = []
        self._is_dirty = False
        self._is_closed = False
        self._n_done = -1
        self._n_failures = 0
        self._n_dropped = 0
        self._thread = threading.Thread(target=self._work, name="rayspace-reporter", daemon=True)

    def start(self) -> None:
        """Begin, with a first sign of life at once."""
        self._thread.start()

    def changed(self) -> None:
        """Note that there is progress to tell; returns at once."""
        with self._changed:
            # Once is enough: waking the thread at every cell would cost the cells time.
            if not self._is_dirty:
                self._is_dirty = True
                self._changed.notify()

    def tags(self, tags: dict[str, str]) -> None:
        """Take tags; returns at once."""
        with self._changed:
            self._tags.update(tags)
            self._is_dirty = True
            self._changed.notify()

    def metrics(self, metrics: Sequence[tuple[str, float, int, int]]) -> None:
        """Take metrics as (name, value, time in ms, step); returns at once."""
        with self._changed:
            self._metrics.extend(metrics)
            excess = len(self._metrics) - _MAX_KEPT
            if excess > 0:
                del self._metrics[:excess]
                self._n_dropped += excess
            self._is_dirty = True
            self._changed.notify()

    def close(self, timeout_s: float) -> tuple[dict[str, str], Metrics]:
        """End the thread, and hand back what is not written yet.

        Parameters
        ----------
        timeout_s
            Longest wait for a write that goes on. [s]

        Returns
        -------
        tuple
            Tags and metrics that the last write of the job should carry.
        """
        with self._changed:
            self._is_closed = True
            self._changed.notify()
        if self._thread.is_alive():
            self._thread.join(timeout_s)
        if self._n_dropped:
            self._log.line(
                f"rayspace: {self._n_dropped} values of metrics were dropped, since MLflow was"
                " away for so long."
            )
        return self._take()

    def _work(self) -> None:
        last_write_s = time.monotonic() - self._heartbeat_s
        while True:
            with self._changed:
                self._wait(last_write_s)
                if self._is_closed:
                    return
            tags, metrics = self._take(_MAX_WRITTEN)
            last_write_s = time.monotonic()
            if not self._write(tags, metrics):
                self._keep(tags, metrics)
                last_write_s = time.monotonic()

    def _wait(self, last_write_s: float) -> None:
        """Wait until it is time for a write; with the lock held."""
        while not self._is_closed:
            backoff_s = min(2.0**self._n_failures, _MAX_BACKOFF_S) if self._n_failures else 0.0
            earliest_s = last_write_s + max(self._min_interval_s, backoff_s)
            latest_s = last_write_s + max(self._heartbeat_s, backoff_s)
            due_s = earliest_s if self._is_dirty else latest_s
            remaining_s = due_s - time.monotonic()
            if remaining_s <= 0:
                return
            self._changed.wait(remaining_s)

    def _take(self, at_most: int | None = None) -> tuple[dict[str, str], Metrics]:
        progress = self._progress()
        now_ms = time.time_ns() // 1_000_000
        with self._changed:
            tags = {**self._tags, Tag.HEARTBEAT_MS: str(now_ms)}
            self._tags = {}
            # One more may follow from the progress.
            metrics = self._metrics[: None if at_most is None else at_most - 1]
            del self._metrics[: len(metrics)]
            self._is_dirty = bool(self._metrics)
        if progress is not None:
            tags[Tag.PROGRESS] = json.dumps(to_wire(progress))
            if progress.n_done != self._n_done:
                self._n_done = progress.n_done
                metrics.append((CELLS_DONE, progress.n_done, now_ms, progress.n_done))
        return tags, metrics

    def _keep(self, tags: dict[str, str], metrics: Metrics) -> None:
        with self._changed:
            # What came in since counts more.
            self._tags = {**tags, **self._tags}
            self._metrics[:0] = metrics
            self._is_dirty = True

    def _write(self, tags: dict[str, str], metrics: Metrics) -> bool:
        try:
            self._runs.update(self._run_id, tags=tags, metrics=metrics)
        except RayspaceError as exc:
            self._n_failures += 1
            if self._n_failures == 1:
                self._log.line(f"rayspace: progress is not written for now: {exc.message}")
            # What the server refuses for good would hold up all that follows.
            return isinstance(exc, SpecError)
        if self._n_failures:
            self._log.line("rayspace: progress is written again.")
        self._n_failures = 0
        return True
