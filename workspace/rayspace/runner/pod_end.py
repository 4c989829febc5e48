"""Let the runner of this pod save what it has before the pod ends. Standard library only.

Kubernetes runs this when it takes a pod away: one that is deleted, or whose node is drained or
preempted. It tells no process but the first one of a pod, which is Ray's and does not listen.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

#: Tells a runner that its pod ends.
SIGNAL = signal.SIGUSR1
#: Less than the pod has for its end; then it is killed whatever we do. [s]
_WAIT_S = 50.0
_PAUSE_S = 0.1


def main(processes: Path = Path("/proc"), wait_s: float = _WAIT_S) -> int:
    """Tell the runner that was started in the same way, and wait until it has ended.

    Parameters
    ----------
    processes
        Where the system tells of processes.
    wait_s
        How long to wait for it. [s]

    Returns
    -------
    int
        0: whatever came of it, the pod ends. [1]
    """
    # What follows the interpreter in its command is what does in ours, but for our own word.
    command = [word.encode() for word in sys.orig_argv[1:-1]]
    told = [pid for pid in _runners(processes, command) if _tell(pid)]
    give_up_s = time.monotonic() + wait_s
    while time.monotonic() < give_up_s and any(_lives(processes / str(pid)) for pid in told):
        time.sleep(_PAUSE_S)
    return 0


def _runners(processes: Path, command: list[bytes]) -> list[int]:
    """Return the supervisors of jobs; not those of trials, which their sweep stops."""
    found = []
    for directory in processes.glob("[0-9]*"):
        try:
            words = (directory / "cmdline").read_bytes().split(b"\0")
            if words[1:-1] != command or not _listens(directory):
                continue
            if b"RAYSPACE_TRIAL=" not in (directory / "environ").read_bytes():
                found.append(int(directory.name))
        except OSError:
            # It has ended, or is somebody else's.
            continue
    return found


def _lives(directory: Path) -> bool:
    """Whether a process has not ended; one that nobody has asked for its end is there still."""
    try:
        text = (directory / "status").read_text()
    except OSError:
        return False
    return not any(
        line.startswith("State:") and " Z" in line.expandtabs(1) for line in text.splitlines()
    )


def _listens(directory: Path) -> bool:
    """Whether a process of this pod handles our signal, which would kill it otherwise."""
    handles = False
    for line in (directory / "status").read_text().splitlines():
        name, _, told = line.partition(":")
        # From where other pods are seen too, theirs have a number there and one in their own.
        # Source: proc_pid_status(5).
        if name == "NSpid" and len(told.split()) > 1:
            return False
        if name == "SigCgt":
            handles = bool(int(told, 16) >> (SIGNAL - 1) & 1)
    return handles


def _tell(pid: int) -> bool:
    try:
        os.kill(pid, SIGNAL)
    except OSError:
        return False
    return True
