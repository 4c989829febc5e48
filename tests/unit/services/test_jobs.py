"""Jobs on twins: states that the real thing can't be brought into at will."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest

from rayspace.errors import (
    GatewayUnavailableError,
    JobNotFoundError,
    KernelNotFoundError,
    NotebookNotFoundError,
    ParameterError,
    PhaseError,
    RayspaceError,
    UsageError,
)
from rayspace.gateways.memory.clusters import MemoryClusterGateway, MemoryHeadGateway, MemoryWorld
from rayspace.gateways.memory.packages import MemoryPackages
from rayspace.gateways.memory.runs import MemoryRunGateway
from rayspace.gateways.project.workfiles import Workfiles
from rayspace.gateways.selection_file import SelectionFile
from rayspace.model.job import Cause, JobPhase, LivePhase
from rayspace.model.kernel import KernelSpec
from rayspace.model.parameter import Text
from rayspace.model.place import Place
from rayspace.model.profile import Profile
from rayspace.model.progress import Stage
from rayspace.model.run import Artifact, RunStatus, Tag
from rayspace.model.submission import JobDefaults
from rayspace.services.clusters import ClusterService
from rayspace.services.ending import JobEnder
from rayspace.services.jobs import JobService
from rayspace.services.ledgers import Ledgers
from rayspace.services.live import LiveSide
from rayspace.services.starters import Starters
from rayspace.services.submission import Submission

NOTEBOOK = {
    "nbformat": 4,
    "nbformat_minor": 5,
    "metadata": {"kernelspec": {"name": "python3", "display_name": "p", "language": "python"}},
    "cells": [
        {"cell_type": "code", "id": "a", "metadata": {"tags": ["parameters"]}, "outputs": [],
         "execution_count": None, "source": "lr: float = 0.5  # rate\nname = 'a'"},
        {"cell_type": "code", "id": "b", "metadata": {}, "outputs": [], "execution_count": None,
         "source": "print(lr)"},
    ],
}  # fmt: skip


class Kernels:
    """Kernels of no machine."""

    def find(self, python: str, name: str) -> KernelSpec:
        if name != "python3":
            raise KernelNotFoundError(f"There is no kernel {name!r}.")
        return KernelSpec(name, "python", (python,))

    def check(self, python: str, kernel: KernelSpec, ray_version: str) -> None:
        assert ray_version == "2.60.0"


class HandClock:
    """A clock that a test moves; waiting moves it too."""

    def __init__(self) -> None:
        self.time_ms = 1_000_000
        self.on_sleep = lambda: None

    def now_ms(self) -> int:
        return self.time_ms

    def monotonic_s(self) -> float:
        return self.time_ms / 1000

    async def sleep(self, duration_s: float) -> None:
        self.time_ms += round(duration_s * 1000)
        self.on_sleep()


class Profiles:
    """One profile."""

    def get(self, name: str, also=()) -> Profile:
        return Profile(name)

    def list(self, also=()) -> list[Profile]:
        return [Profile("laptop")]


class World:
    """A job service on twins."""

    def __init__(self, directory: Path, defaults: JobDefaults) -> None:
        self.clock = HandClock()
        self.world = MemoryWorld()
        self.head = MemoryHeadGateway(self.world)
        self.runs = MemoryRunGateway()
        place = Place("here", "me", str(directory))
        ledgers = Ledgers(self.runs, place)
        gateway = MemoryClusterGateway(self.world, clock=self.clock)
        selection = SelectionFile(directory / "selection.json")
        self.clusters = ClusterService(
            {"local": gateway}, self.head, Profiles(), selection, self.clock, str(directory),
            JobEnder(self.head, ledgers, self.clock),
        )  # fmt: skip
        suffixes = iter("bcdfg")
        submission = Submission(
            Workfiles(), Kernels(), MemoryPackages(), self.clock, lambda: next(suffixes) * 5, place
        )
        starters = Starters(self.head, {}, lambda: Path("/runner.zip"), lambda _: "")
        live = LiveSide(self.clusters, self.head, {}, place)
        self.jobs = JobService(
            self.clusters, self.head, ledgers, live, starters, submission, self.clock, place,
            defaults,
        )  # fmt: skip


@pytest.fixture
def defaults() -> JobDefaults:
    return JobDefaults("exp", 5.0)


@pytest.fixture
async def world(tmp_path, defaults) -> World:
    (tmp_path / ".rayspace").mkdir()
    (tmp_path / "train.ipynb").write_text(json.dumps(NOTEBOOK))
    made = World(tmp_path, defaults)
    await made.clusters.up("laptop")
    return made


@pytest.fixture
def notebook(tmp_path) -> Path:
    return tmp_path / "train.ipynb"


def nothing_happened(world: World) -> bool:
    return not world.runs.jobs() and not world.world.clusters["laptop"].submissions


async def test_a_submission_is_on_record_before_it_runs(world, notebook) -> None:
    """The run holds order, source, bundle, parameters and tags; Ray gets no more than its id."""
    job = await world.jobs.submit(notebook, {"lr": Text("0.25")})
    assert (job.name, job.phase, job.cluster) == ("train-bbbbb", JobPhase.PENDING, "laptop")
    record = world.runs.get(job.run_id)
    assert (job.experiment_id, job.experiment) == (record.experiment_id, "exp")
    assert record.status is RunStatus.SCHEDULED
    assert record.params == {"lr": "0.25", "name": "a"}
    assert record.tags[Tag.SOURCE_DIR] == str(notebook.parent)
    assert set(world.runs.artifacts(job.run_id)) == {
        Artifact.ORDER, Artifact.BUNDLE, f"{Artifact.SOURCE_DIR}/train.ipynb",
    }  # fmt: skip
    (submitted,) = world.world.clusters["laptop"].submissions
    assert submitted["entrypoint"] == "exec python /runner.zip"
    assert submitted["env"]["RAYSPACE_RUN_ID"] == job.run_id


@pytest.mark.parametrize(
    ("params", "error"),
    [({"lr": Text("fast")}, ParameterError), ({"rate": 1}, ParameterError)],
)
async def test_a_wrong_parameter_starts_nothing(world, notebook, params, error) -> None:
    """Types and names are checked before the first change."""
    with pytest.raises(error):
        await world.jobs.submit(notebook, params)
    assert nothing_happened(world)


async def test_other_wrong_orders_start_nothing(world, notebook, tmp_path) -> None:
    """No notebook, no kernel, no cluster, a limit of nothing, a file that can't be read."""
    other = json.loads(notebook.read_text())
    other["metadata"]["kernelspec"]["name"] = "julia"
    (tmp_path / "julia.ipynb").write_text(json.dumps(other))
    for error, call in (
        (NotebookNotFoundError, world.jobs.submit(tmp_path / "none.ipynb")),
        (KernelNotFoundError, world.jobs.submit(tmp_path / "julia.ipynb")),
        (UsageError, world.jobs.submit(notebook, deadline_s=0)),
        (UsageError, world.jobs.submit(notebook, cluster="laptop", profile="laptop")),
        (UsageError, world.jobs.submit(notebook, params_file=tmp_path / "none.yaml")),
    ):
        with pytest.raises(error):
            await call
    assert nothing_happened(world)


async def test_a_tracking_server_that_is_away_starts_nothing(world, notebook) -> None:
    """Without a record there is no job."""

    def away() -> None:
        raise GatewayUnavailableError("MLflow is away.", system="MLflow", operation="answer")

    world.runs.check = away
    for where in ({}, {"profile": "other"}):
        with pytest.raises(GatewayUnavailableError):
            await world.jobs.submit(notebook, **where)
    assert nothing_happened(world)
    assert list(world.world.clusters) == ["laptop"]


async def test_a_wrong_order_is_told_before_the_tracking_server_is_asked(
    world, notebook, tmp_path
) -> None:
    """Asking it takes seconds, and then it is said that it is asked."""
    told = []
    for call in (
        world.jobs.submit(notebook, {"rate": 1}, report=told.append),
        world.jobs.submit(tmp_path / "none.ipynb", report=told.append),
        world.jobs.submit(notebook, cluster="none", report=told.append),
    ):
        with pytest.raises(RayspaceError):
            await call
    assert (world.runs.calls, told) == ([], [])
    await world.jobs.submit(notebook, report=told.append)
    assert told[0] == Stage("tracking", "Asking the tracking server", is_passing=True)


async def test_a_cluster_that_starts_is_waited_for(world, notebook) -> None:
    """When the tracking server has answered."""
    world.world.starts_ready = False
    await world.clusters.up("laptop", name="slow", wait=False)
    world.clock.on_sleep = lambda: world.world.make_ready("slow")
    job = await world.jobs.submit(notebook, cluster="slow")
    assert job.cluster == "slow"


async def test_a_snapshot_that_was_fetched_is_no_result(world, notebook) -> None:
    """Once the job has ended, its results are still to be fetched."""
    job = await world.jobs.submit(notebook)
    world.runs.upload(job.run_id, notebook, Artifact.RESULTS_DIR)
    snapshot = Path((await world.jobs.fetch(job.name)).notebook)
    assert (await world.jobs.status(job.name)).results_dir == str(snapshot.parent)
    # As if it had been fetched a second ago.
    os.utime(snapshot, (0, snapshot.stat().st_mtime - 1))
    world.world.finish_job("laptop", job.name, LivePhase.FAILED, 1)
    assert (await world.jobs.status(job.name)).results_dir == ""
    await world.jobs.fetch(job.name)
    assert (await world.jobs.status(job.name)).results_dir == str(snapshot.parent)


async def test_who_waited_has_the_results(world, notebook) -> None:
    """They are fetched when the run has ended, so none comes after them."""
    job = await world.jobs.submit(notebook)
    world.runs.upload(job.run_id, notebook, Artifact.RESULTS_DIR)
    world.world.finish_job("laptop", job.name, LivePhase.FAILED, 1)
    ended = await world.jobs.wait(job.name)
    assert ended.results_dir == str(notebook.parent / "train.runs" / job.name)


async def test_results_are_those_of_a_head_whose_clock_is_ahead(world, notebook) -> None:
    """By its clock they were fetched an hour before they were there."""
    world.runs._now_ms = lambda: time.time_ns() // 10**6 + 3_600_000
    job = await world.jobs.submit(notebook)
    world.runs.upload(job.run_id, notebook, Artifact.RESULTS_DIR)
    world.world.finish_job("laptop", job.name, LivePhase.FAILED, 1)
    ended = await world.jobs.wait(job.name)
    assert ended.results_dir == str(notebook.parent / "train.runs" / job.name)


async def test_a_cluster_that_dies_in_between_leaves_a_failed_run(world, notebook) -> None:
    """No run stays scheduled for a job that nobody will start."""
    submit = world.head.submit

    async def refuse(*args, **kwargs):
        world.world.lose("laptop")
        await submit(*args, **kwargs)

    world.head.submit = refuse
    with pytest.raises(GatewayUnavailableError):
        await world.jobs.submit(notebook)
    (record,) = world.runs.jobs()
    assert record.status is RunStatus.FAILED
    assert record.tags[Tag.CAUSE] == Cause.NOT_STARTED.value


async def test_whoever_looks_settles_a_job_whose_runner_was_killed(world, notebook) -> None:
    """The verdict, the marked snapshot and the log are in the run afterwards."""
    job = await world.jobs.submit(notebook)
    snapshot = json.loads(notebook.read_text())
    snapshot["cells"][1]["metadata"]["papermill"] = {"status": "running"}
    path = notebook.with_name("snap") / "train.ipynb"
    path.parent.mkdir()
    path.write_text(json.dumps(snapshot))
    world.runs.upload(job.run_id, path, Artifact.RESULTS_DIR)
    # What its runner stored last, which lacks the end that Ray has.
    early = path.with_name("driver.log")
    early.write_text("b")
    world.runs.upload(job.run_id, early, "logs")
    world.world.finish_job("laptop", job.name, LivePhase.FAILED, -9)
    state = await world.jobs.status(job.name)
    assert (state.phase, state.cause) == (JobPhase.FAILED, Cause.RUNNER_KILLED)
    record = world.runs.get(job.run_id)
    assert record.status is RunStatus.FAILED
    log = world.runs.download(job.run_id, Artifact.DRIVER_LOG, path.parent).read_text()
    assert len(log) > 1
    paths = await world.jobs.fetch(job.name)
    marked = json.loads(Path(paths.notebook).read_text())
    failed = [c for c in marked["cells"] if c["metadata"].get("papermill", {}).get("exception")]
    assert [cell["source"] for cell in failed] == ["print(lr)"]
    assert Path(paths.notebook).parent == notebook.parent / "train.runs" / job.name


async def test_a_lost_cluster_loses_its_silent_jobs(world, notebook) -> None:
    """Not at once, since the runner may still speak; then for good."""
    job = await world.jobs.submit(notebook)
    world.world.lose("laptop")
    assert (await world.jobs.status(job.name)).phase is JobPhase.PENDING
    world.clock.time_ms += 100_000
    state = await world.jobs.status(job.name)
    assert (state.phase, state.cause) == (JobPhase.LOST, Cause.NOT_STARTED)
    assert world.runs.get(job.run_id).status is RunStatus.FAILED


async def test_only_ones_own_newest_job_is_stopped_without_a_name(world, notebook) -> None:
    """On a shared server the newest may be somebody else's, which has to be named."""
    job = await world.jobs.submit(notebook)
    world.runs.update(job.run_id, tags={Tag.USER: "ada"})
    with pytest.raises(JobNotFoundError, match="yours"):
        await world.jobs.stop()
    assert (await world.jobs.status()).phase is JobPhase.PENDING
    assert (await world.jobs.stop(job.name)).phase.is_terminal


async def test_stop_waits_until_the_job_has_ended(world, notebook) -> None:
    """A stopped job has its verdict when the verb returns, and can't be stopped again."""
    job = await world.jobs.submit(notebook)
    state = await world.jobs.stop(job.name)
    assert (state.phase, state.cause) == (JobPhase.STOPPED, Cause.STOPPED)
    assert world.runs.get(job.run_id).status is RunStatus.KILLED
    with pytest.raises(PhaseError):
        await world.jobs.stop(job.name)


async def test_retry_runs_what_the_run_holds(world, notebook) -> None:
    """The notebook may be gone from the laptop; parameters and files come from the run."""
    job = await world.jobs.submit(notebook, {"lr": 0.25})
    with pytest.raises(PhaseError):
        await world.jobs.retry(job.name)
    world.world.finish_job("laptop", job.name, LivePhase.FAILED, 1)
    notebook.unlink()
    again = await world.jobs.retry(job.name)
    assert (again.name, again.parameters) == ("train-ccccc", {"lr": "0.25", "name": "a"})
    assert world.runs.get(again.run_id).tags[Tag.RETRY_OF] == job.name
    assert Artifact.BUNDLE in world.runs.artifacts(again.run_id)


async def test_names_of_jobs_are_told_when_one_is_mistyped(world, notebook) -> None:
    """The nearest names help."""
    with pytest.raises(JobNotFoundError):
        await world.jobs.status()
    job = await world.jobs.submit(notebook)
    with pytest.raises(JobNotFoundError) as caught:
        await world.jobs.status("train-bbbbc")
    assert job.name in caught.value.hint


class TestInsideAJob:
    """What the verbs do in a notebook that runs as a job."""

    @pytest.fixture
    def defaults(self, tmp_path) -> JobDefaults:
        own = str(tmp_path / "train.ipynb")
        return JobDefaults("exp", 5.0, "parent", 1, own, "outer")

    async def test_a_job_does_not_submit_itself(self, world, notebook) -> None:
        """Its own notebook is passed over, and it is said."""
        world.runs.create(experiment="exp", name="outer", tags={Tag.JOB: "outer"}, params={})
        said = []
        state = await world.jobs.submit(notebook, report=said.append)
        assert state.name == "outer"
        assert "does not submit itself" in said[0].text
        assert not world.world.clusters["laptop"].submissions

    async def test_another_notebook_becomes_a_child(self, world, notebook, tmp_path) -> None:
        """Its run names the job's run as its parent."""
        other = tmp_path / "other.ipynb"
        other.write_text(notebook.read_text())
        job = await world.jobs.submit(other)
        assert job.parent_run_id == "parent"
        assert world.runs.get(job.run_id).tags[Tag.DEPTH] == "1"


class TestInsideAChild:
    """One level deep is enough."""

    @pytest.fixture
    def defaults(self) -> JobDefaults:
        return JobDefaults("exp", 5.0, "parent", 2, "", "inner")

    async def test_a_child_submits_nothing(self, world, notebook) -> None:
        """Any notebook is passed over."""
        world.runs.create(experiment="exp", name="inner", tags={Tag.JOB: "inner"}, params={})
        state = await world.jobs.submit(notebook)
        assert state.name == "inner"
        assert not world.world.clusters["laptop"].submissions


async def test_what_a_job_was_made_of_is_in_its_types(world, notebook) -> None:
    """As its order has them, where the tracking server shows texts; and its notebook's own."""
    document = json.loads(json.dumps(NOTEBOOK))
    document["cells"][0]["source"] = "flag = False\nlayers = []\nnone = 1\nlr = 0.5\nname = 'a'"
    document["cells"][0]["source"] += "\nseed = 3"
    notebook.write_text(json.dumps(document))
    given = {"flag": True, "layers": ["a", "c"], "lr": 1e-7, "name": "007"}
    job = await world.jobs.submit(notebook, given, sweep={"seed": [1, 2]})
    notebook.write_text(json.dumps(NOTEBOOK))
    inputs = await world.jobs.inputs(job.name)
    assert (inputs.given, inputs.swept) == (given, {"seed"})
    assert [type(value) for value in inputs.given.values()] == [bool, list, float, str]
    assert [parameter.name for parameter in inputs.known][:2] == ["flag", "layers"]
    assert inputs.source == notebook
    assert world.runs.get(job.run_id).params["flag"] == "True"
    # Nothing was fetched.
    assert not notebook.with_name("train.runs").exists()
