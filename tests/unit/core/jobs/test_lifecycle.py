"""Where a job stands, from what its run says and what Ray says."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from rayspace.core.jobs.lifecycle import (
    SILENT_AFTER_MS,
    UNSEEN,
    Observation,
    is_runner_starting,
    job_state,
    last_words,
    missing_verdict,
    recorded_verdict,
    verdict_tags,
)
from rayspace.model.job import Cause, JobPhase, LiveJob, LivePhase, Verdict
from rayspace.model.run import RunRecord, RunStatus, Tag

NOW_MS = 1_000_000_000


def run(status: RunStatus = RunStatus.RUNNING, **tags: str) -> RunRecord:
    base = {
        Tag.JOB: "train-x",
        Tag.SUBMITTED_MS: str(NOW_MS - 600_000),
        Tag.ACCEPTED_MS: str(NOW_MS - 500_000),
    }
    return RunRecord("r1", "train-x", "1", "exp", status, 0, 0, tags={**base, **tags})


def began(silent_ms: int = 0) -> dict[str, str]:
    return {Tag.ATTEMPT: "1", Tag.HEARTBEAT_MS: str(NOW_MS - silent_ms)}


def live(phase: LivePhase, code: int | None = None, message: str = "") -> Observation:
    job = LiveJob("train-x", phase, message, code)
    return Observation(job, cluster_answers=True, cluster_gone=False)


GONE = Observation(None, cluster_answers=False, cluster_gone=True)
FORGOTTEN = Observation(None, cluster_answers=True, cluster_gone=False)


@pytest.mark.parametrize("phase", [p for p in JobPhase if p.is_terminal])
def test_a_verdict_survives_its_tags(phase: JobPhase) -> None:
    """What the runner writes is what anybody reads."""
    verdict = Verdict(
        phase, Cause.CELL_ERROR, "Cell 3 raised ValueError: no", 4, "ValueError", "no"
    )
    assert recorded_verdict(verdict_tags(verdict)) == verdict


def test_no_phase_tag_is_no_verdict() -> None:
    """A run that only has a cause has not ended."""
    assert recorded_verdict({Tag.CAUSE: "cell_error"}) is None


def test_a_recorded_verdict_is_final() -> None:
    """Whatever Ray says later, the runner's word stands."""
    tags = verdict_tags(Verdict(JobPhase.SUCCEEDED))
    assert missing_verdict(run(**tags), live(LivePhase.FAILED, -9), NOW_MS) is None


@pytest.mark.parametrize(
    ("seen", "phase", "cause", "word"),
    [
        (live(LivePhase.FAILED, -9), JobPhase.FAILED, Cause.RUNNER_KILLED, "memory"),
        (live(LivePhase.FAILED, 137), JobPhase.FAILED, Cause.RUNNER_KILLED, "signal 9"),
        (live(LivePhase.FAILED, 1), JobPhase.FAILED, Cause.RUNNER_ERROR, "code 1"),
        (
            live(LivePhase.FAILED, None, "no worker"),
            JobPhase.FAILED,
            Cause.NOT_STARTED,
            "no worker",
        ),
        (live(LivePhase.STOPPED), JobPhase.STOPPED, Cause.STOPPED, "stopped"),
        (live(LivePhase.SUCCEEDED, 0), JobPhase.FAILED, Cause.RUNNER_ERROR, "no verdict"),
    ],
)
def test_ray_speaks_for_a_runner_that_can_not(seen, phase, cause, word) -> None:
    """A job that ended without a verdict gets it from what Ray saw."""
    verdict = missing_verdict(run(**began()), seen, NOW_MS)
    assert verdict is not None
    assert (verdict.phase, verdict.cause) == (phase, cause)
    assert word in verdict.summary


@pytest.mark.parametrize("seen", [live(LivePhase.RUNNING), live(LivePhase.PENDING), UNSEEN])
def test_a_job_that_may_go_on_has_no_verdict(seen) -> None:
    """Neither a live job nor a cluster that does not answer is an end."""
    assert missing_verdict(run(**began(10 * SILENT_AFTER_MS)), seen, NOW_MS) is None


@pytest.mark.parametrize("seen", [GONE, FORGOTTEN])
def test_a_runner_may_outlive_its_head_for_a_while(seen) -> None:
    """A sign of life younger than the limit keeps a job from being lost; an older one does not."""
    assert missing_verdict(run(**began(SILENT_AFTER_MS - 1)), seen, NOW_MS) is None
    verdict = missing_verdict(run(**began(SILENT_AFTER_MS)), seen, NOW_MS)
    assert verdict is not None
    assert (verdict.phase, verdict.cause) == (JobPhase.LOST, Cause.HEAD_LOST)


def test_a_job_that_never_began_is_lost_with_its_cluster() -> None:
    """Submitted long ago, no sign of a runner, no cluster."""
    verdict = missing_verdict(run(RunStatus.SCHEDULED), GONE, NOW_MS)
    assert verdict is not None
    assert (verdict.phase, verdict.cause) == (JobPhase.LOST, Cause.NOT_STARTED)


def test_a_job_between_run_and_submission_is_not_lost() -> None:
    """Ray does not know a job yet whose run was made a moment ago."""
    fresh = run(RunStatus.SCHEDULED)
    del fresh.tags[Tag.ACCEPTED_MS]
    assert missing_verdict(fresh, FORGOTTEN, NOW_MS) is None


def test_a_job_that_is_being_submitted_says_so() -> None:
    """Its files are on the way; nothing has been forgotten."""
    fresh = run(RunStatus.SCHEDULED)
    del fresh.tags[Tag.ACCEPTED_MS]
    assert state(fresh, FORGOTTEN).reason == "Its submission goes on, or was cut off."
    assert "does not know it any more" in state(run(), FORGOTTEN).reason


def state(record: RunRecord, seen: Observation):
    verdict = recorded_verdict(record.tags)
    return job_state(record, seen, verdict, tracking_uri="sqlite:///x", results_dir="")


def test_a_job_is_pending_until_its_runner_has_claimed_it() -> None:
    """Ray may run the driver while the runner still loads."""
    assert state(run(), live(LivePhase.PENDING)).phase is JobPhase.PENDING
    assert state(run(), live(LivePhase.RUNNING)).reason == "Its runner is starting."
    assert state(run(**began()), live(LivePhase.RUNNING)).phase is JobPhase.RUNNING


def test_a_runner_that_can_not_begin_says_why() -> None:
    """Who looks reads it at once, not in a log."""
    log = "Collecting x\nrayspace: MLflow at http://m does not answer. Trying again.\nnoise\n"
    seen = replace(live(LivePhase.RUNNING), runner_says=last_words(log))
    assert is_runner_starting(run(), seen)
    assert not is_runner_starting(run(**began()), seen)
    assert state(run(), seen).reason == (
        "Its runner is starting. MLflow at http://m does not answer. Trying again."
    )
    assert last_words("what a notebook printed: rayspace: no\n") == ""


def test_progress_of_another_version_does_not_break_the_state() -> None:
    """A progress tag that can't be read is no progress, not an error."""
    tags = {**began(), Tag.PROGRESS: json.dumps({"unknown": 1})}
    assert state(run(**tags), live(LivePhase.RUNNING)).progress is None
