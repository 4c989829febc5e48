"""A control group of each node's own, so that kubelets of one kernel leave each other's alone."""

from __future__ import annotations

import os
from pathlib import Path

_ROOT = Path("/sys/fs/cgroup")
#: How many processes of this machine all pods together count for where CPU is short: the system
#: shares it out between a group and each single process beside it. [1]
_CPU_SHARE = 4


def _is_v2() -> bool:
    return (_ROOT / "cgroup.controllers").exists()


def _bases() -> list[Path]:
    """Return the hierarchies: one of version 2, or one for each controller of version 1."""
    if _is_v2():
        return [_ROOT]
    return [path for path in _ROOT.iterdir() if path.is_dir() and not path.is_symlink()]


def make(name: str) -> None:
    """Make a group below the root of every hierarchy.

    Parameters
    ----------
    name
        Its path, without a leading slash.
    """
    for base in _bases():
        folder = base
        steps = name.split("/")
        for step in steps:
            parent, folder = folder, folder / step
            if _is_v2():
                (parent / "cgroup.subtree_control").write_text("+cpu +cpuset +memory +pids")
            folder.mkdir(exist_ok=True)
            # Version 1 gives a new group no CPU and no memory node until somebody says which.
            for file in ("cpuset.cpus", "cpuset.mems"):
                if not _is_v2() and (folder / file).exists():
                    (folder / file).write_text((parent / file).read_text())
        for file, usual in (("cpu.weight", 100), ("cpu.shares", 1024)):
            if (base / steps[0] / file).exists():
                (base / steps[0] / file).write_text(str(usual * _CPU_SHARE))


def remove(name: str) -> None:
    """Remove a group and all below it; its processes must have ended."""
    for base in _bases():
        for folder, _, _ in os.walk(base / name, topdown=False):
            try:
                Path(folder).rmdir()
            except FileNotFoundError:
                continue


def processes(name: str) -> set[int]:
    """Return the processes of a group and of all below it. [1]"""
    found: set[int] = set()
    for base in _bases():
        for folder, _, _ in os.walk(base / name):
            file = Path(folder, "cgroup.procs")
            try:
                found.update(int(word) for word in file.read_text().split())
            except FileNotFoundError:
                continue
    return found
