"""Jobs that get a cluster of their own, and sweeps, on twins: what is asked, told and recorded."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from rayspace.core.jobs.lifecycle import SILENT_AFTER_MS, verdict_tags
from rayspace.core.jobs.ray_job_verdict import LOST_NODE_MS
from rayspace.core.jobs.sweep import trial_key
from rayspace.errors import (
    ClusterStartError,
    GatewayTimeoutError,
    GatewayUnavailableError,
    PhaseError,
    PreflightError,
    RayspaceError,
    TargetNotFoundError,
    TrackingMissingError,
    UsageError,
)
from rayspace.gateways.memory.clusters import MemoryClusterGateway, MemoryHeadGateway, MemoryWorld
from rayspace.gateways.memory.jobs import MemoryJobs
from rayspace.gateways.memory.packages import MemoryPackages
from rayspace.gateways.memory.runs import MemoryRunGateway
from rayspace.gateways.project.workfiles import Workfiles
from rayspace.gateways.selection_file import SelectionFile
from rayspace.model.job import Cause, JobPhase, JobState, LiveJob, LivePhase, Verdict
from rayspace.model.parameter import Text
from rayspace.model.place import Place
from rayspace.model.ray_job import RayJobStage
from rayspace.model.run import Artifact, RunStatus, Tag
from rayspace.model.submission import JobDefaults
from rayspace.services.clusters import ClusterService
from rayspace.services.ending import JobEnder
from rayspace.services.jobs import JobService
from rayspace.services.ledgers import Ledger, Ledgers
from rayspace.services.live import LiveSide
from rayspace.services.starters import Starters
from rayspace.services.submission import Submission
from tests.unit.services.test_jobs import NOTEBOOK, HandClock, Kernels, Profiles


class World:
    """A machine with a local cluster, and a namespace called ``team-a``."""

    def __init__(self, directory: Path) -> None:
        self.clock = HandClock()
        self.world, self.there = MemoryWorld(), MemoryWorld()
        self.head = MemoryHeadGateway(self.there)
        self.home, self.runs = MemoryRunGateway(), MemoryRunGateway()
        self.gateway = MemoryJobs()
        self.missing: RayspaceError | None = None
        self.noted: list[str] = []
        self.told: list[str] = []
        place = Place("here", "me", str(directory))
        ledgers = Ledgers(self.home, place, self._open, lambda: ["team-a"])
        gateways = {
            "local": MemoryClusterGateway(self.world, clock=self.clock),
            "team-a": MemoryClusterGateway(self.there, target="team-a", clock=self.clock),
        }
        self.clusters = ClusterService(
            gateways, self.head, Profiles(), SelectionFile(directory / "s.json"), self.clock,
            str(directory), JobEnder(self.head, ledgers, self.clock),
        )  # fmt: skip
        suffixes = (f"{number:05d}" for number in range(100))
        submission = Submission(
            Workfiles(), Kernels(), MemoryPackages(), self.clock, lambda: next(suffixes), place
        )
        jobs = {"team-a": self.gateway}
        starters = Starters(self.head, jobs, lambda: Path("/runner.zip"), lambda _: "")
        live = LiveSide(self.clusters, self.head, jobs, place)
        self.jobs = JobService(
            self.clusters, self.head, ledgers, live, starters, submission, self.clock, place,
            JobDefaults("exp", 5.0), self.noted.append,
        )  # fmt: skip

    async def _open(self, target: str) -> Ledger:
        assert target == "team-a"
        if self.missing is not None:
            raise self.missing
        return Ledger(self.runs, "http://mlflow.team.svc:5000", "mlflow-client")

    def report(self, stage) -> None:
        self.told.append(stage.text)


@pytest.fixture
def world(tmp_path) -> World:
    (tmp_path / ".rayspace").mkdir()
    (tmp_path / "train.ipynb").write_text(json.dumps(NOTEBOOK))
    return World(tmp_path)


@pytest.fixture
def notebook(tmp_path) -> Path:
    return tmp_path / "train.ipynb"


async def test_what_could_never_come_up_is_submitted_by_force_only(world, notebook) -> None:
    """As a cluster is; who forces it is told why it may never run."""
    world.gateway.impossible = PreflightError("No node could ever hold the head.", hint="Less.")
    with pytest.raises(PreflightError, match="could ever hold"):
        await world.jobs.submit(notebook, target="team-a", report=world.report)
    assert world.gateway.jobs == {}
    job = await world.jobs.submit(notebook, target="team-a", force=True, report=world.report)
    assert list(world.gateway.jobs) == [job.name]
    assert "No node could ever hold the head." in world.told


async def test_a_job_with_a_target_gets_a_cluster_of_its_own(world, notebook) -> None:
    """Its run is in the namespace's server, and says which RayJob it is."""
    job = await world.jobs.submit(
        notebook, {"lr": Text("0.25")}, target="team-a", retries=2, deadline_s=60.0, driver_gpus=1
    )
    assert (job.name, job.cluster, job.target) == ("train-00000", "train-00000", "team-a")
    assert (job.phase, job.reason) == (
        JobPhase.PENDING,
        "KubeRay has not taken notice of it yet.",
    )
    launch = world.gateway.launches[job.name]
    assert (launch.secret, launch.retries, launch.deadline_s) == ("mlflow-client", 2, 60.0)
    assert launch.driver_gpus == 1
    assert launch.env["MLFLOW_TRACKING_URI"] == "http://mlflow.team.svc:5000"
    assert launch.env["RAYSPACE_RETRIES"] == "2"
    assert "RAYSPACE_RETRIES_HERE" not in launch.env
    record = world.runs.get(job.run_id)
    assert record.tags[Tag.RAY_JOB_UID] == "uid-0"
    assert record.tags[Tag.NAMESPACE] == "team"
    assert world.home.jobs() == []
    assert world.noted == ["team-a"]
    # The kernel of this machine is nobody's there.
    order = json.loads(world.runs.download(job.run_id, Artifact.ORDER, notebook.parent).read_text())
    assert (order["kernel_name"], order["retries"]) == ("python3", 2)


async def test_what_can_not_be_starts_nothing(world, notebook) -> None:
    """No tracking server there, no such target, an API server that is away, wrong numbers."""
    for error, options in (
        (TargetNotFoundError, {"target": "team-b"}),
        (UsageError, {"target": "team-a", "retries": 11}),
        (UsageError, {"target": "team-a", "driver_gpus": -1.0}),
        (UsageError, {"target": "team-a", "start_deadline_s": 0.0}),
        (UsageError, {"cluster": "one", "workers": 2}),
        (UsageError, {"workers": 2}),
        (UsageError, {"target": "team-a", "parallel": -1}),
        (UsageError, {"target": "team-a", "deadlin_s": 3}),
    ):
        with pytest.raises(error):
            await world.jobs.submit(notebook, **options)
    world.missing = TrackingMissingError("There is no MLflow.", hint="rayspace doctor")
    with pytest.raises(TrackingMissingError):
        await world.jobs.submit(notebook, target="team-a")
    world.missing = None
    world.gateway.trouble = GatewayUnavailableError("Away.", system="k", operation="x")
    with pytest.raises(GatewayUnavailableError):
        await world.jobs.submit(notebook, target="team-a")
    assert (world.runs.jobs(), world.gateway.jobs, world.noted) == ([], {}, [])


async def test_a_start_that_breaks_off_is_a_failed_run(world, notebook) -> None:
    """The API server may go away between the check and the object."""
    created = world.gateway.create

    async def breaks(launch, archive):
        world.gateway.trouble = GatewayUnavailableError("Away.", system="k", operation="x")
        return await created(launch, archive)

    world.gateway.create = breaks
    with pytest.raises(GatewayUnavailableError):
        await world.jobs.submit(notebook, target="team-a")
    (record,) = world.runs.jobs()
    assert record.status is RunStatus.FAILED
    assert "did not finish: Away." in record.tags[Tag.SUMMARY]


async def test_who_waits_is_told_what_for_and_when_it_is_hopeless(world, notebook) -> None:
    """The job stays, in case an administrator mends it."""
    job = await world.jobs.submit(notebook, target="team-a")
    world.gateway.set(job.name, RayJobStage.SUSPENDED, waits_for="It is third in its queue.")

    def no_gpu() -> None:
        world.gateway.set(
            job.name, RayJobStage.INITIALIZING, waits_for="No node has a GPU.", is_hopeless=True
        )

    world.clock.on_sleep = no_gpu
    with pytest.raises(ClusterStartError, match="No node has a GPU") as caught:
        await world.jobs.wait(job.name, report=world.report)
    assert "rayspace job stop" in str(caught.value.hint)
    assert "It is third in its queue." in world.told
    assert (await world.jobs.status(job.name)).is_stuck


async def test_a_stop_before_the_start_withdraws_it(world, notebook) -> None:
    """With what Kubernetes said of it."""
    job = await world.jobs.submit(notebook, target="team-a")
    stopped = await world.jobs.stop(job.name)
    assert (stopped.phase, stopped.reason) == (
        JobPhase.STOPPED,
        "The job was stopped before it began.",
    )
    assert world.gateway.jobs == {}
    assert Artifact.EVENTS in world.runs.artifacts(job.run_id)
    with pytest.raises(PhaseError, match="has ended already"):
        await world.jobs.stop(job.name)


async def test_a_stop_of_a_running_one_is_its_runners_to_end(world, notebook) -> None:
    """It saves what it has; then the cluster, which KubeRay would keep, is taken away."""
    job = await world.jobs.submit(notebook, target="team-a")
    state = await world.clusters.up("laptop", name="own", target="team-a")
    world.gateway.run(job.name, state)
    cluster = world.there.clusters["own"]
    cluster.jobs[job.name] = LiveJob(job.name, LivePhase.RUNNING)

    def saved() -> None:
        verdict = Verdict(JobPhase.STOPPED, Cause.STOPPED, "The job was stopped in cell 2.")
        world.runs.update(job.run_id, tags=verdict_tags(verdict))

    world.clock.on_sleep = saved
    stopped = await world.jobs.stop(job.name)
    assert stopped.reason == "The job was stopped in cell 2."
    assert world.gateway.jobs == {}
    assert Artifact.EVENTS in world.runs.artifacts(job.run_id)


async def _running(world, notebook) -> JobState:
    """Let a job run on a cluster of its own."""
    job = await world.jobs.submit(notebook, target="team-a")
    world.gateway.run(job.name, await world.clusters.up("laptop", name="own", target="team-a"))
    world.there.clusters["own"].jobs[job.name] = LiveJob(job.name, LivePhase.RUNNING)
    _give_sign(world, job)
    return job


def _give_sign(world, job) -> None:
    tags = {Tag.ATTEMPT: "1", Tag.HEARTBEAT_MS: str(world.clock.now_ms())}
    world.runs.update(job.run_id, tags=tags)


def _end_as_stopped(world, job) -> None:
    """Let a job end as its runner ends it, and KubeRay keep its cluster."""
    verdict = Verdict(JobPhase.STOPPED, Cause.STOPPED, "The job was stopped in cell 2.")
    world.runs.update(job.run_id, tags=verdict_tags(verdict))
    world.gateway.set(job.name, RayJobStage.COMPLETE, LivePhase.STOPPED)


async def test_a_stop_that_is_broken_off_leaves_no_cluster(world, notebook) -> None:
    """Kubernetes ends it then, and the next look takes away what is left."""
    job = await _running(world, notebook)

    def broken_off() -> None:
        raise KeyboardInterrupt

    world.clock.on_sleep = broken_off
    with pytest.raises(KeyboardInterrupt):
        await world.jobs.stop(job.name)
    assert job.name in world.gateway.jobs
    _end_as_stopped(world, job)
    assert world.gateway.clusters == {}
    (listed,) = await world.jobs.list()
    assert listed.phase is JobPhase.STOPPED
    assert world.gateway.jobs == {}
    assert Artifact.EVENTS in world.runs.artifacts(job.run_id)


async def test_what_was_stopped_elsewhere_is_given_back_by_a_look(world, notebook) -> None:
    """Such as by Ray's own pages; when it is gone it is not asked for again."""
    job = await _running(world, notebook)
    verdict = Verdict(JobPhase.STOPPED, Cause.STOPPED, "The job was stopped in cell 2.")
    world.runs.update(job.run_id, tags=verdict_tags(verdict))
    # Its processes end: KubeRay has not seen it yet.
    await world.jobs.status(job.name)
    assert job.name in world.gateway.jobs
    _end_as_stopped(world, job)
    world.gateway.trouble = GatewayUnavailableError("Away.", system="k", operation="x")
    assert (await world.jobs.status(job.name)).phase is JobPhase.STOPPED
    world.gateway.trouble = None
    await world.jobs.status(job.name)
    assert (world.gateway.jobs, world.gateway.clusters) == ({}, {})
    assert Tag.RELEASED not in world.runs.get(job.run_id).tags
    await world.jobs.status(job.name)
    assert Tag.RELEASED in world.runs.get(job.run_id).tags


async def test_a_stop_of_a_stopped_one_gives_back_what_it_holds(world, notebook) -> None:
    """And says so; a job that failed keeps its cluster, to look inside."""
    job = await _running(world, notebook)
    _end_as_stopped(world, job)
    stopped = await world.jobs.stop(job.name, report=world.report)
    assert stopped.phase is JobPhase.STOPPED
    assert (world.gateway.jobs, world.gateway.clusters) == ({}, {})
    assert world.told[-1] == f"{job.name} had ended already: stopped. Its cluster is deleted"
    with pytest.raises(PhaseError, match="has ended already"):
        await world.jobs.stop(job.name)
    other = await world.jobs.submit(notebook, target="team-a")
    world.runs.update(other.run_id, tags=verdict_tags(Verdict(JobPhase.FAILED)))
    world.gateway.set(other.name, RayJobStage.COMPLETE, LivePhase.FAILED)
    with pytest.raises(PhaseError, match="has ended already"):
        await world.jobs.stop(other.name)
    assert other.name in world.gateway.jobs


async def test_a_job_that_runs_is_not_deleted_for_a_head_that_does_not_answer(
    world, notebook
) -> None:
    """The head is asked again; while the runner gives signs the stop fails, and says what helps."""
    job = await _running(world, notebook)
    asks = iter([False, True])
    real = world.head.stop

    async def slow(head, submission_id):
        if not next(asks, False):
            raise GatewayTimeoutError("No answer.", system="Ray", operation="stop")
        await real(head, submission_id)
        _end_as_stopped(world, job)

    world.head.stop = slow
    assert (await world.jobs.stop(job.name)).reason == "The job was stopped in cell 2."
    job = await _running(world, notebook)
    world.clock.on_sleep = lambda: _give_sign(world, job)
    with pytest.raises(GatewayUnavailableError, match=r"runs on.* No answer\.") as caught:
        await world.jobs.stop(job.name, report=world.report)
    assert len([text for text in world.told if text.endswith("asking again")]) == 1
    assert caught.value.hint.endswith(f"kubectl -n team delete rayjob {job.name}")
    assert (await world.jobs.status(job.name)).phase is JobPhase.RUNNING
    assert job.name in world.gateway.jobs


async def test_a_job_whose_head_and_runner_are_silent_is_deleted(world, notebook) -> None:
    """Nobody else could end it."""
    job = await _running(world, notebook)
    world.clock.time_ms += SILENT_AFTER_MS

    async def lost(head, submission_id):
        raise GatewayTimeoutError("No answer.", system="Ray", operation="stop")

    world.head.stop = lost
    stopped = await world.jobs.stop(job.name)
    assert stopped.reason == "The job was stopped while its head did not answer."
    assert world.gateway.jobs == {}


async def test_a_stop_that_takes_too_long_says_what_to_delete(world, notebook) -> None:
    """The object that holds all of it, and not a cluster of the job's name."""
    job = await _running(world, notebook)
    world.clock.on_sleep = lambda: _give_sign(world, job)
    with pytest.raises(PhaseError, match="still runs") as caught:
        await world.jobs.stop(job.name)
    assert f"kubectl -n team delete rayjob {job.name}" in caught.value.hint
    assert job.name in world.gateway.ends_when_stopped


async def test_a_log_goes_on_where_its_connection_broke(world, notebook) -> None:
    """What was told is not told again; an empty log is one, and after the end the run has it."""
    job = await world.jobs.submit(notebook, target="team-a")
    state = await world.clusters.up("laptop", name="own", target="team-a")
    world.gateway.run(job.name, state)
    world.there.clusters["own"].jobs[job.name] = LiveJob(job.name, LivePhase.RUNNING)
    world.there.clusters["own"].logs[job.name] = []
    assert [piece async for piece in world.jobs.logs(job.name)] == []
    connections = iter([["one\n", None], ["one\n", "two\n"]])

    async def breaking(head, submission_id, *, follow):
        for piece in next(connections):
            if piece is None:
                raise GatewayUnavailableError("Broken.", system="Ray", operation="follow")
            yield piece
        world.runs.update(job.run_id, tags=verdict_tags(Verdict(JobPhase.SUCCEEDED)))

    async def gone(head, submission_id, *, follow):
        raise GatewayUnavailableError("Gone.", system="Ray", operation="read")
        yield ""

    def next_one() -> None:
        if world.runs.get(job.run_id).tags.get(Tag.PHASE):
            world.head.logs = gone

    world.head.logs = breaking
    world.clock.on_sleep = next_one
    log = notebook.with_name("driver.log")
    log.write_text("one\ntwo\nthree\n")
    world.runs.upload(job.run_id, log, "logs")
    told = [piece async for piece in world.jobs.logs(job.name, follow=True)]
    assert "".join(told) == "one\ntwo\nthree\n"


async def test_an_outage_of_the_tracking_server_does_not_end_a_wait(world, notebook) -> None:
    """A minute of it; and what may be there is not said to be nowhere."""
    job = await world.jobs.submit(notebook, target="team-a")
    real, n_failures = world.runs.get, iter(range(50))

    def away(run_id):
        if next(n_failures, None) is not None:
            raise GatewayUnavailableError("MLflow is away.", system="MLflow", operation="read")
        world.runs.get = real
        verdict = verdict_tags(Verdict(JobPhase.SUCCEEDED))
        world.runs.update(job.run_id, tags=verdict)
        return real(run_id)

    world.runs.get = away
    assert (await world.jobs.wait(job.name)).phase is JobPhase.SUCCEEDED
    world.missing = GatewayUnavailableError("Away.", system="MLflow", operation="read")
    with pytest.raises(GatewayUnavailableError, match=r"train-00000.* is not known"):
        await world.jobs.status(job.name)
    # One that is there and not ready may have it; where there is none, there are no jobs.
    unready = {"is_unready": True}
    world.missing = TrackingMissingError("Away.", hint="rayspace doctor", details=unready)
    with pytest.raises(GatewayUnavailableError, match=r"train-00000.* is not known"):
        await world.jobs.status(job.name)
    # A list shows what there is, and says what is missing.
    assert await world.jobs.list(report=world.report) == []
    assert any("Away." in text for text in world.told)


async def test_a_retry_runs_as_the_job_ran(world, notebook) -> None:
    """With a cluster of its own again, as it was asked for, and the files of then."""
    asked = {"workers": 2, "memory": "3GiB", "image": "example.org/ray:2", "queue": "research"}
    job = await world.jobs.submit(
        notebook,
        {"lr": 0.1},
        target="team-a",
        **asked,
        driver_gpus=1.0,
        keep_failed_s=9.0,
        retries=1,
    )
    world.gateway.set(job.name, RayJobStage.FAILED, message="failed with exit code 137")
    assert (await world.jobs.status(job.name)).cause is Cause.RUNNER_KILLED
    again = await world.jobs.retry(job.name)
    assert again.target == "team-a"
    assert again.name in world.gateway.jobs
    assert world.runs.get(again.run_id).tags[Tag.RETRY_OF] == job.name
    first, second = (world.gateway.launches[name] for name in (job.name, again.name))
    assert second == replace(
        first, spec=replace(first.spec, name=again.name), env=second.env, run_id=again.run_id
    )
    assert (second.spec.pods.image, second.driver_gpus) == ("example.org/ray:2", 1.0)


async def test_what_a_lost_node_holds_is_given_back(world, notebook) -> None:
    """KubeRay would wait for it; the run has what was saved, and says so."""
    job = await world.jobs.submit(notebook, target="team-a")
    world.runs.update(job.run_id, tags={Tag.ATTEMPT: "1"})
    world.clock.time_ms += LOST_NODE_MS
    world.gateway.set(job.name, RayJobStage.RUNNING, lost_head="The head can't be reached.")
    lost = await world.jobs.status(job.name)
    assert (lost.phase, lost.cause) == (JobPhase.FAILED, Cause.HEAD_LOST)
    assert job.name not in world.gateway.jobs
    assert Artifact.EVENTS in world.runs.artifacts(job.run_id, "logs")


async def test_a_sweep_is_one_job_with_its_trials(world, notebook) -> None:
    """Every combination, in the types of the parameters; wrong ones start nothing."""
    sweep = {"lr": [Text("0.1"), Text("0.01")], "name": ["a", "b"]}
    job = await world.jobs.submit(notebook, target="team-a", sweep=sweep, parallel=3)
    path = world.runs.download(job.run_id, Artifact.ORDER, notebook.parent)
    order = json.loads(path.read_text())
    assert order["trials"] == [
        {"lr": 0.1, "name": "a"}, {"lr": 0.1, "name": "b"},
        {"lr": 0.01, "name": "a"}, {"lr": 0.01, "name": "b"},
    ]  # fmt: skip
    assert order["parallel"] == 3
    assert world.runs.get(job.run_id).params == {}
    for wrong in ({"lr": [Text("fast")]}, {"rate": [1]}, {"lr": []}):
        with pytest.raises(RayspaceError):
            await world.jobs.submit(notebook, target="team-a", sweep=wrong)
    with pytest.raises(UsageError, match="one value, and a sweep"):
        await world.jobs.submit(notebook, {"lr": 1}, target="team-a", sweep={"lr": [1, 2]})
    assert len(world.runs.jobs()) == 1


async def test_the_results_of_trials_are_fetched_each_into_a_folder(world, notebook) -> None:
    """Of a trial that was run twice the later one; one that has not begun has none."""
    sweep = {"lr": [0.1, 0.01]}
    job = await world.jobs.submit(notebook, target="team-a", sweep=sweep)
    made = []
    for values in ({"lr": 0.1}, {"lr": 0.1}, {"lr": 0.01}):
        tags = {Tag.PARENT_RUN_ID: job.run_id, Tag.TRIAL: trial_key(values)}
        name = f"{job.name} lr={values['lr']}"
        made.append(world.runs.create(experiment="exp", name=name, tags=tags, params={}))
    for number, child in enumerate(made[:2]):
        copy = notebook.with_name("train.ipynb")
        copy.write_text(json.dumps({"attempt": number}))
        world.runs.upload(child.run_id, copy, Artifact.RESULTS_DIR)
    fetched = await world.jobs.fetch(job.name)
    (path,) = fetched.trials
    assert Path(path) == Path(fetched.directory) / "lr-0-1" / "train.ipynb"
    assert json.loads(Path(path).read_text()) == {"attempt": 1}


async def test_a_second_submit_runs_what_did_not_succeed(world, notebook) -> None:
    """So does a retry; --again runs all, and other files are another sweep."""
    sweep = {"lr": [0.1, 0.01]}
    first = await world.jobs.submit(notebook, target="team-a", sweep=sweep)
    tags = {Tag.PARENT_RUN_ID: first.run_id, Tag.TRIAL: trial_key({"lr": 0.1})}
    done = verdict_tags(Verdict(JobPhase.SUCCEEDED))
    world.runs.create(experiment="exp", name="t", tags={**tags, **done}, params={})
    second = await world.jobs.submit(notebook, target="team-a", sweep=sweep, report=world.report)
    assert _trials(world, second, notebook) == [{"lr": 0.01}]
    assert any("succeeded already, in train-00000" in text for text in world.told)
    with pytest.raises(PhaseError, match="Nothing is left"):
        await world.jobs.submit(notebook, target="team-a", sweep={"lr": [0.1]})
    again = await world.jobs.submit(notebook, target="team-a", sweep=sweep, again=True)
    assert len(_trials(world, again, notebook)) == 2
    failed = Verdict(JobPhase.FAILED, Cause.TRIALS_FAILED, "1 of 2 trials failed.")
    world.runs.update(first.run_id, tags=verdict_tags(failed))
    retried = await world.jobs.retry(first.name)
    assert _trials(world, retried, notebook) == [{"lr": 0.01}]
    changed = _changed(notebook)
    other = await world.jobs.submit(changed, target="team-a", sweep=sweep)
    assert len(_trials(world, other, notebook)) == 2


def _changed(notebook: Path) -> Path:
    document = json.loads(notebook.read_text())
    document["cells"][1]["source"] = "print(lr, lr)"
    notebook.write_text(json.dumps(document))
    return notebook


def _trials(world: World, job, notebook: Path) -> list[dict]:
    # Not beside the notebook, where it would travel.
    elsewhere = notebook.parent.parent / "elsewhere"
    elsewhere.mkdir(exist_ok=True)
    path = world.runs.download(job.run_id, Artifact.ORDER, elsewhere)
    return json.loads(path.read_text())["trials"]
