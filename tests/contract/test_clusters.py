"""The promises of `ClusterGateway` and `HeadGateway`, on local Ray and on the in-memory twin."""

from __future__ import annotations

import asyncio
import sys
import time
from abc import abstractmethod
from contextlib import AbstractContextManager, contextmanager

import pytest
import pytest_asyncio

from rayspace.errors import (
    AccessError,
    ClusterBusyError,
    ClusterExistsError,
    ClusterNotFoundError,
    ConflictError,
    GatewayError,
    JobNotFoundError,
    PhaseError,
)
from rayspace.gateways.local_ray.gateway import LocalRayGateway
from rayspace.gateways.local_ray.records import RecordStore
from rayspace.gateways.memory.clusters import MemoryClusterGateway, MemoryHeadGateway, MemoryWorld
from rayspace.gateways.ray_head.http import HttpHeadGateway
from rayspace.gateways.system_clock import SystemClock
from rayspace.model.cluster import ClusterPhase, ClusterSpec, Origin
from rayspace.model.job import LivePhase
from rayspace.model.profile import NodeResources
from rayspace.model.progress import silent
from rayspace.services.readiness import wait_ready, wait_workers
from tests.ray_by_hand import ray_by_hand
from tests.waiting import SLOW_S

#: Small, so that head and worker fit beside other tests. [bytes]
_STORE_BYTES = 100_000_000


def spec(name: str = "one", **changes) -> ClusterSpec:
    part = NodeResources(cpus=1, memory_bytes=10**9, object_store_memory_bytes=_STORE_BYTES)
    values = {"name": name, "profile": "laptop", "head": part, "worker": part, **changes}
    return ClusterSpec(**values)


class Provider:
    """One implementation under test, with what a test needs beside the contract."""

    def __init__(self, clusters, head, sleep_command: str, done_command: str) -> None:
        self.clusters = clusters
        self.head = head
        self.sleep_command = sleep_command
        self.done_command = done_command

    #: Where its clusters are.
    target = "local"

    def spec(self, name: str = "one", **changes) -> ClusterSpec:
        """Describe a small cluster."""
        return spec(name, **changes)

    @abstractmethod
    def changed_by_another(self, name: str) -> AbstractContextManager[None]:
        """Let somebody else change a cluster meanwhile."""

    @abstractmethod
    def foreign(self) -> AbstractContextManager[str]:
        """Let somebody else start a Ray; gives the URL of its dashboard, and ends it."""

    async def ready(self, name: str):
        """Wait as the product does, which starts a head again that a busy machine was slow for."""
        state = await self.clusters.get(name)
        return await wait_ready(self.clusters, state, SystemClock(), SLOW_S, silent)

    async def joined(self, name: str):
        """Wait for all workers as the product does, which starts those again that Ray gave up."""
        state = await self.clusters.get(name)
        return await wait_workers(self.clusters, state, SystemClock(), SLOW_S, silent)

    async def until(self, condition):
        deadline = time.monotonic() + SLOW_S
        while not await condition():
            assert time.monotonic() < deadline
            await asyncio.sleep(0.1)


class LocalProvider(Provider):
    """Ray on this machine."""

    def __init__(self, directory) -> None:
        self.store, head = RecordStore(directory), HttpHeadGateway()
        super().__init__(
            LocalRayGateway(self.store, head, SystemClock()),
            head,
            f"{sys.executable} -c 'import time; time.sleep(600)'",
            f"{sys.executable} -c 'print(42)'",
        )
        self.directory = directory

    def changed_by_another(self, name):
        return self.store.lock(name)

    def foreign(self):
        return ray_by_hand(self.directory)


class MemoryProvider(Provider):
    """The twin."""

    def __init__(self, _directory) -> None:
        self.world = MemoryWorld()
        super().__init__(
            MemoryClusterGateway(self.world), MemoryHeadGateway(self.world), "sleep", "done"
        )

    @contextmanager
    def changed_by_another(self, name):
        self.world.busy.add(name)
        yield
        self.world.busy.remove(name)

    @contextmanager
    def foreign(self):
        url = "http://127.0.0.1:8265"
        self.world.start_foreign(url)
        yield url
        self.world.end_foreign(url)


@pytest_asyncio.fixture(
    params=[MemoryProvider, LocalProvider],
    ids=["memory", "local"],
    scope="module",
    loop_scope="module",
)
async def provider(request, tmp_path_factory):
    """Start one cluster for all promises about a running one; end whatever is left."""
    made = request.param(tmp_path_factory.mktemp("clusters"))
    await made.clusters.create(made.spec(), silent)
    await made.ready("one")
    yield made
    for state in await made.clusters.list():
        await made.clusters.delete(state.name, silent)


pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_a_running_cluster_is_found_by_name_and_in_the_list(provider) -> None:
    """`get` and `list` tell the same of a cluster."""
    state = await provider.clusters.get("one")
    assert (state.name, state.target, state.origin) == ("one", provider.target, Origin.STARTED)
    assert [c.name for c in await provider.clusters.list()] == ["one"]
    assert state.spec == provider.spec()


async def test_asking_again_for_the_same_returns_the_running_one(provider) -> None:
    """`create` is idempotent, whatever the number of workers and the project."""
    before = await provider.clusters.get("one")
    again = await provider.clusters.create(provider.spec(n_workers=3, project="/elsewhere"), silent)
    assert (again.pid, again.address) == (before.pid, before.address)


async def test_another_cluster_of_the_same_name_is_refused(provider) -> None:
    """A name in use by a cluster that will not do is a conflict that changes nothing."""
    before = await provider.clusters.get("one")
    with pytest.raises(ClusterExistsError):
        await provider.clusters.create(provider.spec(profile="other"), silent)
    after = await provider.clusters.get("one")
    assert (after.pid, after.spec, after.phase) == (before.pid, before.spec, before.phase)


async def test_an_unknown_cluster_is_not_found(provider) -> None:
    """No verb invents a cluster."""
    for call in (
        provider.clusters.get("none"),
        provider.clusters.scale("none", 1, silent),
        provider.clusters.delete("none", silent),
        provider.clusters.planned_deletion("none"),
    ):
        with pytest.raises(ClusterNotFoundError):
            await call


async def test_a_dashboard_that_is_nobodys_is_not_adopted(provider) -> None:
    """`adopt` records nothing for a URL behind which no Ray is."""
    with pytest.raises(ClusterNotFoundError):
        await provider.clusters.adopt("ghost", "http://127.0.0.1:1")
    assert [c.name for c in await provider.clusters.list()] == ["one"]


async def test_workers_come_and_go(provider) -> None:
    """`scale` changes how many workers are wanted, and they join and leave."""
    state = await provider.clusters.scale("one", 1, silent)
    assert state.groups[0].n_desired == 1

    state = await provider.joined("one")
    assert state.groups[0].n_observed == 1
    assert sum(not n.is_head and n.is_alive for n in await provider.head.nodes(state.address)) == 1
    assert (await provider.clusters.scale("one", 0, silent)).groups[0].n_desired == 0

    async def left() -> bool:
        return (await provider.clusters.get("one")).groups[0].n_observed == 0

    await provider.until(left)


async def test_workers_are_requested_with_their_cluster(provider) -> None:
    """Nobody has to wait and ask again: they come by themselves, and can be changed meanwhile."""
    state = await provider.clusters.create(provider.spec("pair", n_workers=2), silent)
    assert (state.groups[0].n_desired, state.groups[0].n_requested) == (2, 2)
    state = await provider.clusters.scale("pair", 1, silent)
    assert (state.groups[0].n_desired, state.groups[0].n_requested) == (1, 1)
    await provider.ready("pair")
    assert (await provider.joined("pair")).groups[0].n_observed == 1
    await provider.clusters.delete("pair", silent)


async def test_what_somebody_else_changes_is_left_alone(provider) -> None:
    """Each change of a cluster that is being changed is refused, and changes nothing."""
    before = await provider.clusters.get("one")
    with provider.changed_by_another("one"):
        for change in (
            provider.clusters.create(provider.spec(), silent),
            provider.clusters.scale("one", 2, silent),
            provider.clusters.delete("one", silent),
        ):
            with pytest.raises(ClusterBusyError):
                await change
    assert await provider.clusters.get("one") == before


async def test_a_ray_of_somebody_else_is_adopted_and_only_forgotten(provider) -> None:
    """It is found, keeps its id when it is adopted again, can't be scaled, and can be lost."""
    with provider.foreign() as url:
        with provider.changed_by_another("hers"), pytest.raises(ClusterBusyError):
            await provider.clusters.adopt("hers", url)
        state = await provider.clusters.adopt("hers", url)
        assert (state.origin, state.phase) == (Origin.ADOPTED, ClusterPhase.READY)
        assert (await provider.clusters.adopt("hers", url)).uid == state.uid
        with pytest.raises(ClusterExistsError):
            await provider.clusters.adopt("one", url)
        with pytest.raises(PhaseError):
            await provider.clusters.scale("hers", 1, silent)
        (planned,) = await provider.clusters.planned_deletion("hers")
        assert planned.startswith("forget hers")
        await provider.clusters.delete("hers", silent)
        assert (await provider.head.nodes(state.address))[0].is_alive
        state = await provider.clusters.adopt("hers", url)

    async def lost() -> bool:
        return (await provider.clusters.get("hers")).phase is ClusterPhase.LOST

    await provider.until(lost)
    await provider.clusters.delete("hers", silent)


async def test_the_head_is_the_first_node(provider) -> None:
    """`nodes` lists the head first, alive."""
    nodes = await provider.head.nodes((await provider.clusters.get("one")).address)
    assert nodes[0].is_head
    assert nodes[0].is_alive
    assert nodes[0].cpus == 1.0


async def test_a_job_runs_and_keeps_its_metadata(provider) -> None:
    """What is sent along at submission comes back with the job, and its name is taken."""
    head = (await provider.clusters.get("one")).address
    metadata = {"rayspace.run_id": "r1"}
    submit = {"entrypoint": provider.sleep_command, "env": {"A": "1"}, "metadata": metadata}
    await provider.head.submit(head, submission_id="kept-1", **submit)
    job = await provider.head.job(head, "kept-1")
    assert job.metadata == metadata
    assert not job.phase.is_terminal
    with pytest.raises(ConflictError):
        await provider.head.submit(head, submission_id="kept-1", **submit)
    assert "kept-1" in [j.submission_id for j in await provider.head.jobs(head)]
    await provider.head.stop(head, "kept-1")

    async def stopped() -> bool:
        return (await provider.head.job(head, "kept-1")).phase is LivePhase.STOPPED

    await provider.until(stopped)


async def test_following_a_log_ends_with_the_job(provider) -> None:
    """`logs` with follow yields what was written, and returns when the job has ended."""
    head = (await provider.clusters.get("one")).address
    await provider.head.submit(
        head, submission_id="log-1", entrypoint=provider.done_command, env={}, metadata={}
    )
    if isinstance(provider.head, MemoryHeadGateway):
        provider.head.world.finish_job("one", "log-1", LivePhase.SUCCEEDED)
    followed = "".join([piece async for piece in provider.head.logs(head, "log-1", follow=True)])
    assert provider.done_command in followed
    assert (await provider.head.job(head, "log-1")).phase is LivePhase.SUCCEEDED


async def test_an_unknown_job_is_not_found(provider) -> None:
    """Reading, stopping and following a job that is not there say so."""
    head = (await provider.clusters.get("one")).address
    with pytest.raises(JobNotFoundError):
        await provider.head.job(head, "none")
    with pytest.raises(JobNotFoundError):
        await provider.head.stop(head, "none")
    with pytest.raises(JobNotFoundError):
        async for _ in provider.head.logs(head, "none", follow=True):
            pass


async def test_a_deleted_cluster_is_gone_and_its_name_free(provider) -> None:
    """`delete` does what `planned_deletion` says, and the head answers no more."""
    await provider.clusters.create(provider.spec("two"), silent)
    state = await provider.ready("two")
    planned = await provider.clusters.planned_deletion("two")
    assert await provider.clusters.delete("two", silent) == planned
    assert planned
    with pytest.raises(ClusterNotFoundError):
        await provider.clusters.get("two")

    async def is_silent() -> bool:
        try:
            await provider.head.nodes(state.address)
        except GatewayError:
            # Refused, not answered in time, or by half a head.
            return True
        except AccessError:
            # Its Secret is gone already, and its pod is not.
            return False
        return False

    await provider.until(is_silent)
