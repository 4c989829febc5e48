"""A sweep whose trials are jobs of their own, on twins."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from rayspace.core.jobs.lifecycle import verdict_tags
from rayspace.errors import PhaseError, UsageError
from rayspace.model.job import Cause, JobPhase, Verdict
from rayspace.model.ray_job import RayJobStage
from rayspace.model.run import Artifact, RunStatus, Tag
from rayspace.services.sweep_apart import close_apart
from tests.unit.services.test_jobs import NOTEBOOK
from tests.unit.services.test_kubernetes_jobs import World

if TYPE_CHECKING:
    from pathlib import Path

SWEEP = {"lr": [0.1, 0.01]}


@pytest.fixture
def world(tmp_path) -> World:
    (tmp_path / ".rayspace").mkdir()
    (tmp_path / "train.ipynb").write_text(json.dumps(NOTEBOOK))
    return World(tmp_path)


@pytest.fixture
def notebook(tmp_path) -> Path:
    return tmp_path / "train.ipynb"


async def submitted(world, notebook, **options):
    """Submit it, and return the sweep with its trials."""
    job = await world.jobs.submit(notebook, target="team-a", sweep=SWEEP, apart=True, **options)
    children = world.runs.children(world.runs.get(job.run_id))
    return job, sorted(children, key=lambda run: run.tags[Tag.JOB])


def end(world, trial, verdict: Verdict) -> None:
    """Let a trial end as its runner would note it."""
    world.runs.update(trial.run_id, tags={Tag.ATTEMPT: "1", **verdict_tags(verdict)})
    world.runs.set_status(trial.run_id, RunStatus.FINISHED)


async def test_each_trial_is_a_job_with_the_bundle_of_the_sweep(world, notebook) -> None:
    """One upload; each has its parameters, its order and its cluster."""
    job, trials = await submitted(world, notebook, workers=1)
    assert [trial.tags[Tag.JOB] for trial in trials] == [f"{job.name}-1", f"{job.name}-2"]
    assert set(world.gateway.launches) == {f"{job.name}-1", f"{job.name}-2"}
    assert [trial.params["lr"] for trial in trials] == ["0.1", "0.01"]
    assert trials[0].name == f"{job.name}-1 lr=0.1"
    path = world.runs.download(trials[1].run_id, Artifact.ORDER, notebook.parent)
    order = json.loads(path.read_text())
    assert (order["parameters"]["lr"], order["trials"]) == (0.01, [])
    assert order["bundle_run_id"] == job.run_id
    assert Artifact.BUNDLE in world.runs.artifacts(job.run_id)
    assert Artifact.BUNDLE not in world.runs.artifacts(trials[1].run_id)
    assert all(launch.run_id != job.run_id for launch in world.gateway.launches.values())


async def test_it_stands_where_its_trials_stand(world, notebook) -> None:
    """Pending, running, and failed with the reason of the first."""
    job, trials = await submitted(world, notebook)
    assert (job.phase, job.progress.n_cells, job.progress.unit) == (JobPhase.PENDING, 2, "trial")
    assert f"{job.name}-1: " in job.reason
    world.gateway.set(f"{job.name}-1", RayJobStage.RUNNING)
    world.runs.update(
        trials[0].run_id,
        tags={Tag.ATTEMPT: "1", Tag.HEARTBEAT_MS: str(world.clock.now_ms())},
    )
    running = await world.jobs.status(job.name)
    assert (running.phase, running.progress.cell_preview) == (JobPhase.RUNNING, "lr=0.1")
    end(world, trials[0], Verdict(JobPhase.SUCCEEDED))
    assert (await world.jobs.status(job.name)).progress.n_done == 1
    end(world, trials[1], Verdict(JobPhase.FAILED, Cause.CELL_ERROR, "Cell 2 raised ValueError."))
    failed = await world.jobs.status(job.name)
    assert (failed.phase, failed.cause) == (JobPhase.FAILED, Cause.TRIALS_FAILED)
    assert failed.reason == ("1 of 2 trials failed; the first, lr=0.01: Cell 2 raised ValueError.")
    assert world.runs.get(job.run_id).status is RunStatus.FAILED
    table = world.runs.download(job.run_id, "results/trials.json", notebook.parent)
    rows = json.loads(table.read_text())
    assert [(row["parameters"], row["phase"]) for row in rows] == [
        ({"lr": "0.1"}, "succeeded"),
        ({"lr": "0.01"}, "failed"),
    ]


async def test_without_a_name_the_sweep_is_meant_and_no_trial_of_it(world, notebook) -> None:
    """That is what was submitted: one line stops all of it."""
    job, trials = await submitted(world, notebook)
    assert (await world.jobs.status()).name == job.name
    assert (await world.jobs.status(f"{job.name}-2")).name == f"{job.name}-2"
    stopped = await world.jobs.stop()
    assert (stopped.name, stopped.phase) == (job.name, JobPhase.STOPPED)
    for trial in trials:
        assert world.runs.get(trial.run_id).tags[Tag.PHASE] == "stopped"


async def test_the_last_runner_completes_it(world, notebook) -> None:
    """Nobody needs to look."""
    job, trials = await submitted(world, notebook)
    end(world, trials[0], Verdict(JobPhase.SUCCEEDED))
    assert close_apart(world.runs, world.runs.get(job.run_id)) is None
    end(world, trials[1], Verdict(JobPhase.SUCCEEDED))
    assert close_apart(world.runs, world.runs.get(job.run_id)).phase is JobPhase.SUCCEEDED
    record = world.runs.get(job.run_id)
    assert (record.status, record.tags[Tag.PHASE]) == (RunStatus.FINISHED, "succeeded")


async def test_a_second_submit_runs_what_did_not_succeed(world, notebook) -> None:
    """And a retry too, of all or of one; one upload serves them."""
    job, trials = await submitted(world, notebook)
    end(world, trials[0], Verdict(JobPhase.SUCCEEDED))
    end(world, trials[1], Verdict(JobPhase.FAILED, Cause.CELL_ERROR, "It failed."))
    again, left = await submitted(world, notebook)
    assert [trial.params["lr"] for trial in left] == ["0.01"]
    assert again.progress.n_cells == 1
    await world.jobs.status(job.name)
    retried = await world.jobs.retry(job.name)
    assert [t.params["lr"] for t in world.runs.children(world.runs.get(retried.run_id))] == ["0.01"]
    one = await world.jobs.retry(f"{job.name}-2")
    assert Artifact.BUNDLE in world.runs.artifacts(one.run_id)
    assert world.runs.get(one.run_id).tags[Tag.PARENT_RUN_ID] == job.run_id


async def test_a_stop_stops_all_trials(world, notebook) -> None:
    """Those that have not begun are withdrawn."""
    job, trials = await submitted(world, notebook)
    end(world, trials[0], Verdict(JobPhase.SUCCEEDED))
    stopped = await world.jobs.stop(job.name)
    assert (stopped.phase, stopped.cause) == (JobPhase.STOPPED, Cause.STOPPED)
    assert stopped.reason == "The sweep was stopped after 1 of 2 trials."
    assert f"{job.name}-2" not in world.gateway.jobs


async def test_trials_that_can_not_be_started_are_told(world, notebook, monkeypatch) -> None:
    """The others run; where none can, the submission fails."""
    create = world.gateway.create
    refused = {"-2"}

    async def choosy(launch, archive):
        if any(launch.spec.name.endswith(end) for end in refused):
            raise PhaseError("The quota is used up.", hint="Wait.")
        return await create(launch, archive)

    monkeypatch.setattr(world.gateway, "create", choosy)
    job, trials = await submitted(world, notebook, report=world.report)
    assert any("could not be started: The quota is used up." in text for text in world.told)
    assert trials[1].tags[Tag.PHASE] == "failed"
    end(world, trials[0], Verdict(JobPhase.SUCCEEDED))
    assert (await world.jobs.status(job.name)).cause is Cause.TRIALS_FAILED
    refused.add("-1")
    with pytest.raises(PhaseError, match="quota"):
        await submitted(world, notebook, again=True)


@pytest.mark.parametrize(
    "options",
    [
        {"target": "team-a", "sweep": {}},
        {"target": "team-a", "sweep": SWEEP, "parallel": 2},
        {"sweep": SWEEP, "cluster": "one"},
    ],
)
async def test_what_makes_no_sense_is_refused(world, notebook, options) -> None:
    """Before anything is changed."""
    with pytest.raises(UsageError):
        await world.jobs.submit(notebook, apart=True, **options)
    assert world.runs.jobs() == []


async def test_its_log_is_that_of_each_trial(world, notebook) -> None:
    """The error says how to read one."""
    job, _ = await submitted(world, notebook)
    with pytest.raises(PhaseError) as caught:
        [piece async for piece in world.jobs.logs(job.name)]
    assert f"rayspace job logs {job.name}-1" in str(caught.value.hint)
