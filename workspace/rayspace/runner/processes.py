"""Tell processes apart, so that no signal ever reaches one that is not ours.

The system gives the number of a process to another one once it has ended; with the time of its
start a number names one process for good. Source: proc(5), field 22 of /proc/PID/stat.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path

#: Which process the system ends first when memory runs out; from -1000 to 1000. [1]
_FIRST_TO_GO, _LATER = 1000, 900
#: Processes that start each other are not nested deeper; numbers given anew may form a ring. [1]
_DEEPEST = 100


@dataclass(frozen=True)
class ProcessIdentity:
    """One process, for good.

    Parameters
    ----------
    pid
        Its number. [1]
    started
        When it started, in the system's own words.
    """

    pid: int
    started: str

    @property
    def is_alive(self) -> bool:
        """Whether that very process still runs."""
        return identify(self.pid) == self


def identify(pid: int) -> ProcessIdentity | None:
    """Identify a running process; None if there is none of that number, or only its remains."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None if Path("/proc/self/stat").exists() else _identify_by_ps(pid)
    # The name of the program may hold spaces and brackets: count from the last bracket.
    fields = stat.rpartition(")")[2].split()
    return None if fields[0] in {"Z", "X"} else ProcessIdentity(pid, fields[19])


def descends_from_us(pid: int) -> bool:
    """Tell whether a process is this one, or was started by it or one that it started."""
    for _ in range(_DEEPEST):
        if pid == os.getpid():
            return True
        if pid <= 1:
            return False
        pid = _parent(pid)
    return False


def _parent(pid: int) -> int:
    """Return the number of the process that started another one; 0 if there is none. [1]"""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        if Path("/proc/self/stat").exists():
            return 0
        command = ["ps", "-o", "ppid=", "-p", str(pid)]
        answer = subprocess.run(command, capture_output=True, text=True, check=False)
        return int(answer.stdout.strip() or 0)
    return int(stat.rpartition(")")[2].split()[1])


def _identify_by_ps(pid: int) -> ProcessIdentity | None:
    # macOS has no /proc.
    command = ["ps", "-o", "lstart=", "-p", str(pid)]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    started = answer.stdout.strip()
    return ProcessIdentity(pid, started) if started else None


def outlive(kernel_pid: int) -> None:
    """Let the system end the kernel before us when memory runs out.

    Ray starts all of its processes as the first to go, and ours are children of one. Source:
    proc(5), oom_score_adj.

    Parameters
    ----------
    kernel_pid
        The process that runs what people wrote. [1]
    """
    for pid, limit in ((kernel_pid, None), (os.getpid(), _LATER), (os.getppid(), _LATER)):
        score = Path(f"/proc/{pid}/oom_score_adj")
        # Not on macOS; and who may only go up keeps what it has.
        with contextlib.suppress(OSError):
            if limit is None:
                score.write_text(str(_FIRST_TO_GO), encoding="ascii")
            elif int(score.read_text(encoding="ascii")) > limit:
                score.write_text(str(limit), encoding="ascii")


def kill_group(identity: ProcessIdentity) -> bool:
    """Kill a process and those of its group, if it is still the one that was identified.

    Returns
    -------
    bool
        Whether it was there to be killed.
    """
    if not identity.is_alive:
        return False
    try:
        if os.getpgid(identity.pid) == identity.pid:
            os.killpg(identity.pid, signal.SIGKILL)
        else:
            os.kill(identity.pid, signal.SIGKILL)
    except ProcessLookupError:
        return False
    return True


def exit_in_words(returncode: int) -> str:
    """Say how a process ended.

    Parameters
    ----------
    returncode
        As `subprocess.Popen.returncode` tells it. [1]

    Returns
    -------
    str
        Such as ``"signal 9 (SIGKILL)"`` or ``"exit code 1"``.
    """
    if returncode >= 0:
        return f"exit code {returncode}"
    try:
        name = signal.Signals(-returncode).name
    except ValueError:
        return f"signal {-returncode}"
    return f"signal {-returncode} ({name})"
