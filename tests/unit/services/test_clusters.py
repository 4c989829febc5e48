"""Starting, changing and ending clusters, in states that a real one is hard to bring into."""

from __future__ import annotations

import contextlib
from dataclasses import replace

import pytest

from rayspace.core.clusters.spec import MAX_WORKERS
from rayspace.core.clusters.wishes import Wishes
from rayspace.core.profiles.files import profile_not_found, profile_of
from rayspace.errors import (
    ClusterBusyError,
    ClusterExistsError,
    ClusterNotFoundError,
    ClusterStartError,
    GatewayTimeoutError,
    PhaseError,
    ProfileNotFoundError,
    RefusedError,
    StorageError,
    UsageError,
)
from rayspace.gateways.memory.clusters import MemoryClusterGateway, MemoryHeadGateway, MemoryWorld
from rayspace.gateways.memory.namespace import MemoryNamespaceGateway
from rayspace.gateways.memory.runs import MemoryRunGateway
from rayspace.model.cluster import ClusterPhase, Origin
from rayspace.model.job import LivePhase
from rayspace.model.place import Place
from rayspace.model.profile import Profile
from rayspace.model.profile_entry import ProfileFile
from rayspace.model.run import Artifact, RunStatus, Tag
from rayspace.services.clusters import ClusterService
from rayspace.services.ending import JobEnder
from rayspace.services.ledgers import Ledgers


class Clock:
    """Each wait takes as long as it says, at once, and calls ``then`` after it."""

    def __init__(self) -> None:
        self.elapsed_s = 0.0
        self.then = lambda: None

    def now_ms(self) -> int:
        return int(self.elapsed_s * 1000)

    def monotonic_s(self) -> float:
        return self.elapsed_s

    async def sleep(self, duration_s: float) -> None:
        self.elapsed_s += duration_s
        self.then()


class Profiles:
    """Two profiles, beside those of a namespace."""

    def get(self, name: str, also=()) -> Profile:
        known = {"laptop": Profile("laptop"), "pair": Profile("pair", n_workers=2)}
        known |= {file.name: profile_of(file) for file in also}
        if name not in known:
            raise profile_not_found(name, sorted(known))
        return known[name]

    def list(self, also=()) -> list[Profile]:
        return [self.get("laptop"), self.get("pair")]


class NamespaceProfiles:
    """One profile, which only the administrator of a namespace set."""

    def get(self, name: str, also=()) -> Profile:
        if not also:
            raise ProfileNotFoundError(f"There is no profile {name!r}.", hint="See profiles.")
        return Profile(name, n_workers=20, max_workers=30)


class Remote(MemoryNamespaceGateway):
    """A namespace that notes how its clusters are scaled."""

    def __init__(self, world: MemoryWorld) -> None:
        super().__init__(world)
        self.scaled: list[tuple[int, int | None]] = []

    async def scale(self, name, n_workers, report, **more):
        self.scaled.append((n_workers, more["max_workers"]))
        return await super().scale(name, n_workers, report, **more)


class Choices:
    """What was chosen, by project; full on demand."""

    def __init__(self) -> None:
        self.names: dict[str, str] = {}
        self.is_full = False

    def get(self, project: str) -> str:
        return self.names.get(project, "")

    def set(self, project: str, name: str) -> None:
        if self.is_full:
            raise StorageError("The disk is full.", hint="Free some.")
        self.names[project] = name


class Space:
    """A cluster service on twins, and what it reported."""

    def __init__(self) -> None:
        self.world, self.there = MemoryWorld(), MemoryWorld()
        self.clock = Clock()
        self.choices = Choices()
        self.runs = MemoryRunGateway()
        self.told: list[str] = []
        self.service = self.of("/home/me/project")

    def of(self, project: str) -> ClusterService:
        return ClusterService(
            {
                "local": MemoryClusterGateway(self.world, clock=self.clock),
                "there": MemoryClusterGateway(self.there, target="there", clock=self.clock),
            },
            MemoryHeadGateway(self.world),
            Profiles(),
            self.choices,
            self.clock,
            project,
            JobEnder(
                MemoryHeadGateway(self.world),
                Ledgers(self.runs, Place("here", "me", "")),
                self.clock,
            ),
        )

    def report(self, stage) -> None:
        self.told.append(stage.text)


@pytest.fixture
def space() -> Space:
    return Space()


async def test_workers_come_although_nobody_waited(space):
    space.world.starts_ready = False
    state = await space.service.up("pair", wait=False)
    assert (state.phase, state.groups[0].n_requested) == (ClusterPhase.STARTING, 2)
    state = await space.service.up("pair", workers=1, wait=False)
    assert (state.groups[0].n_desired, state.groups[0].n_requested) == (1, 1)
    space.clock.then = lambda: space.world.make_ready("pair")
    state = await space.service.up("pair", report=space.report)
    assert state.groups[0].n_observed == 1
    assert "Workers 1 of 1" in space.told


async def test_up_again_brings_back_a_worker_that_ended(space):
    await space.service.up("pair")
    space.world.lose_worker("pair")
    assert (await space.service.up("pair")).groups[0].n_observed == 2


async def test_a_worker_that_does_not_come_up_is_told_with_its_last_words(space):
    space.world.starts_ready = False
    await space.service.up("pair", wait=False)

    def fail() -> None:
        space.world.make_ready("pair")
        space.world.lose_worker("pair")

    space.clock.then = fail
    with pytest.raises(ClusterStartError, match="A worker process is gone"):
        await space.service.scale("pair", workers=1)


async def test_what_is_left_out_stays_as_it_runs(space):
    await space.service.up("laptop", cpus=2, env={"A": "1"})
    state = await space.service.up("laptop", report=space.report)
    assert (state.spec.head.cpus, state.spec.env) == (2, {"A": "1"})
    assert "laptop runs already and stays as it is: 2 CPUs on its head, not all CPUs; other" in str(
        space.told
    )
    space.told.clear()
    await space.service.up("laptop", cpus=2, env={"A": "1"}, report=space.report)
    await space.service.up("pair", workers=1, cpus=2, report=space.report)
    await space.service.up("pair", workers=2, cpus=2, report=space.report)
    assert not [text for text in space.told if "stays" in text]
    with pytest.raises(ClusterExistsError):
        await space.service.up("laptop", cpus=4)
    with pytest.raises(ClusterExistsError):
        await space.service.up("pair", name="laptop")
    assert (await space.service.up(name="laptop")).profile == "laptop"


async def test_up_again_of_a_large_cluster_of_a_namespace_s_profile_finds_it(space):
    """Its workers are more than one machine bears, and no file of this machine has the profile."""
    space.world.profile_files = ("many.yaml",)
    gateway = Remote(space.world)
    space.service = ClusterService(
        {"prod": gateway}, MemoryHeadGateway(space.world), NamespaceProfiles(), space.choices,
        space.clock, "/p", None,
    )  # fmt: skip
    first = await space.service.up("many", target="prod")
    assert (await space.service.up("many", target="prod")).uid == first.uid
    assert gateway.scaled == []
    state = await space.service.up("many", workers=18, max_workers=25, target="prod")
    assert (state.spec.n_workers, state.spec.max_workers) == (18, 25)
    await space.service.up("many", workers=18, max_workers=25, target="prod")
    await space.service.up("many", cpus=None, target="prod", report=space.report)
    assert gateway.scaled == [(18, 25)]
    assert not [text for text in space.told if "stays" in text]


async def test_what_is_left_out_of_a_namespaces_profile_stays_as_it_runs(space):
    """However many workers it was given since, and however its workers come."""

    def write(text: str) -> None:
        space.there.profile_files = (ProfileFile("theirs", "namespace", "theirs.yaml", text),)

    write("workers: '0:4'")
    await space.service.up("theirs", cpus=2, target="there", wait=False)
    await space.service.up("theirs", cpus=2, target="there", wait=False, report=space.report)
    assert not [text for text in space.told if "stays" in text]
    space.there.clusters["theirs"].spec = replace(
        space.there.clusters["theirs"].spec, n_workers=MAX_WORKERS + 1, max_workers=None
    )
    write("description: Changed.\ncpus: 1\nenv: {A: '1'}")
    await space.service.up("theirs", target="there", wait=False, report=space.report)
    assert (
        "theirs runs already and stays as it is: 2 CPUs on each worker, not 1 CPU; other values"
        " of the environment variables A" in space.told
    )


async def test_projects_of_one_machine_get_clusters_of_their_own(space):
    names = [
        (await space.of(project).up("laptop")).name
        for project in ("/a/x", "/b/x", "/c/x", "/b/x", "/c/x")
    ]
    assert names[:2] == ["laptop", "laptop-x"]
    assert len(set(names[:3])) == 3
    assert names[3:] == names[1:3]
    await space.of("/a/x").down("laptop")
    assert (await space.of("/b/x").up("laptop")).name == "laptop-x"


async def test_a_choice_that_cannot_be_noted_does_not_fail_what_was_done(space):
    space.choices.is_full = True
    state = await space.service.up("laptop", report=space.report)
    assert state.phase is ClusterPhase.READY
    assert "The choice is not remembered: The disk is full." in space.told
    assert (await space.service.down("laptop")).actions == ("end laptop",)
    with pytest.raises(ClusterNotFoundError):
        await space.service.status("laptop")


@pytest.mark.parametrize("count", [-1, MAX_WORKERS + 1])
async def test_more_workers_than_a_machine_bears_are_refused(space, count):
    await space.service.up("laptop")
    with pytest.raises(UsageError):
        await space.service.scale("laptop", workers=count)
    with pytest.raises(UsageError):
        await space.service.up("laptop", workers=count)
    assert (await space.service.status("laptop")).groups[0].n_desired == 0


async def test_a_cluster_that_ends_or_never_comes_ends_the_waiting(space):
    space.world.starts_ready = False
    with pytest.raises(GatewayTimeoutError) as caught:
        await space.service.up("laptop", wait_timeout_s=3)
    assert "rayspace cluster status laptop" in caught.value.hint
    space.clock.then = lambda: space.world.lose("laptop")
    with pytest.raises(ClusterStartError, match="Its head process is gone"):
        await space.service.up("laptop")


async def test_a_plan_changes_nothing(space):
    plan = await space.service.plan("pair", Wishes(workers=1))
    assert (plan.spec.name, plan.spec.n_workers, plan.target) == ("pair", 1, "local")
    assert await space.service.list() == []


async def test_a_lost_cluster_goes_down_without_its_jobs(space):
    await space.service.up("laptop")
    space.world.lose("laptop")
    assert (await space.service.down("laptop")).actions == ("end laptop",)
    assert space.choices.get("/home/me/project") == ""


async def test_down_gives_jobs_the_time_to_save(space):
    state = await space.service.up("laptop")
    head = MemoryHeadGateway(space.world)
    await head.submit(state.address, submission_id="j", entrypoint="x", env={}, metadata={})
    assert (await space.service.down("laptop", dry_run=True)).actions == (
        "stop the job j",
        "end laptop",
    )
    assert (await head.job(state.address, "j")).phase is LivePhase.RUNNING
    await space.service.down("laptop", report=space.report)
    assert "j has stopped" in space.told


async def test_a_job_that_could_not_write_its_end_gets_one_with_the_cluster(space):
    """It was only starting, so its runner says nothing; one that spoke, or is not ours, stays."""
    state = await space.service.up("laptop")
    head = MemoryHeadGateway(space.world)
    records = {}
    for name in ("early", "spoke"):
        records[name] = space.runs.create(experiment="e", name=name, tags={}, params={})
    space.runs.update(records["spoke"].run_id, tags={Tag.PHASE: "failed", Tag.SUMMARY: "Bad."})
    metadata = {name: {"rayspace.run_id": record.run_id} for name, record in records.items()}
    for name, tags in {**metadata, "elsewhere": {"rayspace.run_id": "x"}}.items():
        uri = "other" if name == "elsewhere" else space.runs.tracking_uri
        await head.submit(
            state.address, submission_id=name, entrypoint="x", env={},
            metadata={**tags, "rayspace.tracking_uri": uri},
        )  # fmt: skip
    await space.service.down("laptop", report=space.report)
    early = space.runs.get(records["early"].run_id)
    assert (early.status, early.tags[Tag.PHASE]) == (RunStatus.KILLED, "stopped")
    assert early.tags[Tag.SUMMARY] == "The job was stopped with its cluster."
    assert Artifact.DRIVER_LOG in space.runs.artifacts(early.run_id, "logs")
    assert space.runs.get(records["spoke"].run_id).tags[Tag.SUMMARY] == "Bad."
    assert not [text for text in space.told if "could not" in text]


async def test_a_cluster_that_somebody_changes_is_left_alone(space):
    await space.service.up("laptop")
    space.world.busy.add("laptop")
    for call in (
        space.service.up("laptop", cpus=None),
        space.service.scale("laptop", workers=1),
        space.service.down("laptop"),
    ):
        with pytest.raises(ClusterBusyError):
            await call


@pytest.fixture
async def theirs(space):
    """A cluster that ada made, with a job."""
    state = await space.service.up("laptop", name="theirs")
    space.choices.names.clear()
    cluster = space.world.clusters["theirs"]
    cluster.origin, cluster.owner = Origin.FOREIGN, "ada"
    head = MemoryHeadGateway(space.world)
    await head.submit(state.address, submission_id="j", entrypoint="x", env={}, metadata={})
    return cluster


CHANGES = {
    "down": lambda service, **how: service.down(**how),
    "suspend": lambda service, **how: service.suspend(**how),
    "resume": lambda service, **how: service.resume(**how),
    "extend": lambda service, **how: service.extend(60, **how),
    "scale": lambda service, **how: service.scale(workers=1, **how),
}


@pytest.mark.parametrize("verb", CHANGES)
async def test_nothing_is_done_to_what_somebody_else_made(space, theirs, verb):
    """Not by its name alone, nor by force alone where it was chosen; its jobs go on."""
    with pytest.raises(RefusedError, match="ada's") as caught:
        await CHANGES[verb](space.service, name="theirs")
    assert "rayspace cluster adopt theirs --on local" in caught.value.hint
    await space.service.use("theirs")
    with pytest.raises(RefusedError):
        await CHANGES[verb](space.service, force=True)
    assert theirs.jobs["j"].phase is LivePhase.RUNNING
    assert (await space.service.status()).name == "theirs"


@pytest.mark.parametrize("verb", CHANGES)
async def test_by_name_and_force_it_is_changed_all_the_same(space, theirs, verb):
    """As far as it could be if it were one's own."""
    with contextlib.suppress(PhaseError):
        await CHANGES[verb](space.service, name="theirs", force=True)
    assert ("theirs" in space.world.clusters) is (verb != "down")
    assert theirs.n_requested == (1 if verb == "scale" else 0)


async def test_what_ending_it_would_do_is_told(space, theirs):
    """Who is asked whether they mean it has to know."""
    result = await space.service.down("theirs", dry_run=True)
    assert result.actions == ("stop the job j", "end theirs")
    assert theirs.jobs["j"].phase is LivePhase.RUNNING


async def test_down_forgets_only_the_choice_of_that_cluster(space):
    """One of the same name elsewhere stays chosen."""
    await space.service.up("laptop")
    space.choices.names["/home/me/project"] = "laptop@team-a"
    await space.service.down("laptop", target="local")
    assert space.choices.get("/home/me/project") == "laptop@team-a"
