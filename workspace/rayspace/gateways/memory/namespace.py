"""The in-memory twin of a namespace of Kubernetes: of its clusters a watch sees only a part."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from rayspace.core.clusters.replacement import replacement
from rayspace.gateways.memory.clusters import MemoryClusterGateway
from rayspace.model.cluster import ClusterPhase
from rayspace.model.progress import Report, Stage

if TYPE_CHECKING:
    from rayspace.gateways.contracts import Clock
    from rayspace.gateways.memory.clusters import MemoryWorld
    from rayspace.model.cluster import ClusterSpec, ClusterState
    from rayspace.model.problem import Problem


class MemoryNamespaceGateway(MemoryClusterGateway):
    """The twin of `ClusterGateway` on Kubernetes.

    Parameters
    ----------
    world
        The state behind it.
    target, namespace
        Where its clusters are.
    clock
        Tells the time; by default the system's.
    """

    def __init__(
        self,
        world: MemoryWorld,
        target: str = "prod",
        namespace: str = "team",
        clock: Clock | None = None,
    ) -> None:
        super().__init__(world, target=target, clock=clock)
        self._namespace = namespace
        #: What keeps back a cluster, by its name, as far as a watch sees.
        self.problems: dict[str, tuple[Problem, ...]] = {}
        #: The same when all is read; what is not here is as the watch sees it.
        self.causes: dict[str, tuple[Problem, ...]] = {}
        #: How often all was read. [1]
        self.n_explained = 0

    async def create(
        self, spec: ClusterSpec, report: Report, *, force: bool = False
    ) -> ClusterState:
        """Request a cluster; by force also in place of one that is not ready."""
        is_there = spec.name in self.world.clusters
        why = replacement(spec, await self.get(spec.name)) if force and is_there else ""
        if why:
            report(Stage("anew", why, "note"))
            await self.delete(spec.name, report)
        return await super().create(spec, report, force=force)

    async def get(self, name: str) -> ClusterState:
        """Observe a cluster."""
        return self._kept_back(await super().get(name), self.problems.get(name, ()))

    async def explain(self, name: str) -> ClusterState:
        """Observe a cluster, and all that may say why it is as it is."""
        self.n_explained += 1
        found = self.causes.get(name, self.problems.get(name, ()))
        return self._kept_back(await super().get(name), found)

    async def scale(
        self,
        name: str,
        n_workers: int,
        report: Report,
        *,
        max_workers: int | None = None,
        group: str = "",
    ) -> ClusterState:
        """Request another number of workers, or other bounds. [1]"""
        await super().scale(name, n_workers, report, group=group)
        cluster = self._cluster(name)
        cluster.spec = replace(cluster.spec, max_workers=max_workers)
        return await self.get(name)

    def _kept_back(self, state: ClusterState, problems: tuple[Problem, ...]) -> ClusterState:
        state = replace(state, namespace=self._namespace, problems=problems)
        if not problems:
            return state
        phase = state.phase
        # With a head the cluster can be used, whatever keeps back its workers.
        if phase is ClusterPhase.STARTING and any(p.is_final and not p.groups for p in problems):
            phase = ClusterPhase.FAILED
        return replace(state, phase=phase, reason=problems[0].summary)
