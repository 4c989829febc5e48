"""Which processes are told that their pod ends."""

from __future__ import annotations

import subprocess
import sys

import pytest

from rayspace.runner import pod_end

#: Says that it listens, and ends when it is told.
_LISTENER = f"""
import signal, sys
signal.signal({int(pod_end.SIGNAL)}, lambda *_: sys.exit(7))
print("listens", flush=True)
signal.pause()
"""


@pytest.fixture
def listener():
    with subprocess.Popen([sys.executable, "-c", _LISTENER], stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"listens\n"
        yield process
        process.kill()


def proc(directory, pid, numbers):
    """Write what the system tells of a process that was started as we are."""
    entry = directory / str(pid)
    entry.mkdir()
    words = ["python", *sys.orig_argv[1:-1]]
    (entry / "cmdline").write_bytes(b"".join(word.encode() + b"\0" for word in words))
    (entry / "environ").write_bytes(b"A=b\0")
    handled = 1 << (pod_end.SIGNAL - 1)
    status = f"State:\tS (sleeping)\nNSpid:\t{numbers}\nSigCgt:\t{handled:016x}\n"
    (entry / "status").write_text(status)


def test_a_runner_of_this_pod_is_told(listener, tmp_path):
    proc(tmp_path, listener.pid, f"{listener.pid}")
    assert pod_end.main(tmp_path, wait_s=0) == 0
    assert listener.wait(timeout=60) == 7


def test_one_of_another_pod_is_not(listener, tmp_path):
    """A node, or a container that shares its processes, sees those of all pods."""
    proc(tmp_path, listener.pid, f"{listener.pid}\t12")
    assert pod_end.main(tmp_path, wait_s=0) == 0
    listener.terminate()
    assert listener.wait(timeout=60) == -15
