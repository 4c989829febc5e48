"""Start, observe, change and end clusters, wherever they are."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from rayspace.core.clusters.client_versions import check_versions, require_standing
from rayspace.core.clusters.spec import (
    MAX_KUBE_WORKERS,
    MAX_WORKERS,
    check_count,
)
from rayspace.core.limits.admission_policy import admission_policy
from rayspace.errors import ObjectNotFoundError
from rayspace.loop import in_thread
from rayspace.model.limits import LimitsPolicy, NamespaceLimits
from rayspace.model.progress import Report, silent
from rayspace.model.target import LOCAL
from rayspace.names import safe_name
from rayspace.services.cluster_finder import ClusterFinder
from rayspace.services.cluster_start import ClusterStarter
from rayspace.services.ending import DownResult, JobEnder
from rayspace.services.readiness import wait_ready, wait_workers

if TYPE_CHECKING:
    import builtins
    from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence

    from rayspace.gateways.contracts import (
        Clock,
        ClusterGateway,
        HeadGateway,
        ProfileSource,
        Selection,
    )
    from rayspace.model.cluster import ClusterState, Node
    from rayspace.model.profile import Profile


class ClusterService(ClusterStarter):
    """Clusters of all targets.

    Parameters
    ----------
    gateways
        One for each target.
    head
        The HTTP face of a head.
    profiles
        Profiles by name.
    selection
        What `use` chose.
    clock
        Tells the time.
    project
        The project directory.
    ender
        Ends the jobs of a cluster that goes down.
    settled
        Targets that are asked also when nobody names them.
    """

    def __init__(
        self,
        gateways: Mapping[str, ClusterGateway],
        head: HeadGateway,
        profiles: ProfileSource,
        selection: Selection,
        clock: Clock,
        project: str,
        ender: JobEnder,
        settled: Sequence[str] = (),
    ) -> None:
        finder = ClusterFinder(gateways, selection, project, settled)
        super().__init__(finder, profiles, clock, project, head)
        self._ender = ender

    async def profiles(self, *, target: str | None = None) -> builtins.list[Profile]:
        """List the profiles of this machine, and those of a target's namespace if one is named."""
        also = await self._finder.gateway(target).profile_files() if target else ()
        return await in_thread(self._profiles.list, also)

    async def limits(self, *, target: str | None = None) -> NamespaceLimits:
        """Say what one cluster may ask for in a namespace; by default that of the chosen one."""
        return await self._finder.gateway(self._namespace_of(target)).limits()

    async def limits_policy(self, *, target: str | None = None) -> LimitsPolicy:
        """Make the objects with which Kubernetes itself holds everybody to these limits.

        Parameters
        ----------
        target
            Where; by default where the chosen cluster is.

        Returns
        -------
        LimitsPolicy
            What an administrator of the whole cluster applies.

        Raises
        ------
        ObjectNotFoundError
            If the namespace has no limits.
        """
        found = await self.limits(target=target)
        objects = admission_policy(found.limits, found.namespace)
        if not objects:
            raise ObjectNotFoundError(
                f"The namespace {found.namespace!r} of {found.target} has no limits,"
                " so there is no policy of them.",
                hint="Set some first, as in templates/kubernetes/profiles.yaml.",
                details={"namespace": found.namespace, "target": found.target},
            )
        return LimitsPolicy(found.namespace, tuple(objects))

    def _namespace_of(self, target: str | None) -> str:
        return target or self._finder.chosen_target() or LOCAL

    async def list(
        self, *, target: str | None = None, report: Report = silent
    ) -> builtins.list[ClusterState]:
        """List clusters, sorted by target and name; see `ClusterFinder.list`."""
        return await self._finder.list(target=target, report=report)

    def watch(self, target: str) -> AsyncGenerator[Mapping[str, ClusterState | None], None]:
        """Yield all clusters of a target by name, then what changed; see `ClusterGateway.watch`."""
        return self._finder.gateway(target).watch()

    async def status(self, name: str | None = None, *, target: str | None = None) -> ClusterState:
        """Observe a cluster; by default the chosen one; see `ClusterFinder.status`."""
        return await self._finder.status(name, target=target)

    async def why(self, name: str | None = None, *, target: str | None = None) -> ClusterState:
        """Observe a cluster with all its problems; by default the chosen one."""
        return await self._finder.status(name, target=target, explain=True)

    async def changeable(
        self, name: str | None = None, *, target: str | None = None, force: bool = False
    ) -> ClusterState:
        """Observe a cluster that may be changed; see `ClusterFinder.changeable`."""
        return await self._finder.changeable(name, target=target, force=force)

    async def suspend(
        self,
        name: str | None = None,
        *,
        target: str | None = None,
        force: bool = False,
        report: Report = silent,
    ) -> ClusterState:
        """End the pods of a cluster, somebody else's by force; `resume` brings them back."""
        state = await self.changeable(name, target=target, force=force)
        return await self._finder.gateway(state.target).suspend(state.name, report)

    async def resume(
        self,
        name: str | None = None,
        *,
        target: str | None = None,
        force: bool = False,
        wait: bool = True,
        wait_timeout_s: float = 600.0,
        report: Report = silent,
    ) -> ClusterState:
        """Bring a suspended cluster back.

        Parameters
        ----------
        name, target
            The cluster, and where it is; see `status`.
        force
            Whether also one that somebody else made.
        wait
            Whether to return only when it can be used.
        wait_timeout_s
            How long to wait for that. [s]
        report
            Called with each stage.

        Returns
        -------
        ClusterState
            The cluster.
        """
        state = await self.changeable(name, target=target, force=force)
        gateway = self._finder.gateway(state.target)
        state = await gateway.resume(state.name, report)
        if not wait:
            return state
        return await wait_ready(gateway, state, self._clock, wait_timeout_s, report)

    async def extend(
        self,
        duration_s: float,
        name: str | None = None,
        *,
        target: str | None = None,
        force: bool = False,
        report: Report = silent,
    ) -> ClusterState:
        """Keep a cluster, somebody else's by force, for so long from now. [s]"""
        state = await self.changeable(name, target=target, force=force)
        return await self._finder.gateway(state.target).extend(state.name, duration_s, report)

    async def wait_ready(
        self,
        name: str | None = None,
        *,
        target: str | None = None,
        timeout_s: float = 300.0,
        report: Report = silent,
    ) -> ClusterState:
        """Wait until a cluster can be used, by default the chosen one; raises as `up` does.

        Parameters
        ----------
        name, target
            The cluster, and where it is; see `status`.
        timeout_s
            How long to wait. [s]
        report
            Called with each change.

        Returns
        -------
        ClusterState
            The ready cluster.
        """
        state = await self.status(name, target=target)
        gateway = self._finder.gateway(state.target)
        return await wait_ready(gateway, state, self._clock, timeout_s, report)

    async def nodes(
        self, name: str | None = None, *, target: str | None = None
    ) -> builtins.list[Node]:
        """List the Ray nodes of a cluster, the head first; by default of the chosen one."""
        return await self._head.nodes((await self.status(name, target=target)).address)

    async def logs(
        self, name: str | None = None, *, target: str | None = None, follow: bool = False
    ) -> AsyncIterator[str]:
        """Yield the lines of a head's log; new ones too when following."""
        state = await self.status(name, target=target)
        async for line in self._finder.gateway(state.target).logs(state.name, follow=follow):
            yield line

    async def scale(
        self,
        name: str | None = None,
        *,
        workers: int,
        max_workers: int | None = None,
        group: str = "",
        target: str | None = None,
        force: bool = False,
        wait: bool = True,
        wait_timeout_s: float = 120.0,
        report: Report = silent,
    ) -> ClusterState:
        """Change the number of workers.

        Parameters
        ----------
        name, target
            The cluster, and where it is; see `status`.
        workers
            Workers beside the head. [1]
        max_workers
            The most that Ray starts by need, from ``workers`` on. [1]
        group
            The group of workers; by default the first.
        force
            Whether also one that somebody else made.
        wait
            Whether to return only when they have joined or left.
        wait_timeout_s
            How long to wait for that. [s]
        report
            Called with each stage.

        Returns
        -------
        ClusterState
            The cluster.
        """
        state = await self.changeable(name, target=target, force=force)
        check_count("--workers", workers, MAX_KUBE_WORKERS if state.namespace else MAX_WORKERS)
        gateway = self._finder.gateway(state.target)
        state = await gateway.scale(
            state.name, workers, report, max_workers=max_workers, group=group
        )
        if wait:
            state = await wait_workers(gateway, state, self._clock, wait_timeout_s, report)
        return state

    async def down(
        self,
        name: str | None = None,
        *,
        dry_run: bool = False,
        force: bool = False,
        target: str | None = None,
        report: Report = silent,
    ) -> DownResult:
        """End a cluster: first its jobs, which save their results, then Ray.

        Parameters
        ----------
        name, target
            The cluster, and where it is; see `status`.
        dry_run
            Whether only to say what would be ended.
        force
            Whether to end one that somebody else made.
        report
            Called with each stage.

        Returns
        -------
        DownResult
            What was ended.
        """
        state = await self.changeable(name, target=target, force=force or dry_run)
        gateway = self._finder.gateway(state.target)
        jobs = await self._ender.running(state)
        actions = [f"stop the job {job.submission_id}" for job in jobs]
        actions += await gateway.planned_deletion(state.name)
        if not dry_run:
            logs = await self._ender.stop(state, jobs, report)
            await gateway.delete(state.name, report, force=force)
            await self._ender.settle(state.target, logs, report)
            if self._finder.is_chosen(state):
                self._remember("", report)
        return DownResult(state.name, tuple(actions), dry_run)

    async def adopt(
        self, name: str | None = None, *, address: str = "", target: str | None = None
    ) -> ClusterState:
        """Put a Ray of this machine that somebody else started on record, or take a RayCluster.

        Parameters
        ----------
        name
            Name to give it; ``adopted`` if not given.
        address
            Base URL of its dashboard; by default the only one of this machine.
        target
            Where it is; by default on this machine.

        Returns
        -------
        ClusterState
            The cluster.
        """
        where = target or LOCAL
        state = await self._finder.gateway(where).adopt(safe_name(name or "adopted"), address)
        self._finder.choose(state.name, state.target)
        return state

    async def use(self, name: str, *, target: str | None = None) -> ClusterState:
        """Choose the cluster that is meant when nobody names one in this project."""
        state = await self.status(name, target=target)
        self._finder.choose(state.name, state.target)
        return state

    async def preflight(
        self,
        name: str | None,
        *,
        ray_version: str,
        python_version: str,
        target: str | None = None,
    ) -> ClusterState:
        """Check that a client of these versions can attach, before Ray Client would hang.

        Returns the cluster, by default the chosen one. A version is empty for not installed.
        """
        state = await self.status(name, target=target)
        require_standing(state)
        theirs = await self._head.version(state.address)
        if not state.python_version:
            # Of an image whose name does not tell; the head does.
            python = await self._head.python_version(state.address)
            state = replace(state, python_version=python)
        check_versions(state, theirs["ray_version"], ray_version, python_version)
        return state

    def chosen_target(self) -> str:
        """Return where the chosen cluster is; empty for nothing, and on this machine."""
        return self._finder.chosen_target()

    def chosen_name(self) -> str:
        """Return what `use` chose in this project; empty for nothing."""
        return self._finder.chosen_name()
