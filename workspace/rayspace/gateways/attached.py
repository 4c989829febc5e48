"""Inside a job: the cluster that runs it, as the only cluster there is.

A notebook that starts and ends clusters runs unchanged as a job: there ``up`` attaches to the
job's own cluster, and what would change that cluster does nothing and says so.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from rayspace.errors import GatewayError
from rayspace.gateways.system_clock import SystemClock
from rayspace.gateways.unsuspendable import Unsuspendable, require_fixed
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
from rayspace.model.progress import Report, Stage

if TYPE_CHECKING:
    import builtins
    from collections.abc import AsyncIterator, Mapping

    from rayspace.gateways.contracts import HeadGateway


class AttachedClusterGateway(Unsuspendable):
    """The cluster of the job that this program belongs to.

    Parameters
    ----------
    environ
        The environment that the runner made.
    head
        The HTTP face of a head.
    """

    def __init__(self, environ: Mapping[str, str], head: HeadGateway) -> None:
        self._job = environ.get("RAYSPACE_JOB", "")
        self._name = environ.get("RAYSPACE_CLUSTER", "") or "cluster"
        self._uid = environ.get("RAYSPACE_CLUSTER_UID", "")
        self._python = environ.get("RAYSPACE_PYTHON", "") or sys.executable
        self._address = HeadAddress(
            dashboard_url=environ.get("RAYSPACE_DASHBOARD_URL", ""),
            gcs_address=environ.get("RAY_ADDRESS", ""),
            client_url="",
            token_path=environ.get("RAY_AUTH_TOKEN_PATH", ""),
        )
        self._head = head
        self._clock = SystemClock()

    @property
    def target(self) -> str:
        """Name of the target: the same word as outside, so that profiles fit."""
        return "local"

    async def create(
        self, spec: ClusterSpec, report: Report, *, force: bool = False
    ) -> ClusterState:
        """Attach to the job's own cluster."""
        report(self._note(f"it is attached to its own cluster {self._name}, and starts no other"))
        return await self.get(self._name)

    async def get(self, name: str) -> ClusterState:
        """Observe the job's own cluster, whatever name a notebook gives it."""
        version: Mapping[str, str] = {}
        nodes: builtins.list[Node] = []
        phase, reason = ClusterPhase.READY, ""
        try:
            version = await self._head.version(self._address)
            nodes = await self._head.nodes(self._address)
        except GatewayError as exc:
            phase, reason = ClusterPhase.UNREACHABLE, exc.message
        n_workers = sum(node.is_alive and not node.is_head for node in nodes)
        return ClusterState(
            name=self._name,
            uid=self._uid,
            target=self.target,
            phase=phase,
            reason=reason,
            profile="",
            # Not this program's to end.
            origin=Origin.ADOPTED,
            project="",
            address=self._address,
            groups=(WorkerGroup(DEFAULT_GROUP, n_workers, n_workers, n_workers),),
            started_ms=0,
            pid=0,
            python=self._python,
            ray_version=version.get("ray_version", ""),
            python_version="",
            log_dir="",
            spec=ClusterSpec(name=self._name, profile="", n_workers=n_workers),
        )

    async def list(self) -> builtins.list[ClusterState]:
        """List the job's own cluster."""
        return [await self.get(self._name)]

    async def scale(
        self,
        name: str,
        n_workers: int,
        report: Report,
        *,
        max_workers: int | None = None,
        group: str = "",
    ) -> ClusterState:
        """Do nothing, and say so. [1]"""
        require_fixed(name, max_workers, group)
        report(self._note("its cluster was not scaled"))
        return await self.get(name)

    async def planned_deletion(self, name: str) -> builtins.list[str]:
        """Say that nothing would be ended."""
        return []

    async def delete(self, name: str, report: Report, *, force: bool = False) -> builtins.list[str]:
        """Do nothing, and say so."""
        report(self._note("its cluster was not ended"))
        return []

    async def adopt(self, name: str, dashboard_url: str) -> ClusterState:
        """Attach to the job's own cluster."""
        return await self.get(self._name)

    async def logs(self, name: str, *, follow: bool) -> AsyncIterator[str]:
        """Yield nothing: the head's log is with whoever started it."""
        return
        yield ""

    def _note(self, what: str) -> Stage:
        return Stage("inside", f"This runs as the job {self._job}: {what}.", "note")
