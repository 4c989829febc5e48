"""Say how a job ended by the exit code of its runner, where it left no verdict."""

from __future__ import annotations

from rayspace.model.job import Cause, JobPhase, Verdict
from rayspace.model.packages import EXIT_PACKAGES

_MAX_LENGTH = 300


def exit_verdict(code: int) -> Verdict:
    """Return the verdict of a runner that ended without one.

    Parameters
    ----------
    code
        Its exit code; below 0 or above 128 it is a signal. [1]
    """
    if code < 0 or code > 128:
        number = -code if code < 0 else code - 128
        memory = ", as the system does when memory runs out" if number == 9 else ""
        text = f"The job's processes were killed by signal {number}{memory}."
        return Verdict(JobPhase.FAILED, Cause.RUNNER_KILLED, text)
    if code == EXIT_PACKAGES:
        text = (
            "The image lacks packages that the runner needs, and they could not be installed; the"
            " job's log says why."
        )
        return Verdict(JobPhase.FAILED, Cause.PACKAGES, text)
    text = f"The runner ended with code {code} and no verdict."
    return Verdict(JobPhase.FAILED, Cause.RUNNER_ERROR, text)


def first_line(message: str) -> str:
    """Return the first line of what Ray or KubeRay says, as much of it as a sentence bears."""
    lines = message.strip().splitlines()
    return lines[0][:_MAX_LENGTH] if lines else "no reason was given."
