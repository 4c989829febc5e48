"""The exit codes by which a runner tells how its job ended: done, failed, stopped."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rayspace.model.job import JobPhase

if TYPE_CHECKING:
    from rayspace.model.job import Verdict

_OF_PHASE = {JobPhase.SUCCEEDED: 0, JobPhase.STOPPED: 130}


def exit_code(verdict: Verdict) -> int:
    """Return the exit code that tells a verdict. [1]"""
    return _OF_PHASE.get(verdict.phase, 1)
