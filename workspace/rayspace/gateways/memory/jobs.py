"""The in-memory twin of jobs that get a cluster of their own.

A test moves fate by hand: `MemoryJobs.set`, `run`, `forget`.
"""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from rayspace.errors import (
    ClusterNotFoundError,
    ConflictError,
    GatewayUnavailableError,
    JobNotFoundError,
    PreflightError,
)
from rayspace.model.job import LivePhase
from rayspace.model.progress import Stage
from rayspace.model.ray_job import RayJobStage, RayJobState

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from rayspace.model.cluster import ClusterState
    from rayspace.model.progress import Report
    from rayspace.model.ray_job import Launch


class MemoryJobs:
    """Jobs of a namespace that exists in this process only; see `JobGateway`."""

    def __init__(self) -> None:
        self.jobs: dict[str, RayJobState] = {}
        self.launches: dict[str, Launch] = {}
        self.clusters: dict[str, ClusterState] = {}
        #: Jobs whose cluster ends as soon as Ray has stopped them.
        self.ends_when_stopped: set[str] = set()
        #: Raised by every call; None while the API server answers.
        self.trouble: GatewayUnavailableError | None = None
        #: Why no cluster of a job could ever come up; None where each may.
        self.impossible: PreflightError | None = None
        self._uids = itertools.count()

    @property
    def namespace(self) -> str:
        """Where they are."""
        return "team"

    async def preview(self, launch: Launch) -> dict[str, Any]:
        """Return the object that `create` would apply."""
        return {"kind": "RayJob", "metadata": {"name": launch.spec.name}}

    async def check(self, launch: Launch, report: Report, *, force: bool = False) -> None:
        """Raise what would never come up, or tell it to who tries all the same."""
        self._answer()
        if self.impossible is None:
            return
        if not force:
            raise self.impossible
        report(Stage("preflight", self.impossible.message, "note"))

    async def create(self, launch: Launch, archive: Path) -> RayJobState:
        """Start a job."""
        self._answer()
        name = launch.spec.name
        if name in self.jobs:
            raise ConflictError(f"There is a job {name!r} already.", hint="Submit again.")
        self.launches[name] = launch
        uid = f"uid-{next(self._uids)}"
        self.jobs[name] = RayJobState(name, uid, RayJobStage.NEW, run_id=launch.run_id)
        return self.jobs[name]

    async def get(self, name: str, *, explain: bool = True) -> RayJobState:
        """Observe a job."""
        self._answer()
        try:
            found = self.jobs[name]
        except KeyError as exc:
            raise JobNotFoundError(f"There is no RayJob {name!r}.", hint="List them.") from exc
        return found if explain else replace(found, waits_for="", is_hopeless=False)

    async def explained(self, state: RayJobState) -> RayJobState:
        """Say what keeps its cluster from running."""
        self._answer()
        return self.jobs[state.name]

    async def cluster(self, state: RayJobState) -> ClusterState:
        """Observe the cluster of a job."""
        self._answer()
        try:
            return self.clusters[state.cluster]
        except KeyError as exc:
            raise ClusterNotFoundError("It has no cluster.", hint="Wait for it.") from exc

    async def end_when_stopped(self, name: str) -> None:
        """Let its cluster end when Ray has stopped it."""
        await self.get(name)
        self.ends_when_stopped.add(name)

    async def delete(self, name: str) -> None:
        """Delete a job and its cluster."""
        self._answer()
        gone = self.jobs.pop(name, None)
        if gone is not None:
            self.clusters.pop(gone.cluster, None)

    async def events(self, name: str) -> str:
        """Return what happened to it."""
        self._answer()
        return f"2026-01-01T00:00:00 RayJob/{name} Created: made\n"

    async def pod_logs(self, name: str, *, n_lines: int = 2000) -> Mapping[str, str]:
        """Return the logs of its pods; at most ``n_lines`` [1]."""
        self._answer()
        return {}

    def set(
        self,
        name: str,
        stage: RayJobStage,
        status: LivePhase | None = None,
        *,
        why: str = "",
        message: str = "",
        waits_for: str = "",
        is_hopeless: bool = False,
        lost_head: str = "",
    ) -> None:
        """Let KubeRay and Ray say something else of a job."""
        self.jobs[name] = replace(
            self.jobs[name],
            stage=stage,
            status=status,
            why=why,
            message=message,
            waits_for=waits_for,
            is_hopeless=is_hopeless,
            lost_head=lost_head,
        )
        if status is LivePhase.STOPPED and name in self.ends_when_stopped:
            self.clusters.pop(self.jobs[name].cluster, None)

    def run(self, name: str, cluster: ClusterState) -> None:
        """Let a job run on a cluster."""
        self.clusters[cluster.name] = cluster
        self.set(name, RayJobStage.RUNNING)
        self.jobs[name] = replace(self.jobs[name], cluster=cluster.name)

    def _answer(self) -> None:
        if self.trouble is not None:
            raise self.trouble
