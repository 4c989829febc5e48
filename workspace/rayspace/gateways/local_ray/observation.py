"""See where a local cluster stands: its state file, its processes and what its head says."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from rayspace.errors import AccessError, GatewayError, RayspaceError
from rayspace.gateways.local_ray import processes
from rayspace.gateways.local_ray.acts import head_pid
from rayspace.gateways.local_ray.tail import last_lines
from rayspace.model.cluster import (
    DEFAULT_GROUP,
    ClusterPhase,
    ClusterSpec,
    ClusterState,
    HeadAddress,
    Node,
    Origin,
    WorkerGroup,
)

if TYPE_CHECKING:
    from rayspace.gateways.contracts import Clock, HeadGateway
    from rayspace.gateways.local_ray.records import LocalRecord, ProcessRecord, RecordStore

TARGET = "local"
#: Ray's head answers after 7 to 12 s on two cores; a loaded laptop may take a few times that. [s]
_START_LIMIT_S = 120.0
#: What a line has that tells of an error; Ray raises plain exceptions as well.
_COMPLAINT = re.compile(r"error|^\w*Exception:", re.IGNORECASE)


class ClusterObserver:
    """Describes local clusters; changes nothing.

    Parameters
    ----------
    store
        The state files.
    head
        The HTTP face of a head.
    clock
        Tells the time.
    """

    def __init__(self, store: RecordStore, head: HeadGateway, clock: Clock) -> None:
        self._store = store
        self._head = head
        self._clock = clock

    async def state(self, record: LocalRecord) -> ClusterState:
        """Describe a cluster on record."""
        phase, reason, nodes = await self._phase(record)
        workers = [(worker, processes.find(worker) is not None) for worker in record.workers]
        dead = [worker for worker, lives in workers if not lives]
        if phase is ClusterPhase.READY and dead:
            last = _complaint(dead[-1])
            reason = f"The worker process {dead[-1].pid} is gone.{last}"
        n_observed = sum(not node.is_head for node in nodes)
        is_adopted = record.origin is Origin.ADOPTED
        group = WorkerGroup(
            DEFAULT_GROUP,
            n_observed if is_adopted else record.spec.n_workers,
            n_observed if is_adopted else len(workers) - len(dead),
            n_observed,
        )
        return ClusterState(
            name=record.name,
            uid=record.uid,
            target=TARGET,
            phase=phase,
            reason=reason,
            profile=record.spec.profile,
            origin=record.origin,
            project=record.spec.project,
            address=_address(record),
            groups=(group,),
            started_ms=record.started_ms,
            pid=head_pid(record),
            python=record.python,
            ray_version=record.ray_version,
            python_version=record.python_version,
            log_dir=str(self._store.cluster_dir(record.name)),
            spec=record.spec,
        )

    def unreadable(self, name: str, error: RayspaceError) -> ClusterState:
        """Describe a cluster whose state file says nothing."""
        return ClusterState(
            name=name,
            uid="",
            target=TARGET,
            phase=ClusterPhase.UNREADABLE,
            reason=error.message,
            profile="",
            origin=Origin.STARTED,
            project="",
            address=HeadAddress("", "", ""),
            groups=(WorkerGroup(DEFAULT_GROUP, 0, 0, 0),),
            started_ms=0,
            pid=0,
            python="",
            ray_version="",
            python_version="",
            log_dir=str(self._store.cluster_dir(name)),
            spec=ClusterSpec(name=name, profile=""),
        )

    async def _phase(self, record: LocalRecord) -> tuple[ClusterPhase, str, list[Node]]:
        if processes.find(record.head) is None:
            return ClusterPhase.LOST, self._why_lost(record), []
        try:
            await self._head.version(_address(record))
            nodes = [node for node in await self._head.nodes(_address(record)) if node.is_alive]
        except AccessError as exc:
            return ClusterPhase.UNREACHABLE, exc.message, []
        except GatewayError as exc:
            return *self._why_silent(record, exc), []
        if not nodes:
            return ClusterPhase.STARTING, "The head has no node yet.", []
        return ClusterPhase.READY, "", nodes

    def _why_silent(self, record: LocalRecord, exc: GatewayError) -> tuple[ClusterPhase, str]:
        """Tell a head that still starts from one that stopped answering."""
        age_s = (self._clock.now_ms() - record.started_ms) / 1000
        is_started = record.origin is Origin.STARTED
        if is_started and not _has_answered(record) and age_s < _START_LIMIT_S:
            return ClusterPhase.STARTING, "The head does not answer yet."
        return ClusterPhase.UNREACHABLE, exc.message

    def _why_lost(self, record: LocalRecord) -> str:
        if record.origin is Origin.ADOPTED:
            return "The Ray that somebody else started is gone."
        return f"Its head process {head_pid(record)} is gone.{_complaint(record.head)}"


def _has_answered(record: LocalRecord) -> bool:
    """Whether Ray has said that it runs, which it does once."""
    return any("Ray runtime started" in line for line in _last_lines(record.head, 200))


def _complaint(process: ProcessRecord | None) -> str:
    """Return what a process printed last of an error, as a sentence; empty for nothing."""
    told = [line.strip() for line in _last_lines(process, 40) if _COMPLAINT.search(line)]
    return f" Its last words: {told[-1][:300]}" if told else ""


def _last_lines(process: ProcessRecord | None, count: int) -> list[str]:
    if process is None or not process.log_path:
        return []
    return last_lines(Path(process.log_path), count)


def _address(record: LocalRecord) -> HeadAddress:
    return HeadAddress(
        record.dashboard_url, record.gcs_address, record.client_url, record.token_path
    )
