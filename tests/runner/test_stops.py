"""Stops while a cell runs, and kernels that die then: on real kernels, with a complete record."""

from __future__ import annotations

import os
import re
import signal
import threading

import pytest

from rayspace.model.job import Cause, JobPhase
from rayspace.model.run import RunStatus
from rayspace.runner import notebook_client
from rayspace.runner.processes import identify
from tests.runner.endings import act_in_cell, check_complete, is_marked
from tests.waiting import PATIENCE_S, wait_for, waits_for


def test_a_stop_interrupts_the_cell_and_keeps_the_record(workshop, monkeypatch):
    monkeypatch.setattr(notebook_client, "_INTERRUPT_GRACE_S", PATIENCE_S)
    result = act_in_cell(
        workshop, "import time; time.sleep(600)", lambda _, signals: signals._receive(15, None)
    )
    assert result.exit_code == 130
    assert result.verdict.phase is JobPhase.STOPPED
    assert result.verdict.summary == "The job was stopped in cell 1."
    assert result.run.status is RunStatus.KILLED
    assert "KeyboardInterrupt" in str(result.notebook.cells[-1].outputs)
    assert is_marked(result)
    check_complete(result)


@pytest.fixture
def seen(monkeypatch):
    """Tell when the runner takes an end for that of a signal, whose own it then waits for."""
    looks_signalled, seen = notebook_client._looks_signalled, threading.Event()

    def told(ending):
        if looks_signalled(ending):
            seen.set()
        return seen.is_set()

    monkeypatch.setattr(notebook_client, "_looks_signalled", told)
    monkeypatch.setattr(notebook_client, "_STOP_GRACE_S", PATIENCE_S)
    return seen


@pytest.mark.parametrize("kernel_first", [True, False])
def test_a_stop_that_also_ends_the_kernel_is_a_stop(workshop, seen, kernel_first):
    """Ray signals the kernel as well, and nobody knows who hears it first."""

    def act(pid, signals):
        if kernel_first:
            os.kill(pid, signal.SIGTERM)
            assert seen.wait(PATIENCE_S)
        signals._receive(15, None)
        if not kernel_first:
            os.kill(pid, signal.SIGTERM)

    result = act_in_cell(workshop, "import time; time.sleep(600)", act)
    assert result.verdict.phase is JobPhase.STOPPED
    assert is_marked(result)


def test_a_stop_that_the_notebook_turns_into_an_exception_is_a_stop(workshop, seen):
    """A process that has called ray.init() leaves with the number of the signal."""
    code = "import signal, sys, time\nsignal.signal(15, lambda n, f: sys.exit(n))\n"
    code += "print('ready', flush=True)\ntime.sleep(600)"

    def act(pid, signals):
        wait_for(lambda: "ready\n" in workshop.live_log(), "the notebook hears signals")
        os.kill(pid, signal.SIGTERM)
        assert seen.wait(PATIENCE_S)
        signals._receive(15, None)

    result = act_in_cell(workshop, code, act)
    assert result.verdict.phase is JobPhase.STOPPED
    assert is_marked(result)


def test_workers_of_a_kernel_that_died_are_ended(workshop):
    gate = workshop.directory / "gate"
    code = (
        "import os, subprocess, sys\n"
        "worker = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
        f"print('worker', worker.pid, flush=True)\n{waits_for(gate)}os._exit(1)"
    )

    def act(_pid, _signals):
        # What a kernel printed last may go with it.
        wait_for(
            lambda: re.search(r"^worker \d+$", workshop.live_log(), re.MULTILINE), "it is told"
        )
        gate.touch()

    result = act_in_cell(workshop, code, act)
    assert result.verdict.cause is Cause.KERNEL_DIED
    pid = int(result.text("worker").split()[-1])
    wait_for(lambda: identify(pid) is None, "the worker has ended")
