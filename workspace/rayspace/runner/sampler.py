"""Sample the nodes of the cluster, and watch whether its head still lives.

A thread of the runner. It must never stop the job for a dashboard that is merely slow or
restarting: only a head whose dashboard *and* own port are gone for long is lost.
"""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

from rayspace.core.node_metrics import node_labels, node_metrics

if TYPE_CHECKING:
    from collections.abc import Callable

    from rayspace.runner.dashboard import Dashboard
    from rayspace.runner.log import RunnerLog

#: A driver outlives its head by 46 to 61 s (measured with Ray 2.60.0), and the results must be
#: stored within that time.
_LOST_AFTER_S = 20.0
#: Time between two looks at the head, while it answers and while it does not. [s]
_LOOK_EVERY_S = 3.0
_LOOK_AGAIN_S = 1.0
_SUMMARY = "/nodes?view=summary"


class Sampler:
    """Takes samples until it is closed.

    Parameters
    ----------
    dashboard
        The head to ask.
    interval_s
        Time between two samples. [s]
    send
        Takes metrics as (name, value, time in ms, step).
    head_lost
        Called once, from this thread, when the head is gone.
    log
        Takes what people should know.
    lost_after_s
        How long the head must be gone to be lost. [s]
    """

    def __init__(
        self,
        dashboard: Dashboard,
        interval_s: float,
        send: Callable[[list[tuple[str, float, int, int]]], None],
        head_lost: Callable[[], None],
        log: RunnerLog,
        lost_after_s: float = _LOST_AFTER_S,
    ) -> None:
        self._dashboard = dashboard
        self._interval_s = interval_s
        self._send = send
        self._head_lost = head_lost
        self._log = log
        self._lost_after_s = lost_after_s
        self._closed = threading.Event()
        self._labels: dict[str, str] = {}
        self._step = 0
        self._session_name = ""
        self._gone_since_s: float | None = None
        self._is_lost = False
        self._has_warned = False
        self._thread = threading.Thread(target=self._work, name="rayspace-sampler", daemon=True)

    def start(self) -> None:
        """Begin, with a first sample at once."""
        if self._dashboard.is_known:
            self._thread.start()

    def close(self, timeout_s: float) -> None:
        """Take a last sample and end.

        Parameters
        ----------
        timeout_s
            Longest wait for the last sample. [s]
        """
        self._closed.set()
        if self._thread.is_alive():
            self._thread.join(timeout_s)

    def _work(self) -> None:
        self._session_name = self._dashboard.session_name()
        next_sample_s = time.monotonic()
        while not self._is_lost:
            if time.monotonic() >= next_sample_s and self._gone_since_s is None:
                self._sample()
                next_sample_s = max(next_sample_s + self._interval_s, time.monotonic())
            is_gone = self._gone_since_s is not None
            pause_s = _LOOK_AGAIN_S if is_gone else min(_LOOK_EVERY_S, self._interval_s)
            pause_s = min(pause_s, max(next_sample_s - time.monotonic(), 0.05))
            if self._closed.wait(pause_s):
                if not is_gone:
                    self._sample()
                return
            self._look()

    def _sample(self) -> None:
        try:
            summary = self._dashboard.get(_SUMMARY)
            self._labels = node_labels(summary, self._labels)
            metrics = node_metrics(summary, self._labels)
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as exc:
            # A sample may be missed; a cluster that never gives one should be told of.
            if not self._has_warned and self._step == 0 and not self._closed.is_set():
                self._has_warned = True
                self._log.line(f"rayspace: the nodes could not be sampled ({exc}); trying again.")
            return
        now_ms = time.time_ns() // 1_000_000
        self._send([(name, value, now_ms, self._step) for name, value in metrics.items()])
        self._step += 1

    def _look(self) -> None:
        if self._dashboard.answers():
            if self._gone_since_s is not None:
                self._gone_since_s = None
                self._check_session()
            return
        now_s = time.monotonic()
        if self._gone_since_s is None:
            self._gone_since_s = now_s
            self._log.line("rayspace: the head of the cluster does not answer.")
        elif now_s - self._gone_since_s >= self._lost_after_s:
            self._lose()

    def _check_session(self) -> None:
        session_name = self._dashboard.session_name()
        if session_name and self._session_name and session_name != self._session_name:
            # Another head has taken its place: it knows nothing of this job.
            self._lose()
        else:
            self._log.line("rayspace: the head of the cluster answers again.")

    def _lose(self) -> None:
        self._is_lost = True
        self._head_lost()
