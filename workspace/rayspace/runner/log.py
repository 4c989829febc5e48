"""The runner's one way to say something: lines in the log of the job.

The log is the standard output: Ray keeps it, the supervisor keeps a copy. What the notebook prints
goes here too, as it comes. No line may hold a credential.
"""

from __future__ import annotations

import os
import sys
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

#: Shorter values are no secrets, but would mask half of every line.
_SHORTEST_SECRET = 6


class RunnerLog:
    """Write lines and output, from any thread.

    Parameters
    ----------
    write
        Takes bytes; must not raise.
    secrets
        Values that no line may hold.
    """

    def __init__(
        self, write: Callable[[bytes], None] | None = None, secrets: Iterable[str] = ()
    ) -> None:
        self._write = write or _to_stdout
        self._secrets = [secret for secret in secrets if len(secret) >= _SHORTEST_SECRET]
        self._lock = threading.Lock()
        self._is_at_line_start = True

    def line(self, text: str) -> None:
        """Write a line of our own."""
        text = self.masked(text)
        with self._lock:
            break_before = "" if self._is_at_line_start else "\n"
            self._write(f"{break_before}{text}\n".encode(errors="replace"))
            self._is_at_line_start = True

    def masked(self, text: str) -> str:
        """Return a text without the values that no line may hold."""
        for secret in self._secrets:
            text = text.replace(secret, "***")
        return text

    def output(self, text: str) -> None:
        """Write what the notebook printed, as it is."""
        if not text:
            return
        with self._lock:
            self._write(text.encode(errors="replace"))
            self._is_at_line_start = text.endswith("\n")


def _to_stdout(content: bytes) -> None:
    descriptor = sys.__stdout__.fileno() if sys.__stdout__ is not None else 1
    view = memoryview(content)
    try:
        while view:
            view = view[os.write(descriptor, view) :]
    except OSError:
        # The reader has gone; a job must not end for want of a reader.
        return
