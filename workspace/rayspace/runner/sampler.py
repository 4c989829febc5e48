"""Sample the nodes of the cluster, and watch whether its head still lives.

A thread of the runner. It must never stop the job for a dashboard that is merely slow or
restarting: only a head whose dashboard *and* own port are gone for long is lost.
"""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from rayspace.runner.dashboard import Dashboard
    from rayspace.runner.log import RunnerLog
    from rayspace.runner.node_record import NodeRecord

#: A driver outlives its head by 46 to 61 s (measured with Ray 2.60.0), and the results must be
#: stored within that time.
_LOST_AFTER_S = 20.0
#: Time between two looks at the head, while it answers and while it does not. [s]
_LOOK_EVERY_S = 3.0
_LOOK_AGAIN_S = 1.0
_SUMMARY = "/nodes?view=summary"
#: The head tells its time to a second only: clocks that are less apart count as one. [s]
_SAME_CLOCK_S = 2.0


class Sampler:
    """Takes samples until it is closed.

    Parameters
    ----------
    dashboard
        The head to ask.
    interval_s
        Time between two samples. [s]
    record
        Turns answers into metrics, and sums up at the end.
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
        record: NodeRecord,
        send: Callable[[list[tuple[str, float, int, int]]], None],
        head_lost: Callable[[], None],
        log: RunnerLog,
        lost_after_s: float = _LOST_AFTER_S,
    ) -> None:
        self._dashboard = dashboard
        self._interval_s = interval_s
        self._record = record
        self._send = send
        self._head_lost = head_lost
        self._log = log
        self._lost_after_s = lost_after_s
        self._closed = threading.Event()
        self._step = 0
        self._session_name = ""
        #: Whether the head that answers has said that it is the one from before.
        self._is_known = False
        self._gone_since_s: float | None = None
        self._is_lost = False
        self._has_warned = False
        self._thread = threading.Thread(target=self._work, name="rayspace-sampler", daemon=True)

    def start(self) -> None:
        """Begin, with a first sample at once."""
        if self._dashboard.is_known:
            self._thread.start()

    def close(self, timeout_s: float) -> None:
        """Take a last sample, sum up and end.

        Parameters
        ----------
        timeout_s
            Longest wait for the last sample. [s]
        """
        self._closed.set()
        if self._thread.is_alive():
            self._thread.join(timeout_s)
        metrics, at_ms = self._record.close()
        self._send([(name, value, at_ms, self._step) for name, value in metrics.items()])

    def _work(self) -> None:
        self._check_session()
        next_sample_s = time.monotonic()
        while not self._is_lost:
            if time.monotonic() >= next_sample_s:
                if self._gone_since_s is None:
                    self._sample()
                else:
                    self._record.miss()
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
        began_s = time.time()
        try:
            answer, head_s = self._dashboard.get_dated(_SUMMARY)
        except (OSError, ValueError) as exc:
            # A sample may be missed; it is told of once, and counted in the summary.
            self._record.miss()
            if not self._has_warned and not self._closed.is_set():
                self._has_warned = True
                self._log.line(f"rayspace: the nodes could not be sampled ({exc}); trying again.")
            return
        ended_s = time.time()
        now_s = (began_s + ended_s) / 2
        if head_s is not None:
            # To the middle of the second. A head may have taken seconds to answer.
            head_s += 0.5
            if not began_s - _SAME_CLOCK_S <= head_s <= ended_s + _SAME_CLOCK_S:
                # Nodes are compared by the clock of the one that all of them know.
                now_s = head_s
        at_ms = int(now_s * 1000)
        metrics = self._record.take(answer, at_ms)
        if metrics:
            self._send([(name, value, at_ms, self._step) for name, value in metrics.items()])
            self._step += 1

    def _look(self) -> None:
        if self._dashboard.answers():
            was_gone = self._gone_since_s is not None
            self._gone_since_s = None
            self._is_known = self._is_known and not was_gone
            if not self._is_known:
                self._check_session()
            if was_gone and not self._is_lost:
                self._log.line("rayspace: the head of the cluster answers again.")
            return
        now_s = time.monotonic()
        if self._gone_since_s is None:
            self._gone_since_s = now_s
            self._log.line("rayspace: the head of the cluster does not answer.")
        elif now_s - self._gone_since_s >= self._lost_after_s:
            self._lose()

    def _check_session(self) -> None:
        session_name = self._dashboard.session_name()
        if not session_name:
            # Its port is there before its dashboard, which may be slow: it is asked again.
            return
        self._is_known = True
        if self._session_name and session_name != self._session_name:
            # Another head has taken its place: it knows nothing of this job.
            self._lose()
        self._session_name = session_name

    def _lose(self) -> None:
        self._is_lost = True
        self._head_lost()
