"""Where a job with a cluster of its own stands: every combination of what the three parties say."""

from __future__ import annotations

import itertools

import pytest

from rayspace.core.jobs.lifecycle import (
    UNSEEN,
    Observation,
    is_quiet,
    job_state,
    missing_verdict,
    silence_ms,
    verdict_tags,
)
from rayspace.core.jobs.ray_job_verdict import LOST_NODE_MS, ray_job_reason, ray_job_verdict
from rayspace.model.job import Cause, JobPhase, LivePhase, Verdict
from rayspace.model.packages import EXIT_PACKAGES
from rayspace.model.ray_job import RayJobStage, RayJobState
from rayspace.model.run import RunRecord, RunStatus, Tag

NOW_MS = 1_000_000_000
LIMIT_MS = 75_000
WORDS = (None, *LivePhase)
REASONS = ("", "AppFailed", "DeadlineExceeded", "PreRunningDeadlineExceeded", "SubmissionFailed")
MESSAGES = (
    "",
    "Job entrypoint command failed with exit code 1, last available logs",
    "Job entrypoint command failed with exit code 137, last available logs",
    f"Job entrypoint command failed with exit code {EXIT_PACKAGES}, last available logs",
    "Unexpected error occurred: no worker",
)
EVERY = list(itertools.product(RayJobStage, WORDS, REASONS, MESSAGES, (False, True)))


def state(stage, word=None, why="", message="") -> RayJobState:
    return RayJobState("train-x", "uid", stage, word, why, message)


def record(*, began: bool, silent_ms: int = 0, status=RunStatus.RUNNING, **tags) -> RunRecord:
    base = {
        Tag.JOB: "train-x",
        Tag.RAY_JOB_UID: "uid",
        Tag.SUBMITTED_MS: str(NOW_MS - 900_000),
        Tag.ACCEPTED_MS: str(NOW_MS - silent_ms),
    }
    if began:
        base |= {Tag.ATTEMPT: "1", Tag.HEARTBEAT_MS: str(NOW_MS - silent_ms)}
    return RunRecord("r", "train-x", "1", "exp", status, 0, 0, tags={**base, **tags})


def seen(job: RayJobState | None) -> Observation:
    return Observation(None, cluster_answers=True, cluster_gone=False, ray_job=job)


def expected(stage, word, why, message, began) -> tuple[JobPhase, Cause] | None:
    """Say the same again, as a table."""
    if stage is RayJobStage.VALIDATION_FAILED:
        return JobPhase.FAILED, Cause.NOT_STARTED
    if stage is RayJobStage.COMPLETE:
        stopped = (JobPhase.STOPPED, Cause.STOPPED)
        return stopped if word is LivePhase.STOPPED else (JobPhase.LOST, Cause.RUNNER_ERROR)
    if stage is not RayJobStage.FAILED:
        return None
    by_reason = {
        "DeadlineExceeded": Cause.DEADLINE,
        "PreRunningDeadlineExceeded": Cause.NOT_STARTED,
        "SubmissionFailed": Cause.NOT_STARTED,
    }
    by_message = (Cause.RUNNER_ERROR, Cause.RUNNER_KILLED, Cause.PACKAGES)
    if why in by_reason:
        return JobPhase.FAILED, by_reason[why]
    if "exit code" in message:
        return JobPhase.FAILED, by_message[MESSAGES.index(message) - 1]
    return JobPhase.FAILED, Cause.RUNNER_KILLED if began else Cause.NOT_STARTED


def test_every_combination_has_the_verdict_of_the_table() -> None:
    """KubeRay's stage, Ray's word, reason, message, and whether a runner had it."""
    for stage, word, why, message, began in EVERY:
        verdict = ray_job_verdict(
            state(stage, word, why, message), began=began, silent_ms=0, patience_ms=LIMIT_MS
        )
        want = expected(stage, word, why, message, began)
        assert (verdict and (verdict.phase, verdict.cause)) == want, (stage, word, why, message)
        assert verdict is None or (
            verdict.summary.endswith(".") or "logs" in verdict.summary or message
        )


def test_the_runners_word_stands_against_all_of_them() -> None:
    """Runner says done but RayJob failed, and so on: what is recorded is final."""
    for phase in (p for p in JobPhase if p.is_terminal):
        tags = verdict_tags(Verdict(phase, Cause.NONE, "as the runner said"))
        for stage, word, why, message, began in EVERY:
            run = record(began=began, **tags)
            assert missing_verdict(run, seen(state(stage, word, why, message)), NOW_MS) is None
        assert missing_verdict(record(began=True, **tags), seen(None), NOW_MS) is None


@pytest.mark.parametrize(("began", "phase", "cause"), [
    (False, JobPhase.LOST, Cause.NOT_STARTED),
    (True, JobPhase.LOST, Cause.HEAD_LOST),
])  # fmt: skip
def test_a_job_that_is_gone_gets_a_minute_for_its_last_word(began, phase, cause) -> None:
    """Its pods may still end, and its runner save what it has."""
    silent_ms = 200_000
    assert missing_verdict(record(began=began, silent_ms=1_000), seen(None), NOW_MS) is None
    verdict = missing_verdict(record(began=began, silent_ms=silent_ms), seen(None), NOW_MS)
    assert verdict is not None
    assert (verdict.phase, verdict.cause) == (phase, cause)


def test_a_submission_that_was_cut_off_is_told() -> None:
    """Its run is there and no RayJob; for an hour it may still be uploading over a slow line."""
    run = record(began=False)
    del run.tags[Tag.ACCEPTED_MS]
    told = job_state(run, seen(None), None, tracking_uri="", results_dir="")
    assert (told.phase, "submission" in told.reason) == (JobPhase.PENDING, True)
    assert missing_verdict(run, seen(None), NOW_MS) is None
    verdict = missing_verdict(run, seen(None), NOW_MS + 3_600_000)
    assert verdict is not None
    assert (verdict.phase, verdict.cause) == (JobPhase.LOST, Cause.NOT_STARTED)
    assert "program that submitted the job ended" in verdict.summary
    # Cut off after Kubernetes had it, and before that was noted, it runs all the same.
    there = seen(state(RayJobStage.INITIALIZING))
    assert missing_verdict(run, there, NOW_MS + 3_600_000) is None
    assert job_state(run, there, None, tracking_uri="", results_dir="").reason == (
        "Its cluster comes up."
    )


def test_who_can_not_look_decides_nothing() -> None:
    """However long the silence: a laptop without a network gives no verdict."""
    run = record(began=True, silent_ms=10**9)
    assert missing_verdict(run, UNSEEN, NOW_MS) is None
    assert job_state(run, UNSEEN, None, tracking_uri="", results_dir="").phase is JobPhase.RUNNING


@pytest.mark.parametrize("stage", [s for s in RayJobStage if not s.is_terminal])
def test_what_it_waits_for_is_said(stage) -> None:
    """In KubeRay's own stages, or by what is known to be wrong; a running one waits for nothing."""
    if stage is RayJobStage.RUNNING:
        assert ray_job_reason(state(stage), began=True) == ""
    assert ray_job_reason(state(stage), began=False).endswith(".")
    stuck = RayJobState("x", "u", stage, waits_for="No node has a GPU.", is_hopeless=True)
    told = job_state(record(began=False), seen(stuck), None, tracking_uri="", results_dir="")
    assert (told.phase, told.is_stuck) == (JobPhase.PENDING, True)
    if stage is not RayJobStage.RETRYING:
        assert told.reason == "No node has a GPU."


def test_a_head_that_is_lost_with_its_node_ends_a_job_after_a_while() -> None:
    """KubeRay says that it runs for as long as nobody takes the node away."""
    lost = RayJobState("x", "u", RayJobStage.RUNNING, lost_head="The head can't be reached.")

    def told(job, silent_ms: int, *, began: bool = True):
        return ray_job_verdict(job, began=began, silent_ms=silent_ms, patience_ms=0)

    assert told(lost, LOST_NODE_MS - 1) is None
    assert told(state(RayJobStage.RUNNING), LOST_NODE_MS) is None
    assert told(lost, LOST_NODE_MS, began=False) is None
    verdict = told(lost, LOST_NODE_MS)
    assert (verdict.phase, verdict.cause) == (JobPhase.FAILED, Cause.HEAD_LOST)
    assert verdict.summary == "Its head is lost with its node: The head can't be reached."


def test_a_runner_that_runs_and_is_silent_is_told_of() -> None:
    """With what is known to be wrong; one that gave a sign just now is not."""
    job = state(RayJobStage.RUNNING)
    assert ray_job_reason(job, began=True, silent_ms=12_000) == ""
    why = ray_job_reason(job, began=True, silent_ms=42_000)
    assert why == ("Its runner has given no sign for 30 s: its head is lost, or MLflow is away.")
    waits = RayJobState("x", "u", RayJobStage.RUNNING, waits_for="No node has a GPU.")
    why = ray_job_reason(waits, began=True, silent_ms=90_000)
    assert why == "Its runner has given no sign for 1 min 30 s. No node has a GPU."
    run = record(began=True, silent_ms=90_000)
    assert is_quiet(run, NOW_MS)
    assert not is_quiet(record(began=False, silent_ms=90_000), NOW_MS)
    quiet = silence_ms(run, NOW_MS)
    told = job_state(run, seen(waits), None, tracking_uri="", results_dir="", silent_ms=quiet)
    assert (told.phase, told.reason) == (JobPhase.RUNNING, why)


def test_a_run_that_somebody_else_ended_is_lost() -> None:
    """In MLflow's pages, say."""
    run = record(began=True, status=RunStatus.KILLED)
    verdict = missing_verdict(run, seen(state(RayJobStage.RUNNING)), NOW_MS)
    assert verdict is not None
    assert verdict.phase is JobPhase.LOST
