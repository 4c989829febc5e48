"""The local side of `ClusterGateway`: Ray as processes of this machine.

It keeps nothing in memory: each call reads the state files, looks at the processes and asks the
head. Where its facts come from: the state file for what was asked, the system for processes, the
head's HTTP interface for the rest.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from rayspace.core.clusters.spec import differences
from rayspace.errors import ClusterExistsError, PhaseError, StorageError
from rayspace.gateways.local_ray import processes
from rayspace.gateways.local_ray.acts import Acts
from rayspace.gateways.local_ray.adoption import adopted_record
from rayspace.gateways.local_ray.installation import RayInstallation, find_ray
from rayspace.gateways.local_ray.observation import TARGET, ClusterObserver
from rayspace.gateways.local_ray.tail import follow_file
from rayspace.gateways.unsuspendable import Unsuspendable, require_fixed
from rayspace.loop import in_thread
from rayspace.model.cluster import ClusterPhase, ClusterSpec, ClusterState, Origin
from rayspace.model.progress import Report, Stage, silent
from rayspace.units import format_count

if TYPE_CHECKING:
    import builtins
    from collections.abc import AsyncIterator, Callable, Coroutine, Mapping

    from rayspace.gateways.contracts import Clock, HeadGateway
    from rayspace.gateways.local_ray.records import LocalRecord, RecordStore

T = TypeVar("T")
#: Time between two looks at the state files, which costs next to nothing. [s]
_FILES_S = 0.25
#: After so many of them the heads are asked: while something goes on, and while nothing does. [1]
_LOOKS, _CALM_LOOKS = 8, 40
#: A head that is busy is asked again later. [s]
_PATIENCE_S = 3.0


class LocalRayGateway(Unsuspendable):
    """Clusters on this machine.

    Parameters
    ----------
    store
        The state files.
    head
        The HTTP face of a head.
    clock
        Tells the time.
    installation
        Finds the Ray to start; called when one is started, not before.
    """

    def __init__(
        self,
        store: RecordStore,
        head: HeadGateway,
        clock: Clock,
        installation: Callable[[], RayInstallation] = find_ray,
    ) -> None:
        self._store = store
        self._head = head
        self._clock = clock
        self._installation = installation
        self._acts = Acts(store)
        self._observer = ClusterObserver(store, head, clock)

    @property
    def target(self) -> str:
        """Name of the target that it serves."""
        return TARGET

    async def create(
        self, spec: ClusterSpec, report: Report, *, force: bool = False
    ) -> ClusterState:
        """Start a head and its workers; returns when they are started, not yet ready."""
        return await _to_the_end(self._create(spec, self._installation(), report))

    async def get(self, name: str) -> ClusterState:
        """Observe a cluster."""
        try:
            record = self._store.load(name)
        except StorageError as exc:
            return self._observer.unreadable(name, exc)
        return await self._observer.state(record)

    async def list(self) -> builtins.list[ClusterState]:
        """Observe all clusters, sorted by name."""
        return list(await asyncio.gather(*(self.get(name) for name in self._store.names())))

    async def scale(
        self,
        name: str,
        n_workers: int,
        report: Report,
        *,
        max_workers: int | None = None,
        group: str = "",
    ) -> ClusterState:
        """Start or end worker processes until there are ``n_workers``. [1]"""
        require_fixed(name, max_workers, group)
        await _to_the_end(self._scale(name, n_workers, report))
        return await self.get(name)

    async def planned_deletion(self, name: str) -> builtins.list[str]:
        """Say what `delete` would end or remove."""
        try:
            return _deletion(self._store.load(name))
        except StorageError:
            return _deletion_of_unreadable(name)

    async def delete(self, name: str, report: Report, *, force: bool = False) -> builtins.list[str]:
        """End the processes of a cluster and remove its files; only forget an adopted one."""
        return await _to_the_end(self._delete(name, report))

    async def adopt(self, name: str, dashboard_url: str) -> ClusterState:
        """Put a running Ray that somebody else started on record."""
        record = await adopted_record(name, dashboard_url, self._head, self._clock.now_ms())
        with self._store.lock(name):
            existing = await self._living(name, silent)
            if existing is None:
                self._store.save(record)
            elif existing.dashboard_url == record.dashboard_url:
                record = existing
            else:
                raise _exists(existing, "is at another address")
        return await self._observer.state(record)

    async def logs(self, name: str, *, follow: bool) -> AsyncIterator[str]:
        """Yield lines of the head's log."""
        record = self._store.load(name)
        if record.origin is Origin.ADOPTED:
            raise PhaseError(
                f"The log of the adopted cluster {name!r} is with whoever started it.",
                hint=f"Its files are usually in /tmp/ray; its dashboard is {record.dashboard_url}",
            )
        path = Path(record.head.log_path if record.head else "")
        async for line in follow_file(
            path, self._clock, is_live=lambda: follow and processes.find(record.head) is not None
        ):
            yield line

    async def _seen(self, known: Mapping[str, ClusterState]) -> builtins.list[ClusterState]:
        """Observe all clusters; a head that takes its time keeps no other from being seen."""

        async def seen(name: str) -> ClusterState:
            if name not in known:
                return await self.get(name)
            try:
                async with asyncio.timeout(_PATIENCE_S):
                    return await self.get(name)
            except TimeoutError:
                return known[name]

        return list(await asyncio.gather(*(seen(name) for name in self._store.names())))

    def _mark(self) -> object:
        """Return a value that changes when a record does."""
        return self._store.fingerprint()

    async def _stirred(self, known: tuple[ClusterState, ...], mark: object) -> None:
        """Wait until a record changes or a head ends, or it is time to ask the heads."""
        living = {state.pid for state in known if state.pid and processes.lives(state.pid)}
        is_calm = all(state.is_settled for state in known)
        for _ in range(_CALM_LOOKS if is_calm else _LOOKS):
            await self._clock.sleep(_FILES_S)
            if self._store.fingerprint() != mark or not all(map(processes.lives, living)):
                return

    # Below: what is done with the lock of the cluster held.

    async def _create(
        self, spec: ClusterSpec, installation: RayInstallation, report: Report
    ) -> ClusterState:
        with self._store.lock(spec.name):
            record = await self._living(spec.name, report)
            if record is None:
                now_ms = self._clock.now_ms()
                record = await in_thread(self._acts.start, spec, installation, now_ms, report)
            elif differing := differences(spec, record.spec):
                raise _exists(record, f"has {', '.join(differing)}")
        return await self._observer.state(record)

    async def _scale(self, name: str, n_workers: int, report: Report) -> None:
        with self._store.lock(name):
            record = self._store.load(name)
            if record.origin is Origin.ADOPTED:
                raise PhaseError(
                    f"The cluster {name!r} was started by somebody else and is only adopted.",
                    hint="Add workers where it was started.",
                )
            state = await self._observer.state(record)
            if state.phase not in {ClusterPhase.STARTING, ClusterPhase.READY}:
                raise PhaseError(
                    f"The cluster {name!r} is {state.phase.value}, so it can't be scaled.",
                    hint=f"See why with: rayspace cluster status {name}",
                )
            await in_thread(self._acts.set_workers, record, n_workers, report)

    async def _delete(self, name: str, report: Report) -> builtins.list[str]:
        with self._store.lock(name):
            report(Stage("down", f"Ending {name}", "doing"))
            try:
                record = self._store.load(name)
            except StorageError:
                lines = _deletion_of_unreadable(name)
                await in_thread(self._acts.end_unreadable, name)
            else:
                lines = _deletion(record)
                await in_thread(self._acts.end, record)
        report(Stage("down", f"{name} is down", "done"))
        return lines

    async def _living(self, name: str, report: Report) -> LocalRecord | None:
        """Return the record if its cluster lives; clean up one that does not."""
        if name not in self._store.names():
            return None
        record = self._store.load(name)
        state = await self._observer.state(record)
        if not state.phase.is_terminal:
            return record
        text = f"Removed what was left of an earlier {name}: {state.reason}"
        report(Stage("stale", text, "note"))
        await in_thread(self._acts.end, record)
        return None


async def _to_the_end(act: Coroutine[Any, Any, T]) -> T:
    """Finish an act even when its caller stops waiting.

    Its threads can't be cancelled: they would go on after the lock was let go of.
    """
    task = asyncio.create_task(act)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait({task})
        if not task.cancelled():
            # What became of it shows in the state; here it only counts as seen.
            task.exception()
        raise


def _exists(existing: LocalRecord, how: str) -> ClusterExistsError:
    return ClusterExistsError(
        f"A cluster {existing.name!r} runs already and {how}.",
        hint=f"Give another --name, change it with scale, or end it: "
        f"rayspace cluster down {existing.name}",
        details={"name": existing.name},
    )


def _deletion(record: LocalRecord) -> builtins.list[str]:
    if record.origin is Origin.ADOPTED:
        return [f"forget {record.name}, which somebody else started; Ray goes on"]
    lines = []
    if pids := [str(worker.pid) for worker in record.workers]:
        lines.append(f"end {format_count(len(pids), 'worker')} (process {', '.join(pids)})")
    if record.head:
        lines.append(f"end the head process {record.head.pid} and all that it started")
    lines.append(f"remove {record.temp_dir} (Ray's logs and objects)")
    return lines


def _deletion_of_unreadable(name: str) -> builtins.list[str]:
    return [f"end every process that bears the token of {name}", f"remove the records of {name}"]
