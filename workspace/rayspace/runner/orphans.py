"""Bury what a notebook started and left behind.

Whoever stops a job waits for all processes below its runner. One that ended, and whose parent ended
before it was asked for, is waited for in vain where the first process of a pod asks for no child,
as in Ray's images: Ray then holds what the job held, its GPUs for one, until it gives up.
Source: ray/dashboard/modules/job/job_supervisor.py, prctl(2).
"""

from __future__ import annotations

import contextlib
import os
import sys

_PR_SET_CHILD_SUBREAPER = 36


def adopt_orphans(*, does: bool = True) -> None:
    """Make this process the parent of all below it that lose theirs; of Linux only.

    Parameters
    ----------
    does
        Whether it does, or does so no more.
    """
    if sys.platform == "linux":
        import ctypes

        # Where that is refused it costs time, and nothing else.
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, int(does), 0, 0, 0)


def bury_orphans() -> None:
    """Ask for all children of this process that have ended; nobody else may wait for one then."""
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
