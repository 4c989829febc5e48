"""Named processes, each with a log and a group of its own, so that any can be stopped whole."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from typing import TYPE_CHECKING

from tests.cluster.errors import ClusterToolError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

_POLL_S = 0.1


class Supervisor:
    """Starts and stops the processes of one node or control plane.

    Parameters
    ----------
    log_dir
        Where each process logs to a file of its name.
    """

    def __init__(self, log_dir: Path) -> None:
        self._log_dir = log_dir
        self._commands: dict[str, tuple[Sequence[str], Mapping[str, str] | None]] = {}
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    def start(
        self, name: str, command: Sequence[str] = (), env: Mapping[str, str] | None = None
    ) -> int:
        """Start a process, by default with the command that it had before; returns its pid. [1]"""
        if command:
            self._commands[name] = (command, env)
        words, variables = self._commands[name]
        with (self._log_dir / f"{name}.log").open("ab") as log:
            self._running[name] = subprocess.Popen(
                words,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=None if variables is None else {**os.environ, **variables},
                start_new_session=True,
            )
        return self._running[name].pid

    def stop(self, name: str) -> None:
        """Kill a process and all that it started in its group; nothing where it does not run."""
        process = self._running.pop(name, None)
        if process is None:
            return
        # It may have ended by itself.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def ended(self) -> dict[str, int]:
        """Return the exit codes of processes that nobody stopped. [1]"""
        codes = {name: process.poll() for name, process in self._running.items()}
        return {name: code for name, code in codes.items() if code is not None}

    def wait(self, what: str, is_so: Callable[[], bool], timeout_s: float) -> None:
        """Wait until something is so.

        Parameters
        ----------
        what
            What is waited for, in words.
        is_so
            Tells whether it is so.
        timeout_s
            How long. [s]

        Raises
        ------
        ClusterToolError
            If it does not become so, or a process ends meanwhile.
        """
        deadline_s = time.monotonic() + timeout_s
        while not is_so():
            if ended := self.ended():
                name, code = next(iter(ended.items()))
                raise ClusterToolError(
                    f"{name} ended with code {code}: {self._last_words(name)}",
                    hint=f"Its whole log is {self._log_dir / name}.log",
                )
            if time.monotonic() > deadline_s:
                raise ClusterToolError(
                    f"{what} is not so after {timeout_s:g} s.", hint=f"Logs are in {self._log_dir}"
                )
            time.sleep(_POLL_S)

    def _last_words(self, name: str) -> str:
        text = (self._log_dir / f"{name}.log").read_text("utf-8", errors="replace")
        return " / ".join(text.strip().splitlines()[-3:])[-800:]


def succeeds(*words: str) -> bool:
    """Tell whether a command succeeds, without its output."""
    return subprocess.run(words, capture_output=True, check=False).returncode == 0


def run(*words: str, stdin: str | None = None) -> str:
    """Run a command to its end and return what it printed."""
    done = subprocess.run(words, input=stdin, capture_output=True, text=True, check=False)
    if done.returncode:
        raise ClusterToolError(
            f"{' '.join(words[:4])} failed: {(done.stderr or done.stdout).strip()[-1500:]}",
            hint="Look at the logs with: python -m tests.cluster logs",
        )
    return done.stdout
