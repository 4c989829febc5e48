"""Decide where a job with a cluster of its own stands, where its runner has not said so.

The runner's verdict counts more than all of this. Without one KubeRay's word counts, and Ray's in
it; and what neither tells is found by who has been silent for how long.
"""

from __future__ import annotations

import re

from rayspace.core.jobs.exit_verdict import exit_verdict, first_line
from rayspace.model.job import Cause, JobPhase, LivePhase, Verdict
from rayspace.model.ray_job import RayJobStage, RayJobState
from rayspace.units import format_duration

#: A runner gives a sign at least every 10 s; so late nobody takes it for a slow one. [ms]
QUIET_AFTER_MS = 30_000
#: After so long without a sign a runner on a node that is lost is taken for lost too: the node may
#: have been cut off for a while only. [ms]
LOST_NODE_MS = 180_000
#: KubeRay's reasons for giving up.
_DEADLINE, _START_DEADLINE = "DeadlineExceeded", "PreRunningDeadlineExceeded"
_SUBMISSION = "SubmissionFailed"
#: Source: ray/dashboard/modules/job/job_supervisor.py of Ray 2.60.
_EXIT = re.compile(r"failed with exit code (-?\d+)")
_STAGE_TEXTS = {
    RayJobStage.NEW: "KubeRay has not taken notice of it yet.",
    RayJobStage.INITIALIZING: "Its cluster comes up.",
    RayJobStage.WAITING: "Its cluster is up; KubeRay has not submitted it yet.",
    RayJobStage.RUNNING: "Its cluster is up; its runner is starting.",
    RayJobStage.SUSPENDING: "Its queue takes its place back.",
    RayJobStage.SUSPENDED: "It waits in its queue.",
    RayJobStage.RETRYING: "It failed and is tried anew on another cluster.",
}


def ray_job_verdict(
    job: RayJobState | None, *, began: bool, silent_ms: int, patience_ms: int
) -> Verdict | None:
    """Say how a job ended whose run has no verdict, None if it has not.

    Parameters
    ----------
    job
        What KubeRay says; None where there is no such object any more.
    began
        Whether a runner has had it.
    silent_ms
        Since the last sign of its runner, or of who submitted it. [ms]
    patience_ms
        How long such a silence may be. [ms]

    Returns
    -------
    Verdict or None
        The verdict.
    """
    if job is None:
        # Its pods may still end, and its runner save what it has.
        return _deleted(began) if silent_ms >= patience_ms else None
    if job.stage is RayJobStage.VALIDATION_FAILED:
        return _not_started(f"KubeRay refuses it: {first_line(job.message)}")
    if job.stage is RayJobStage.COMPLETE:
        return _completed(job, began)
    if job.stage is RayJobStage.FAILED:
        return _failed(job, began)
    if job.lost_head and began and silent_ms >= LOST_NODE_MS:
        # KubeRay waits for a pod that nobody can end, until somebody takes the node away.
        text = f"Its head is lost with its node: {first_line(job.lost_head)}"
        return Verdict(JobPhase.FAILED, Cause.HEAD_LOST, text)
    return None


def is_kept(job: RayJobState) -> bool:
    """Tell whether KubeRay keeps the cluster of a job for good: it has no rule for a stop."""
    has_stopped = job.stage is RayJobStage.COMPLETE and job.status is LivePhase.STOPPED
    return has_stopped and not job.is_ending


def ray_job_reason(job: RayJobState | None, *, began: bool, silent_ms: int = 0) -> str:
    """Say what a job without a verdict waits for; empty for nothing.

    Parameters
    ----------
    job
        What KubeRay says; None where there is no such object any more.
    began
        Whether a runner has had it.
    silent_ms
        Since the last sign of that runner. [ms]
    """
    if job is None:
        return "Its RayJob is gone; waiting for its runner's last word."
    if job.is_ending:
        return "Its RayJob is being deleted."
    if job.stage is RayJobStage.RETRYING:
        return _STAGE_TEXTS[job.stage]
    if began and job.stage is RayJobStage.RUNNING:
        if silent_ms < QUIET_AFTER_MS:
            return ""
        # In steps: who waits is not told another text each second.
        quiet_s = silent_ms // QUIET_AFTER_MS * QUIET_AFTER_MS / 1000
        silence = f"Its runner has given no sign for {format_duration(quiet_s)}"
        why = ". " + job.waits_for if job.waits_for else ": its head is lost, or MLflow is away."
        return silence + why
    return job.waits_for or _STAGE_TEXTS.get(job.stage, "")


def _completed(job: RayJobState, began: bool) -> Verdict:
    if job.status is LivePhase.STOPPED:
        when = "and ended before its runner could save" if began else "before it began"
        return Verdict(JobPhase.STOPPED, Cause.STOPPED, f"The job was stopped {when}.")
    # The runner ends well only after its verdict is stored.
    text = "Ray says that the runner ended well, but its verdict is nowhere."
    return Verdict(JobPhase.LOST, Cause.RUNNER_ERROR, text)


def _failed(job: RayJobState, began: bool) -> Verdict:
    if job.why == _DEADLINE:
        text = "The job was over its deadline, and its runner did not end it."
        return Verdict(JobPhase.FAILED, Cause.DEADLINE, text)
    if job.why == _START_DEADLINE:
        waits = f" {job.waits_for}" if job.waits_for else ""
        return _not_started(f"Its cluster did not come up in time.{waits}")
    if job.why == _SUBMISSION:
        return _not_started(f"KubeRay could not submit it: {first_line(job.message)}")
    told = _EXIT.search(job.message)
    if told:
        return exit_verdict(int(told[1]))
    text = first_line(job.message)
    if not began:
        return _not_started(f"Ray could not run it: {text}")
    said = f"The runner ended without a verdict: {text}"
    return Verdict(JobPhase.FAILED, Cause.RUNNER_KILLED, said)


def _deleted(began: bool) -> Verdict:
    if began:
        text = "Its RayJob was deleted while it ran, and its runner could not save any more."
        return Verdict(JobPhase.LOST, Cause.HEAD_LOST, text)
    text = "Its RayJob was deleted before it began."
    return Verdict(JobPhase.LOST, Cause.NOT_STARTED, text)


def _not_started(text: str) -> Verdict:
    return Verdict(JobPhase.FAILED, Cause.NOT_STARTED, text)
