"""Start clusters: from a profile and what was asked on top of it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from rayspace.core.clusters.replacement import is_replaceable
from rayspace.core.clusters.spec import (
    MAX_KUBE_WORKERS,
    MAX_WORKERS,
    UpPlan,
    as_it_runs,
    cluster_spec,
    default_name,
    differences,
    workers_to_scale,
)
from rayspace.core.clusters.wishes import Wishes
from rayspace.core.manifests.diff import manifest_difference
from rayspace.errors import ClusterNotFoundError, ManifestError, ProfileNotFoundError, StorageError
from rayspace.loop import in_thread
from rayspace.model.cluster import ClusterPhase, ClusterState, Origin
from rayspace.model.progress import Report, Stage, silent
from rayspace.model.target import LOCAL
from rayspace.services.reaching import reaching
from rayspace.services.readiness import check_ready, wait_ready, wait_workers

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rayspace.core.clusters.spec import Preview
    from rayspace.gateways.contracts import Clock, ClusterGateway, HeadGateway, ProfileSource
    from rayspace.model.cluster import ClusterSpec, ReadyAt
    from rayspace.model.profile import Profile
    from rayspace.services.cluster_finder import ClusterFinder


class ClusterStarter:
    """Starts clusters of all targets.

    Parameters
    ----------
    finder
        Knows the targets, and what was chosen.
    profiles
        Profiles by name.
    clock
        Tells the time.
    project
        The project directory.
    head
        The HTTP face of a head.
    """

    def __init__(
        self,
        finder: ClusterFinder,
        profiles: ProfileSource,
        clock: Clock,
        project: str,
        head: HeadGateway,
    ) -> None:
        self._head = head
        self._finder = finder
        self._profiles = profiles
        self._clock = clock
        self._project = project

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
        max_workers: int | None = None,
        gpu_type: str | None = None,
        image: str | None = None,
        queue: str | None = None,
        idle_s: float | None = None,
        max_lifetime_s: float | None = None,
        settings: Mapping[str, Any] | None = None,
        target: str | None = None,
        ready: ReadyAt = "head",
        force: bool = False,
        wait: bool = True,
        wait_timeout_s: float = 600.0,
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
        max_workers
            The most workers that Ray starts by need, from ``workers`` on; only on Kubernetes. [1]
        gpu_type
            Product of the GPUs, as nodes of Kubernetes are labelled.
        image
            Image of the pods; by default the one that fits this machine.
        queue
            Kueue's LocalQueue.
        idle_s, max_lifetime_s
            After which time without activity, and after which time at all, a cluster on Kubernetes
            suspends itself. [s]
        settings
            Raw values by their path in a RayCluster.
        target
            Where; by default the profile's target, else that of the chosen cluster.
        ready
            What is waited for on Kubernetes: ``head``; ``min``, with as many workers of each group
            as it is promised, of an autoscaled one its fewest; or ``all``, with every worker that
            is wanted by now.
        force
            Whether to go on although it could never come up as things are; on Kubernetes also in
            place of one's own cluster of that name that is not ready, which is deleted.
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
        check_ready(ready)
        wishes = Wishes(
            name,
            workers,
            cpus,
            memory,
            gpus,
            dict(env or {}),
            dashboard_port,
            max_workers,
            gpu_type,
            image,
            queue,
            idle_s,
            max_lifetime_s,
            dict(settings or {}),
        )
        plan = await self.plan(profile, wishes, target=target)
        if plan.name_was:
            text = f"{plan.name_was!r} is not a safe name; it is named {plan.spec.name!r}"
            report(Stage("name", text, "note"))
        gateway = self._finder.gateway(plan.target)
        running = await self._running(gateway, plan.spec.name, force=force)
        spec = as_it_runs(running, wishes, profile) if running else plan.spec
        try:
            state = await gateway.create(spec, report, force=force)
        except ManifestError as exc:
            raise plan.located(exc) from exc
        if running and plan.spec.profile == running.profile:
            self._tell_what_stays(plan, spec, wishes, report)
        if wait:
            state = await wait_ready(gateway, state, self._clock, wait_timeout_s, report)
        is_up = state.phase in {ClusterPhase.STARTING, ClusterPhase.READY}
        if is_up and (bounds := workers_to_scale(state, workers, max_workers)):
            n_wanted, most = bounds
            state = await gateway.scale(state.name, n_wanted, report, max_workers=most)
        if wait:
            async with reaching(self._head, state, self._clock, report):
                if ready != "head" or not state.namespace:
                    state = await wait_workers(
                        gateway, state, self._clock, wait_timeout_s, report, fewest=ready == "min"
                    )
        self._remember(state.name, report, state.target)
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
        chosen, where = await self._profile(profile or "laptop", target)
        gateway = self._finder.gateway(where)
        spec, name_was = cluster_spec(chosen, wishes, self._project, limit=_limit(where))
        if wishes.name is None:
            spec = replace(spec, name=await self._own_name(chosen.name, gateway))
        return UpPlan(spec, where, name_was, profile=chosen)

    async def _profile(self, name: str, target: str | None) -> tuple[Profile, str]:
        """Read a profile, of the namespace too where it starts in one; and say where it starts."""
        where = target or self._finder.chosen_target() or LOCAL
        try:
            chosen = await in_thread(self._profiles.get, name)
            where = target or chosen.target or where
        except ProfileNotFoundError:
            if where == LOCAL:
                raise
        also = await self._finder.gateway(where).profile_files()
        return await in_thread(self._profiles.get, name, also), where

    async def preview(
        self, profile: str | None, wishes: Wishes, *, target: str | None = None
    ) -> UpPlan:
        """Say what `up` would ask for, with the object that would be applied; as `plan`."""
        plan = await self.plan(profile, wishes, target=target)
        previewing = getattr(self._finder.gateway(plan.target), "preview", None)
        if previewing is None:
            return plan
        try:
            seen: Preview = await previewing(plan.spec)
        except ManifestError as exc:
            raise plan.located(exc) from exc
        return replace(
            plan,
            manifest=seen.manifest,
            difference=manifest_difference(seen.existing, seen.manifest),
            problems=seen.problems,
            notes=seen.notes,
            replaced=seen.replaced,
        )

    async def _own_name(self, profile: str, gateway: ClusterGateway) -> str:
        """Name a cluster that nobody named."""
        live = [c for c in await gateway.list() if not c.phase.is_terminal]
        owners = {c.name: c.project for c in live}
        mine = [c.name for c in live if (c.project, c.profile) == (self._project, profile)]
        return default_name(profile, self._project, owners, mine)

    @staticmethod
    async def _running(gateway: ClusterGateway, name: str, *, force: bool) -> ClusterSpec | None:
        """Return what a cluster was started as; None if there is none that we started.

        By force one that is not ready counts for nothing: it gives its place to what is asked for.
        """
        try:
            state = await gateway.get(name)
        except ClusterNotFoundError:
            return None
        is_away = state.phase.is_terminal or (force and is_replaceable(state))
        if is_away or state.origin is Origin.ADOPTED:
            return None
        return state.spec

    def _tell_what_stays(
        self, plan: UpPlan, running: ClusterSpec, wishes: Wishes, report: Report
    ) -> None:
        """Name what the profile says now and nobody asked for, so that it is not as it runs."""
        if plan.profile is None:
            return
        if wishes.workers is None and not running.more_groups:
            # Whether a wish is the workers' or the head's goes by what runs.
            wishes = replace(wishes, workers=running.n_workers, max_workers=running.max_workers)
        wishes = replace(wishes, name=running.name)
        asked, _ = cluster_spec(plan.profile, wishes, self._project, limit=_limit(plan.target))
        if told := differences(asked, running):
            text = f"{running.name} runs already and stays as it is: {'; '.join(told)}"
            report(Stage("kept", text, "note"))

    def _remember(self, name: str, report: Report, target: str = LOCAL) -> None:
        """Choose a cluster; one that is up is up, whether or not that can be noted."""
        try:
            self._finder.choose(name, target)
        except StorageError as exc:
            report(Stage("selection", f"The choice is not remembered: {exc.message}", "note"))


def _limit(target: str) -> int:
    """Return the most workers and GPUs that make sense in a target. [1]"""
    return MAX_WORKERS if target == LOCAL else MAX_KUBE_WORKERS
