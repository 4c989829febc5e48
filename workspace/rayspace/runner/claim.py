"""Claim the job for this attempt, so that a notebook never runs twice behind anyone's back.

KubeRay submits a job again when its head was lost, whatever the number of retries says. The run
remembers who had the job: values in, values out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rayspace.core.jobs.lifecycle import recorded_verdict
from rayspace.model.job import Cause, JobPhase, Verdict
from rayspace.model.run import Tag

if TYPE_CHECKING:
    from rayspace.model.run import RunRecord


@dataclass(frozen=True)
class Claim:
    """What this attempt may do.

    Parameters
    ----------
    attempt
        Its number, from 1. [1]
    verdict
        How the job ended already; None when the notebook may run.
    is_recorded
        Whether that verdict is on record, so that nothing is left to do.
    lost_attempt
        Number of an earlier attempt that was cut off and has no record; 0 for none. [1]
    """

    attempt: int
    verdict: Verdict | None = None
    is_recorded: bool = False
    lost_attempt: int = 0

    def tags(self, session_name: str) -> dict[str, str]:
        """Return the tags that tell of the claim."""
        return {Tag.ATTEMPT: str(self.attempt), Tag.SESSION: session_name}


def claim(run: RunRecord, session_name: str, retries: int = 0) -> Claim:
    """Decide whether the notebook may run.

    Parameters
    ----------
    run
        The run of the job, as it is now.
    session_name
        Session of the head; empty when unknown.
    retries
        How often the job may be run anew. [1]

    Returns
    -------
    Claim
        The claim of this attempt.
    """
    earlier = int(run.tags.get(Tag.ATTEMPT) or 0)
    recorded = recorded_verdict(run.tags)
    if recorded is not None:
        return Claim(earlier, recorded, is_recorded=True)
    if earlier == 0:
        return Claim(1)
    if earlier <= retries:
        is_stored = int(run.tags.get(Tag.ATTEMPT_STORED) or 0) >= earlier
        return Claim(earlier + 1, lost_attempt=0 if is_stored else earlier)
    same_head = session_name and session_name == run.tags.get(Tag.SESSION)
    what = "An earlier attempt was cut off" if same_head else "The head was lost"
    verdict = Verdict(JobPhase.FAILED, Cause.HEAD_LOST, f"{what} and no retry is left.")
    return Claim(earlier + 1, verdict)
