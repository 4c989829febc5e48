"""Start, observe, change and end clusters, wherever they are."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

from rayspace.core.client_versions import check_versions
from rayspace.core.cluster_spec import (
    MAX_WORKERS,
    UpPlan,
    Wishes,
    as_it_runs,
    check_count,
    cluster_spec,
    default_name,
    differences,
)
from rayspace.core.selection import choose
from rayspace.errors import ClusterNotFoundError, StorageError, UsageError
from rayspace.model.cluster import ClusterPhase, ClusterState, Node, Origin
from rayspace.model.progress import Report, Stage, silent
from rayspace.names import safe_name
from rayspace.services.ending import DownResult, JobEnder
from rayspace.services.readiness import wait_ready, wait_workers

if TYPE_CHECKING:
    import builtins
    from collections.abc import AsyncIterator, Mapping

    from rayspace.gateways.contracts import (
        Clock,
        ClusterGateway,
        HeadGateway,
        ProfileSource,
        Selection,
    )
    from rayspace.model.cluster import ClusterSpec
    from rayspace.model.profile import Profile


class ClusterService:
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
    ) -> None:
        self._gateways = gateways
        self._head = head
        self._profiles = profiles
        self._selection = selection
        self._clock = clock
        self._project = project
        self._ender = ender

    async def profiles(self) -> builtins.list[Profile]:
        """List the profiles that can be used here."""
        return await asyncio.to_thread(self._profiles.list)

    async def up(
        self,
        profile: str | None = None,
        *,
        name: str | None = None,
        workers: int | None = None,
        cpus: float | None = None,
        memory: str | None = None,
        gpus: int | None = None,
        env: Mapping[str, str] | None = None,
        dashboard_port: int | None = None,
        target: str | None = None,
        wait: bool = True,
        wait_timeout_s: float = 300.0,
        report: Report = silent,
    ) -> ClusterState:
        """Start a cluster, or return the one that runs already.

        Parameters
        ----------
        profile
            What to start; ``laptop`` if not given.
        name
            Its name; made safe for Kubernetes if it is not. By default the profile's.
        workers
            Workers beside the head, instead of the profile's. [1]
        cpus
            CPUs of each worker, or of the head when there are no workers. [1]
        memory
            Memory of the same, with its unit. [bytes]
        gpus
            GPUs of the same. [1]
        env
            Environment variables, added to the profile's.
        dashboard_port
            A fixed port for the dashboard of a local cluster; any free one by default. [1]
        target
            Where; by default the profile's target.
        wait
            Whether to return only when the cluster can be used.
        wait_timeout_s
            How long to wait for that. [s]
        report
            Called with each stage.

        Returns
        -------
        ClusterState
            The cluster.

        Raises
        ------
        SpecError
            If a value is wrong; nothing was started then.
        ConflictError
            If the name is taken, or is being changed.
        ClusterStartError
            If it does not come up.
        GatewayTimeoutError
            If it is not ready in time; it goes on starting.
        """
        wishes = Wishes(name, workers, cpus, memory, gpus, dict(env or {}), dashboard_port)
        plan = await self.plan(profile, wishes, target=target)
        if plan.name_was:
            text = f"{plan.name_was!r} is not a safe name; it is named {plan.spec.name!r}"
            report(Stage("name", text, "note"))
        gateway = self._gateway(plan.target)
        running = await self._running(gateway, plan.spec.name)
        spec = as_it_runs(running, wishes, profile) if running else plan.spec
        state = await gateway.create(spec, report)
        if running and plan.spec.profile == running.profile:
            await self._tell_what_stays(spec, wishes, report)
        if wait:
            state = await wait_ready(gateway, state, self._clock, wait_timeout_s, report)
        # The workers of a cluster that runs already change only when somebody says so.
        n_wanted = state.groups[0].n_desired if workers is None else workers
        is_up = state.phase in {ClusterPhase.STARTING, ClusterPhase.READY}
        if is_up and n_wanted != state.groups[0].n_requested:
            state = await gateway.scale(state.name, n_wanted, report)
        if wait:
            state = await wait_workers(gateway, state, self._clock, wait_timeout_s, report)
        self._remember(state.name, report)
        return state

    async def plan(
        self, profile: str | None, wishes: Wishes, *, target: str | None = None
    ) -> UpPlan:
        """Decide what `up` would ask for; changes nothing.

        Parameters
        ----------
        profile
            What to start; ``laptop`` if not given.
        wishes
            What was asked on top of it.
        target
            Where; by default the profile's target.

        Returns
        -------
        UpPlan
            What would be asked for, and where.
        """
        chosen = await asyncio.to_thread(self._profiles.get, profile or "laptop")
        where = target or chosen.target
        gateway = self._gateway(where)
        spec, name_was = cluster_spec(chosen, wishes, self._project)
        if wishes.name is None:
            spec = replace(spec, name=await self._own_name(chosen.name, gateway))
        return UpPlan(spec, where, name_was)

    async def list(self) -> builtins.list[ClusterState]:
        """List the clusters of all targets, sorted by target and name."""
        found = await asyncio.gather(*(gateway.list() for gateway in self._gateways.values()))
        return sorted((c for part in found for c in part), key=lambda c: (c.target, c.name))

    async def status(self, name: str | None = None) -> ClusterState:
        """Observe a cluster; by default the chosen one."""
        if name is None:
            return choose(await self.list(), self.chosen_name(), self._project)
        *others, last = self._gateways.values()
        for gateway in others:
            try:
                return await gateway.get(name)
            except ClusterNotFoundError:
                # The next target may have it; the last one words the error.
                continue
        return await last.get(name)

    async def wait_ready(
        self, name: str | None = None, *, timeout_s: float = 300.0, report: Report = silent
    ) -> ClusterState:
        """Wait until a cluster can be used, by default the chosen one; raises as `up` does.

        Parameters
        ----------
        name
            The cluster.
        timeout_s
            How long to wait. [s]
        report
            Called with each change.

        Returns
        -------
        ClusterState
            The ready cluster.
        """
        state = await self.status(name)
        gateway = self._gateways[state.target]
        return await wait_ready(gateway, state, self._clock, timeout_s, report)

    async def nodes(self, name: str | None = None) -> builtins.list[Node]:
        """List the Ray nodes of a cluster, the head first; by default of the chosen one."""
        return await self._head.nodes((await self.status(name)).address)

    async def logs(self, name: str | None = None, *, follow: bool = False) -> AsyncIterator[str]:
        """Yield the lines of a head's log; new ones too when following."""
        state = await self.status(name)
        async for line in self._gateways[state.target].logs(state.name, follow=follow):
            yield line

    async def scale(
        self,
        name: str | None = None,
        *,
        workers: int,
        wait: bool = True,
        wait_timeout_s: float = 120.0,
        report: Report = silent,
    ) -> ClusterState:
        """Change the number of workers.

        Parameters
        ----------
        name
            The cluster; by default the chosen one.
        workers
            Workers beside the head. [1]
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
        check_count("--workers", workers, MAX_WORKERS)
        state = await self.status(name)
        gateway = self._gateways[state.target]
        state = await gateway.scale(state.name, workers, report)
        if wait:
            state = await wait_workers(gateway, state, self._clock, wait_timeout_s, report)
        return state

    async def down(
        self, name: str | None = None, *, dry_run: bool = False, report: Report = silent
    ) -> DownResult:
        """End a cluster: first its jobs, which save their results, then Ray.

        Parameters
        ----------
        name
            The cluster; by default the chosen one.
        dry_run
            Whether only to say what would be ended.
        report
            Called with each stage.

        Returns
        -------
        DownResult
            What was ended.
        """
        state = await self.status(name)
        gateway = self._gateways[state.target]
        jobs = await self._ender.running(state)
        actions = [f"stop the job {job.submission_id}" for job in jobs]
        actions += await gateway.planned_deletion(state.name)
        if not dry_run:
            logs = await self._ender.stop(state, jobs, report)
            await gateway.delete(state.name, report)
            await self._ender.settle(logs, report)
            if self.chosen_name() == state.name:
                self._remember("", report)
        return DownResult(state.name, tuple(actions), dry_run)

    async def adopt(self, name: str | None = None, *, address: str = "") -> ClusterState:
        """Put a Ray of this machine that somebody else started on record.

        Parameters
        ----------
        name
            Name to give it; ``adopted`` if not given.
        address
            Base URL of its dashboard; by default the only one of this machine.

        Returns
        -------
        ClusterState
            The cluster.
        """
        state = await self._gateway("local").adopt(safe_name(name or "adopted"), address)
        self._selection.set(self._project, state.name)
        return state

    async def use(self, name: str) -> ClusterState:
        """Choose the cluster that is meant when nobody names one in this project."""
        state = await self.status(name)
        self._selection.set(self._project, state.name)
        return state

    async def preflight(
        self, name: str | None, *, ray_version: str, python_version: str
    ) -> ClusterState:
        """Check that a client of these versions can attach, before Ray Client would hang.

        Returns the cluster, by default the chosen one. A version is empty for not installed.
        """
        state = await self.status(name)
        theirs = await self._head.version(state.address)
        check_versions(state, theirs["ray_version"], ray_version, python_version)
        return state

    def chosen_name(self) -> str:
        """Return what `use` chose in this project; empty for nothing."""
        return self._selection.get(self._project)

    def _gateway(self, target: str) -> ClusterGateway:
        if target not in self._gateways:
            raise UsageError(
                f"There is no target {target!r}.",
                hint=f"Targets here: {', '.join(sorted(self._gateways))}",
                details={"target": target, "known": sorted(self._gateways)},
            )
        return self._gateways[target]

    async def _own_name(self, profile: str, gateway: ClusterGateway) -> str:
        """Name a cluster that nobody named."""
        live = [c for c in await gateway.list() if not c.phase.is_terminal]
        owners = {c.name: c.project for c in live}
        mine = [c.name for c in live if (c.project, c.profile) == (self._project, profile)]
        return default_name(profile, self._project, owners, mine)

    @staticmethod
    async def _running(gateway: ClusterGateway, name: str) -> ClusterSpec | None:
        """Return what a cluster was started as; None if there is none that we started."""
        try:
            state = await gateway.get(name)
        except ClusterNotFoundError:
            return None
        if state.phase.is_terminal or state.origin is Origin.ADOPTED:
            return None
        return state.spec

    async def _tell_what_stays(self, running: ClusterSpec, wishes: Wishes, report: Report) -> None:
        """Name what the profile says now and nobody asked for, so that it is not as it runs."""
        profile = await asyncio.to_thread(self._profiles.get, running.profile)
        n_workers = running.n_workers if wishes.workers is None else wishes.workers
        wishes = replace(wishes, name=running.name, workers=n_workers)
        asked, _ = cluster_spec(profile, wishes, self._project)
        if told := differences(asked, running):
            text = f"{running.name} runs already and stays as it is: {'; '.join(told)}"
            report(Stage("kept", text, "note"))

    def _remember(self, name: str, report: Report) -> None:
        """Choose a cluster; one that is up is up, whether or not that can be noted."""
        try:
            self._selection.set(self._project, name)
        except StorageError as exc:
            report(Stage("selection", f"The choice is not remembered: {exc.message}", "note"))
