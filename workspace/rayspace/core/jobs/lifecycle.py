"""Decide where a job stands, from what its run says and what Ray says.

The run is the durable record and Ray's Jobs API the live one. The verdict in the run's tags is
final; without one the live state counts; with neither, a silent runner means that the job is lost.
The state never comes from the notebook file: papermill marks the cell of a dead kernel completed.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rayspace.core.jobs.exit_verdict import exit_verdict, first_line
from rayspace.core.jobs.ray_job_verdict import QUIET_AFTER_MS, ray_job_reason, ray_job_verdict
from rayspace.model.job import Cause, JobPhase, JobState, LiveJob, LivePhase, Progress, Verdict
from rayspace.model.ray_job import RayJobStage
from rayspace.model.run import RunRecord, RunStatus, Tag

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rayspace.model.ray_job import RayJobState

#: The runner gives a sign at least every 10 s, and outlives its head by at most 61 s (measured
#: with Ray 2.60), in which it writes its own verdict. [ms]
SILENT_AFTER_MS = 75_000
#: A job that Ray took shows up there at once, but may wait for its runner to load. [ms]
_STARTING_MS = 90_000
#: A job that Ray has not taken may still be uploading its files, over a slow line. [ms]
_SUBMITTING_MS = 3_600_000

#: The verdict as MLflow's status.
STATUS_OF_PHASE = {
    JobPhase.SUCCEEDED: RunStatus.FINISHED,
    JobPhase.FAILED: RunStatus.FAILED,
    JobPhase.STOPPED: RunStatus.KILLED,
    JobPhase.LOST: RunStatus.FAILED,
}


@dataclass(frozen=True)
class Observation:
    """What was seen of the live side of a job.

    Parameters
    ----------
    live
        The job in Ray's Jobs API; None if it is not there.
    cluster_answers
        Whether the head answered at all.
    cluster_gone
        Whether the cluster is known to be no more.
    ray_job
        The RayJob of a job with a cluster of its own; None if there is none (any more).
    runner_says
        What a runner that does not have the job yet wrote last; empty when nothing.
    """

    live: LiveJob | None
    cluster_answers: bool
    cluster_gone: bool
    ray_job: RayJobState | None = None
    runner_says: str = ""


#: So begins what the runner itself writes into a job's log.
_SAYS = "rayspace: "
#: Nothing was asked of Ray: the run has its verdict, or nobody can reach the cluster.
UNSEEN = Observation(None, cluster_answers=False, cluster_gone=False)


def has_own_cluster(run: RunRecord) -> bool:
    """Tell whether a job has, or had, a cluster of its own."""
    return Tag.RAY_JOB_UID in run.tags


def is_submission_over(run: RunRecord, now_ms: int) -> bool:
    """Tell whether whoever submitted a job has had more than enough time for it."""
    return now_ms - int(run.tags.get(Tag.SUBMITTED_MS, run.started_ms)) > _SUBMITTING_MS


def is_runner_starting(run: RunRecord, seen: Observation) -> bool:
    """Tell whether a runner was started that does not have its job yet: its log says why.

    It may wait for the tracking server, or install packages.
    """
    if Tag.ATTEMPT in run.tags:
        return False
    on_own = seen.ray_job is not None and seen.ray_job.stage is RayJobStage.RUNNING
    return on_own or (seen.live is not None and seen.live.phase is LivePhase.RUNNING)


def last_words(log: str) -> str:
    """Return the last line that the runner itself wrote into a job's log; empty for none."""
    lines = (line.partition(_SAYS) for line in reversed(log.splitlines()))
    return next((text for before, sign, text in lines if sign and not before), "")


def _is_submitting(run: RunRecord, seen: Observation) -> bool:
    """Tell whether a job with a cluster of its own has not been handed over yet, as far as known.

    Who hands it over may be cut off before that is noted; then there is a RayJob all the same.
    """
    noted = Tag.ATTEMPT in run.tags or Tag.ACCEPTED_MS in run.tags
    return seen.ray_job is None and not noted


def silence_ms(run: RunRecord, now_ms: int) -> int:
    """Return the time since the last sign of a job's runner, or of who submitted it. [ms]

    Parameters
    ----------
    run
        Its run.
    now_ms
        The time. [ms since 1970-01-01 UTC]
    """
    signs = (Tag.HEARTBEAT_MS, Tag.ACCEPTED_MS, Tag.SUBMITTED_MS)
    return now_ms - max(int(run.tags.get(tag, "0")) for tag in signs)


def is_quiet(run: RunRecord, now_ms: int) -> bool:
    """Tell whether a runner that has a job gives no sign, at ``now_ms`` [ms since 1970]."""
    return Tag.ATTEMPT in run.tags and silence_ms(run, now_ms) >= QUIET_AFTER_MS


def verdict_tags(verdict: Verdict) -> dict[str, str]:
    """Write a verdict as tags of its run."""
    return {
        Tag.PHASE: verdict.phase.value,
        Tag.CAUSE: verdict.cause.value,
        Tag.SUMMARY: verdict.summary,
        Tag.FAILED_CELL: str(verdict.failed_cell),
        Tag.ENAME: verdict.ename,
        Tag.EVALUE: verdict.evalue[:500],
    }


def recorded_verdict(tags: Mapping[str, str]) -> Verdict | None:
    """Read the verdict from the tags of a run; None while there is none."""
    if Tag.PHASE not in tags:
        return None
    return Verdict(
        JobPhase(tags[Tag.PHASE]),
        Cause(tags.get(Tag.CAUSE, "")),
        tags.get(Tag.SUMMARY, ""),
        int(tags.get(Tag.FAILED_CELL, "-1")),
        tags.get(Tag.ENAME, ""),
        tags.get(Tag.EVALUE, ""),
    )


def missing_verdict(run: RunRecord, seen: Observation, now_ms: int) -> Verdict | None:
    """Say how a job without a recorded verdict ended, None if it has not.

    Parameters
    ----------
    run
        Its run.
    seen
        Its live side.
    now_ms
        The time. [ms since 1970-01-01 UTC]
    """
    if recorded_verdict(run.tags) is not None:
        return None
    began, accepted = Tag.ATTEMPT in run.tags, Tag.ACCEPTED_MS in run.tags
    # Where a RayJob tells, a retry may follow what Ray calls an end.
    if seen.live is not None and seen.ray_job is None:
        return _verdict_from_ray(seen.live, began=began) if seen.live.phase.is_terminal else None
    if run.status.is_terminal:
        return Verdict(
            JobPhase.LOST, Cause.NONE, "The run was ended by something other than its runner."
        )
    patience_ms = SILENT_AFTER_MS if began else _STARTING_MS if accepted else _SUBMITTING_MS
    silent_ms = silence_ms(run, now_ms)
    unknown = seen.cluster_answers or seen.cluster_gone
    if Tag.RAY_JOB_UID in run.tags and not _is_submitting(run, seen):
        if not unknown:
            return None
        return ray_job_verdict(
            seen.ray_job, began=began, silent_ms=silent_ms, patience_ms=patience_ms
        )
    if not unknown or silent_ms < patience_ms:
        return None
    if began:
        return Verdict(
            JobPhase.LOST,
            Cause.HEAD_LOST,
            "The cluster's head was lost while the job ran, and its runner with it.",
        )
    if accepted:
        why = "The cluster was gone before the job could begin."
    else:
        why = "The program that submitted the job ended before the cluster had it."
    return Verdict(JobPhase.LOST, Cause.NOT_STARTED, why)


def _verdict_from_ray(live: LiveJob, *, began: bool) -> Verdict:
    if live.phase is LivePhase.STOPPED:
        when = "and ended before its runner could save" if began else "before it began"
        return Verdict(JobPhase.STOPPED, Cause.STOPPED, f"The job was stopped {when}.")
    if live.exit_code is None:
        message = first_line(live.message)
        return Verdict(JobPhase.FAILED, Cause.NOT_STARTED, f"Ray could not run the job: {message}")
    return exit_verdict(live.exit_code)


def job_state(
    run: RunRecord,
    seen: Observation,
    verdict: Verdict | None,
    *,
    tracking_uri: str,
    results_dir: str,
    silent_ms: int = 0,
) -> JobState:
    """Describe a job.

    Parameters
    ----------
    run
        Its run.
    seen
        Its live side.
    verdict
        Its verdict, recorded or found just now; None while it has none.
    tracking_uri
        Where its run is, without credentials.
    results_dir
        Where its results are kept on this machine; empty for nowhere.
    silent_ms
        Since the last sign of its runner. [ms]

    Returns
    -------
    JobState
        The job, as all doors show it.
    """
    tags = run.tags
    phase, reason = _phase(run, seen, verdict, silent_ms)
    return JobState(
        name=tags.get(Tag.JOB, run.name),
        phase=phase,
        cause=verdict.cause if verdict else Cause.NONE,
        reason=reason,
        notebook=tags.get(Tag.NOTEBOOK, ""),
        cluster=tags.get(Tag.CLUSTER, ""),
        target=tags.get(Tag.TARGET, ""),
        profile=tags.get(Tag.PROFILE, ""),
        run_id=run.run_id,
        experiment=run.experiment,
        tracking_uri=tracking_uri,
        parameters=dict(run.params),
        progress=_progress(tags.get(Tag.PROGRESS, "")),
        submitted_ms=int(tags.get(Tag.SUBMITTED_MS, run.started_ms)),
        started_ms=seen.live.started_ms if seen.live else run.started_ms,
        ended_ms=run.ended_ms,
        heartbeat_ms=int(tags.get(Tag.HEARTBEAT_MS, "0")),
        failed_cell=verdict.failed_cell if verdict else -1,
        parent_run_id=tags.get(Tag.PARENT_RUN_ID, ""),
        results_dir=results_dir,
        is_stuck=verdict is None and seen.ray_job is not None and seen.ray_job.is_hopeless,
        attempt=int(tags.get(Tag.ATTEMPT, "0")),
        experiment_id=run.experiment_id,
    )


def _phase(
    run: RunRecord, seen: Observation, verdict: Verdict | None, silent_ms: int
) -> tuple[JobPhase, str]:
    if verdict is not None:
        return verdict.phase, verdict.summary
    began = Tag.ATTEMPT in run.tags
    phase = JobPhase.RUNNING if began else JobPhase.PENDING
    if Tag.RAY_JOB_UID in run.tags and (seen.cluster_answers or seen.cluster_gone):
        if _is_submitting(run, seen):
            return phase, "Kubernetes does not have it yet: its submission goes on, or was cut off."
        reason = ray_job_reason(seen.ray_job, began=began, silent_ms=silent_ms)
        return phase, f"{reason} {seen.runner_says}".strip()
    if seen.live is not None:
        if began:
            return phase, ""
        waiting = seen.live.phase is LivePhase.PENDING
        reason = "It waits for its turn on the head." if waiting else "Its runner is starting."
        return phase, f"{reason} {seen.runner_says}".strip()
    if seen.cluster_answers and not began and Tag.ACCEPTED_MS not in run.tags:
        return phase, "Its submission goes on, or was cut off."
    if seen.cluster_answers or seen.cluster_gone:
        return phase, "Its cluster does not know it any more; waiting for its runner's last word."
    return phase, "Its cluster does not answer, so this is what the run said last."


def _progress(text: str) -> Progress | None:
    if not text:
        return None
    try:
        return Progress(**json.loads(text))
    except (ValueError, TypeError):
        # Written by another version; the state does not depend on it.
        return None
