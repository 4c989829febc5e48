"""Turn the signals that stop a job into what fits the moment.

Before the notebook runs a stop ends what goes on, by an exception; while it runs the execution is
cut off; afterwards nothing is left to stop, and the record is completed.
"""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING, Protocol

from rayspace.model.job import Cause
from rayspace.runner.pod_end import SIGNAL

if TYPE_CHECKING:
    from types import FrameType


class Interruptible(Protocol):
    """What a stop can cut off."""

    def interrupt(self, cause: Cause) -> None:
        """Cut it off; returns at once."""
        ...


class StopRequested(BaseException):
    """The job is to stop, and its notebook has not begun.

    Like KeyboardInterrupt it is no Exception: libraries must not swallow it.
    """


class StopSignals:
    """Receives SIGTERM and SIGINT."""

    def __init__(self) -> None:
        self._execution: Interruptible | None = None
        self._raises = True
        #: Whether a stop was asked for.
        self.is_requested = False
        #: Whether Kubernetes takes the pod away.
        self.pod_ends = False

    def install(self) -> None:
        """Begin to receive; in the main thread."""
        for number in (signal.SIGTERM, signal.SIGINT, SIGNAL):
            signal.signal(number, self._receive)

    def hand_to(self, execution: Interruptible) -> None:
        """From now on a stop cuts this execution off."""
        self._raises = False
        self._execution = execution
        if self.is_requested:
            execution.interrupt(self._cause)

    def finish(self) -> None:
        """From now on a stop changes nothing."""
        self._raises = False
        self._execution = None

    @property
    def _cause(self) -> Cause:
        return Cause.HEAD_LOST if self.pod_ends else Cause.STOPPED

    def _receive(self, number: int, _frame: FrameType | None) -> None:
        if not self.is_requested:
            self.pod_ends = number == SIGNAL
        self.is_requested = True
        if self._execution is not None:
            self._execution.interrupt(self._cause)
        elif self._raises:
            self._raises = False
            raise StopRequested
