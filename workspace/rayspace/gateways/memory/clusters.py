"""In-memory twins of clusters and heads, for states that the real things can't be brought into.

They keep the promises of `rayspace.gateways.contracts` and are held to them by the same tests. A
test moves time and fate by hand: `MemoryWorld.make_ready`, `lose`, `finish_job`.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from rayspace.core.clusters.ownership import require_own
from rayspace.core.clusters.spec import differences
from rayspace.errors import (
    ClusterBusyError,
    ClusterExistsError,
    ClusterNotFoundError,
    ConflictError,
    GatewayUnavailableError,
    JobNotFoundError,
    PhaseError,
)
from rayspace.gateways.system_clock import SystemClock
from rayspace.gateways.unsuspendable import Unsuspendable, require_fixed
from rayspace.model.cluster import (
    DEFAULT_GROUP,
    ClusterPhase,
    ClusterSpec,
    ClusterState,
    GpuSample,
    HeadAddress,
    Node,
    Origin,
    WorkerGroup,
)
from rayspace.model.job import LiveJob, LivePhase
from rayspace.model.progress import Report, Stage

if TYPE_CHECKING:
    import builtins
    from collections.abc import AsyncIterator, Callable, Mapping
    from pathlib import Path

    from rayspace.gateways.contracts import Clock
    from rayspace.model.profile_entry import ProfileFile


@dataclass
class MemoryCluster:
    """One cluster of the twin."""

    spec: ClusterSpec
    origin: Origin
    phase: ClusterPhase
    address: HeadAddress
    started_ms: int
    reason: str = ""
    #: Who asked for it, where somebody else did.
    owner: str = ""
    n_requested: int = 0
    jobs: dict[str, LiveJob] = field(default_factory=dict)
    logs: dict[str, list[str]] = field(default_factory=dict)
    submissions: builtins.list[dict[str, object]] = field(default_factory=list)
    #: What each of its nodes tells of its GPUs.
    gpu_samples: tuple[GpuSample, ...] = ()


class MemoryWorld:
    """The state behind both twins."""

    def __init__(self) -> None:
        self.clusters: dict[str, MemoryCluster] = {}
        #: Rays that somebody else started, by dashboard URL.
        self.foreign: dict[str, MemoryCluster] = {}
        self.busy: set[str] = set()
        #: New clusters are ready at once unless a test says otherwise.
        self.starts_ready = True
        #: Called after each change; from any thread.
        self.hearers: set[Callable[[], None]] = set()
        #: How often something changed. [1]
        self.n_changes = 0
        #: Profiles of its namespace.
        self.profile_files: tuple[ProfileFile, ...] = ()

    def stir(self) -> None:
        """Let those who watch look again."""
        self.n_changes += 1
        for hear in tuple(self.hearers):
            hear()

    def start_foreign(self, dashboard_url: str) -> None:
        """Let somebody else start a Ray."""
        address = replace(_address("foreign"), dashboard_url=dashboard_url)
        spec = ClusterSpec(name="", profile="")
        self.foreign[dashboard_url] = MemoryCluster(
            spec, Origin.ADOPTED, ClusterPhase.READY, address, 0
        )

    def end_foreign(self, dashboard_url: str) -> None:
        """Let that Ray end."""
        cluster = self.foreign.pop(dashboard_url)
        cluster.phase, cluster.reason = ClusterPhase.LOST, "It is gone."

    def make_ready(self, name: str) -> None:
        """Let a starting cluster become ready."""
        self.clusters[name].phase = ClusterPhase.READY
        self.stir()

    def lose(self, name: str) -> None:
        """Let the head die."""
        self.clusters[name].phase = ClusterPhase.LOST
        self.clusters[name].reason = "Its head process is gone."
        self.stir()

    def lose_worker(self, name: str) -> None:
        """Let a worker end."""
        self.clusters[name].n_requested -= 1
        self.clusters[name].reason = "A worker process is gone."
        self.stir()

    def finish_job(
        self, cluster: str, submission_id: str, phase: LivePhase, exit_code: int | None = 0
    ) -> None:
        """Let a job end."""
        jobs = self.clusters[cluster].jobs
        jobs[submission_id] = replace(jobs[submission_id], phase=phase, exit_code=exit_code)

    def at(self, head: HeadAddress) -> MemoryCluster:
        """Return the ready cluster behind an address."""
        for cluster in (*self.clusters.values(), *self.foreign.values()):
            if cluster.address == head and cluster.phase is ClusterPhase.READY:
                return cluster
        raise GatewayUnavailableError(
            f"Ray does not answer at {head.dashboard_url}.", system="Ray", operation="reach it"
        )


class MemoryClusterGateway(Unsuspendable):
    """The twin of `ClusterGateway`."""

    def __init__(
        self,
        world: MemoryWorld,
        target: str = "local",
        now_ms: int = 0,
        clock: Clock | None = None,
    ) -> None:
        self.world = world
        self._target = target
        self._now_ms = now_ms
        self._clock = clock or SystemClock()

    @property
    def target(self) -> str:
        """Name of the target that it serves."""
        return self._target

    async def profile_files(self) -> tuple[ProfileFile, ...]:
        """Return the profiles of its namespace."""
        return self.world.profile_files

    async def create(
        self, spec: ClusterSpec, report: Report, *, force: bool = False
    ) -> ClusterState:
        """Request a cluster."""
        self._require_free(spec.name)
        existing = self.world.clusters.get(spec.name)
        if existing is not None and not existing.phase.is_terminal:
            if differences(spec, existing.spec):
                raise ClusterExistsError(
                    f"A cluster {spec.name!r} runs already and differs.", hint="Give another name."
                )
            return await self.get(spec.name)
        phase = ClusterPhase.READY if self.world.starts_ready else ClusterPhase.STARTING
        self.world.clusters[spec.name] = MemoryCluster(
            spec,
            Origin.STARTED,
            phase,
            _address(spec.name),
            self._now_ms,
            n_requested=spec.n_workers,
        )
        report(Stage("head", "Head started", "done"))
        self.world.stir()
        return await self.get(spec.name)

    async def get(self, name: str) -> ClusterState:
        """Observe a cluster."""
        cluster = self._cluster(name)
        ready = cluster.phase is ClusterPhase.READY
        wanted, requested = cluster.spec.n_workers, cluster.n_requested
        return ClusterState(
            name=name,
            uid=f"uid-of-{name}-{cluster.started_ms}",
            target=self._target,
            phase=cluster.phase,
            reason=cluster.reason,
            profile=cluster.spec.profile,
            origin=cluster.origin,
            owner=cluster.owner,
            project=cluster.spec.project,
            address=cluster.address,
            groups=(WorkerGroup(DEFAULT_GROUP, wanted, requested, requested if ready else 0),),
            started_ms=cluster.started_ms,
            pid=0,
            python="python",
            ray_version="2.60.0",
            python_version="3.11.7",
            log_dir="",
            spec=cluster.spec,
        )

    async def list(self) -> builtins.list[ClusterState]:
        """Observe all clusters, sorted by name."""
        return [await self.get(name) for name in sorted(self.world.clusters)]

    async def scale(
        self,
        name: str,
        n_workers: int,
        report: Report,
        *,
        max_workers: int | None = None,
        group: str = "",
    ) -> ClusterState:
        """Request another number of workers. [1]"""
        require_fixed(name, max_workers, group)
        self._require_free(name)
        cluster = self._cluster(name)
        is_up = cluster.phase in {ClusterPhase.STARTING, ClusterPhase.READY}
        if cluster.origin is Origin.ADOPTED or not is_up:
            raise PhaseError(f"The cluster {name!r} can't be scaled now.", hint="See its status.")
        cluster.spec = replace(cluster.spec, n_workers=n_workers)
        cluster.n_requested = n_workers
        self.world.stir()
        return await self.get(name)

    async def planned_deletion(self, name: str) -> builtins.list[str]:
        """Say what `delete` would end or remove."""
        verb = "forget" if self._cluster(name).origin is Origin.ADOPTED else "end"
        return [f"{verb} {name}"]

    async def delete(self, name: str, report: Report, *, force: bool = False) -> builtins.list[str]:
        """End a cluster."""
        self._require_free(name)
        require_own(await self.get(name), force=force)
        lines = await self.planned_deletion(name)
        del self.world.clusters[name]
        self.world.stir()
        return lines

    async def adopt(self, name: str, dashboard_url: str) -> ClusterState:
        """Put a running Ray that somebody else started on record."""
        if dashboard_url not in self.world.foreign:
            raise ClusterNotFoundError(f"No Ray answers at {dashboard_url}.", hint="Start one.")
        self._require_free(name)
        existing = self.world.clusters.get(name)
        if existing is not None and not existing.phase.is_terminal:
            if existing.address.dashboard_url != dashboard_url:
                raise ClusterExistsError(f"A cluster {name!r} runs already.", hint="Choose a name.")
            return await self.get(name)
        self.world.clusters[name] = self.world.foreign[dashboard_url]
        return await self.get(name)

    async def logs(self, name: str, *, follow: bool) -> AsyncIterator[str]:
        """Yield lines of the head's log."""
        self._cluster(name)
        yield "Ray runtime started."

    def _mark(self) -> object:
        """Return a value that changes with each change."""
        return self.world.n_changes

    async def _stirred(self, known: tuple[ClusterState, ...], mark: object) -> None:
        """Wait until something changes."""
        loop, waker = asyncio.get_running_loop(), asyncio.Event()

        def hear() -> None:
            loop.call_soon_threadsafe(waker.set)

        self.world.hearers.add(hear)
        try:
            if self.world.n_changes == mark:
                await waker.wait()
        finally:
            self.world.hearers.discard(hear)

    def _cluster(self, name: str) -> MemoryCluster:
        if name not in self.world.clusters:
            raise ClusterNotFoundError(
                f"There is no cluster {name!r}.", hint="List yours.", details={"name": name}
            )
        return self.world.clusters[name]

    def _require_free(self, name: str) -> None:
        if name in self.world.busy:
            raise ClusterBusyError(f"The cluster {name!r} is being changed.", hint="Try again.")


class MemoryHeadGateway:
    """The twin of `HeadGateway`."""

    def __init__(self, world: MemoryWorld) -> None:
        self.world = world

    async def version(self, head: HeadAddress) -> Mapping[str, str]:
        """Return ``ray_version`` and ``session_name``."""
        cluster = self.world.at(head)
        return {"ray_version": "2.60.0", "session_name": f"session_{cluster.spec.name}"}

    async def python_version(self, head: HeadAddress) -> str:
        """Return the version of Python."""
        self.world.at(head)
        return "3.11.7"

    async def nodes(self, head: HeadAddress) -> builtins.list[Node]:
        """Observe all nodes."""
        cluster = self.world.at(head)
        count = 1 + cluster.n_requested
        samples = cluster.gpu_samples
        nodes = (_node(i) for i in range(count))
        return [replace(n, gpus=float(len(samples)), gpu_samples=samples) for n in nodes]

    async def submit(
        self,
        head: HeadAddress,
        *,
        submission_id: str,
        entrypoint: str,
        env: Mapping[str, str],
        metadata: Mapping[str, str],
        working_dir: str = "",
        driver_cpus: float = 0.0,
        driver_gpus: float = 0.0,
        takes_slot: bool = False,
    ) -> None:
        """Start a job; Ray would reserve ``driver_cpus`` [1], ``driver_gpus`` [1]."""
        cluster = self.world.at(head)
        if submission_id in cluster.jobs:
            raise ConflictError("A job of that name runs already.", hint="Submit again.")
        asked = {"working_dir": working_dir, "driver_cpus": driver_cpus, "driver_gpus": driver_gpus}
        asked["takes_slot"] = takes_slot
        cluster.submissions.append({"entrypoint": entrypoint, "env": dict(env), **asked})
        cluster.jobs[submission_id] = LiveJob(
            submission_id, LivePhase.RUNNING, metadata=dict(metadata)
        )
        cluster.logs[submission_id] = [f"running {entrypoint}\n"]

    async def store_package(self, head: HeadAddress, path: Path) -> str:
        """Take a zip file."""
        self.world.at(head)
        return f"gcs://{path.name}"

    async def job(self, head: HeadAddress, submission_id: str) -> LiveJob:
        """Observe a job."""
        jobs = self.world.at(head).jobs
        if submission_id not in jobs:
            raise JobNotFoundError(f"There is no job {submission_id!r}.", hint="List jobs.")
        return jobs[submission_id]

    async def jobs(self, head: HeadAddress) -> builtins.list[LiveJob]:
        """Observe all jobs."""
        return list(self.world.at(head).jobs.values())

    async def stop(self, head: HeadAddress, submission_id: str) -> None:
        """Ask a job to stop."""
        job = await self.job(head, submission_id)
        if not job.phase.is_terminal:
            self.world.at(head).jobs[submission_id] = replace(job, phase=LivePhase.STOPPED)

    async def logs(
        self, head: HeadAddress, submission_id: str, *, follow: bool
    ) -> AsyncIterator[str]:
        """Yield pieces of a job's log."""
        await self.job(head, submission_id)
        for piece in list(self.world.at(head).logs.get(submission_id, [])):
            yield piece
        while follow and not (await self.job(head, submission_id)).phase.is_terminal:
            await asyncio.sleep(0)


def _node(index: int) -> Node:
    return Node(
        node_id=f"{index:02x}",
        ip="127.0.0.1",
        hostname="twin",
        is_head=index == 0,
        is_alive=True,
        cpus=1.0,
        gpus=0.0,
        memory_bytes=2**30,
        cpu_used_fraction=0.5,
        memory_used_bytes=2**29,
        memory_total_bytes=2**31,
    )


def _address(name: str) -> HeadAddress:
    return HeadAddress(f"memory://{name}", f"{name}:6379", f"ray://{name}:10001")
