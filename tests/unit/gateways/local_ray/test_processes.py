"""Processes of this machine, and of containers on it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import psutil
import pytest

from rayspace.gateways.local_ray.processes import all_processes, is_reached_from_here


def test_a_process_of_ours_is_reached() -> None:
    """It shares our network."""
    assert is_reached_from_here(os.getpid())


@pytest.mark.skipif(
    sys.platform != "linux" or os.geteuid() != 0,
    reason="It makes a namespace of processes: run it on Linux as root.",
)
def test_a_process_in_a_container_is_not() -> None:
    """Its 127.0.0.1 is another."""
    with subprocess.Popen(
        ["unshare", "--net", sys.executable, "-c", "print('in'); input()"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "in\n"
        assert not is_reached_from_here(process.pid)
        process.communicate("\n")


def test_processes_are_those_that_run_now(monkeypatch) -> None:
    """And not those that were met before under the same pids, which could not be ended."""
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    met = psutil.Process(child.pid)
    met._ident = (child.pid, 0.0)
    monkeypatch.setitem(psutil._pmap, child.pid, met)
    (found,) = (process for process in all_processes() if process.pid == child.pid)
    found.kill()
    child.communicate()
    assert child.returncode == -signal.SIGKILL
