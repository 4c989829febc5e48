"""Start and end Ray's processes, and never signal anybody else's.

A process is ours only if its pid *and* its birth are on record, or if its environment holds
the random id that we gave to the head and that all its descendants inherit. ``ray stop`` is not
used: it matches by name and ends every Ray of the machine.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from rayspace.gateways.local_ray.records import ProcessRecord

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

#: Environment variable that marks every process of one cluster.
MARKER = "RAYSPACE_CLUSTER_UID"
#: `ray start --block` needs 3 to 4 s to take its children with it. [s]
GRACE_S = 8.0


def spawn(command: Sequence[str], env: Mapping[str, str], log_path: Path) -> ProcessRecord:
    """Start a program in a session of its own, so that it outlives this one.

    Parameters
    ----------
    command
        Program and arguments.
    env
        Its whole environment.
    log_path
        File that receives what it prints, readable by its owner alone.

    Returns
    -------
    ProcessRecord
        The process.
    """
    handle = os.open(log_path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        process = subprocess.Popen(
            command,
            env=dict(env),
            stdin=subprocess.DEVNULL,
            stdout=handle,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            # Not the caller's directory: a cluster must not keep a project's disk busy.
            cwd="/",
        )
    finally:
        os.close(handle)
    _CHILDREN[process.pid] = process
    return identify(process.pid, log_path)


#: Children of this program, kept so that they can be reaped: an ended child that nobody waits
#: for stays as a zombie and would look alive.
_CHILDREN: dict[int, subprocess.Popen[bytes]] = {}


def _reap() -> None:
    for pid, child in list(_CHILDREN.items()):
        if child.poll() is not None:
            _CHILDREN.pop(pid, None)


def identify(pid: int, log_path: Path | None = None) -> ProcessRecord:
    """Describe a running process, so that `find` knows it again.

    Parameters
    ----------
    pid
        Process id. [1]
    log_path
        File that receives what it prints.

    Raises
    ------
    psutil.NoSuchProcess
        If there is none.
    """
    return ProcessRecord(pid, _birth(pid), str(log_path or ""))


def _birth(pid: int) -> str:
    """Say when a process started, in words that a step of the clock does not change.

    Linux: the boot, and ticks since then. Source: proc_pid_stat(5), field 22. The time of day of
    its start, which psutil derives from them, moves with every correction of the clock.
    """
    if sys.platform == "linux":
        try:
            text = Path(f"/proc/{pid}/stat").read_text("utf-8", errors="replace")
        except (FileNotFoundError, ProcessLookupError) as exc:
            raise psutil.NoSuchProcess(pid) from exc
        # The name of the program stands in brackets and may hold anything, brackets too.
        return f"{_boot()}/{text.rpartition(')')[2].split()[19]}"
    return f"{psutil.Process(pid).create_time():.2f}"


@cache
def _boot() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()


def find(record: ProcessRecord | None) -> psutil.Process | None:
    """Return the recorded process if it still runs, else None: its pid may be another's now."""
    if record is None:
        return None
    _reap()
    try:
        if _birth(record.pid) != record.birth:
            return None
        process = psutil.Process(record.pid)
        return process if process.status() != psutil.STATUS_ZOMBIE else None
    except psutil.NoSuchProcess:
        return None


def lives(pid: int) -> bool:
    """Whether a process of that id runs, ours or another's."""
    _reap()
    return psutil.pid_exists(pid)


def marked(uid: str) -> list[psutil.Process]:
    """List the processes of this user whose environment names the cluster, without ourselves."""
    return [process for process, environ in _environments() if environ.get(MARKER) == uid]


def marks_with(name: str, value: str) -> set[str]:
    """Return the ids of clusters that have a process with an environment variable of that value."""
    found = (
        environ.get(MARKER, "") for _, environ in _environments() if environ.get(name) == value
    )
    return {uid for uid in found if uid}


def all_processes() -> Iterator[psutil.Process]:
    """Iterate over the processes that run now.

    `psutil.process_iter` remembers those it has met, and gives one out again for another process
    that has its pid by now: such a one can be asked for its environment, and not be ended.
    """
    for pid in psutil.pids():
        with contextlib.suppress(psutil.NoSuchProcess):
            yield psutil.Process(pid)


def _environments() -> Iterator[tuple[psutil.Process, dict[str, str]]]:
    _reap()
    own_uid, own_pid = os.getuid(), os.getpid()
    for process in all_processes():
        try:
            if process.pid != own_pid and process.uids().real == own_uid:
                yield process, process.environ()
        except (psutil.NoSuchProcess, psutil.AccessDenied, OSError):
            # It ended while we looked, or is not ours to look at.
            continue


def end(records: Sequence[ProcessRecord], uid: str) -> int:
    """End recorded processes, then whatever of the cluster is left.

    Parameters
    ----------
    records
        Processes to ask first, workers before the head.
    uid
        Id of the cluster; empty ends nothing but ``records`` and their descendants.

    Returns
    -------
    int
        How many processes were ended. [1]
    """
    roots = [process for record in records if (process := find(record)) is not None]
    family: dict[int, psutil.Process] = {process.pid: process for process in roots}
    for root in roots:
        for child in _descendants(root):
            family[child.pid] = child
    if uid:
        for process in marked(uid):
            family[process.pid] = process
    for root in roots:
        _signal(root, kill=False)
    _, alive = psutil.wait_procs(list(family.values()), timeout=GRACE_S if roots else 0)
    late = marked(uid) if uid else []
    for process in [*alive, *late]:
        _signal(process, kill=True)
    psutil.wait_procs([*alive, *late], timeout=GRACE_S)
    _reap()
    return len(family)


def _descendants(process: psutil.Process) -> list[psutil.Process]:
    try:
        return process.children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def _signal(process: psutil.Process, *, kill: bool) -> None:
    """Send SIGKILL or SIGTERM; psutil refuses if the pid belongs to another process by now."""
    try:
        if kill:
            process.kill()
        else:
            process.terminate()
    except psutil.NoSuchProcess:
        return


def is_reached_from_here(pid: int) -> bool:
    """Tell whether a process listens where we connect to.

    What runs in a container is seen by its machine's administrator, but its 127.0.0.1 is another.

    Parameters
    ----------
    pid
        Process id. [1]
    """
    network = Path(f"/proc/{pid}/ns/net")
    try:
        return network.stat().st_ino == Path("/proc/self/ns/net").stat().st_ino
    except OSError:
        # Without /proc there are no network namespaces; of somebody else's process none is told.
        return True
