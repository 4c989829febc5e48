"""The Kubernetes side of `ClusterGateway`: RayClusters of one namespace, which KubeRay makes real.

The object is the record. What is written here bears our field manager's name; nothing is kept in
memory that a later process would miss.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import json
import math
from typing import TYPE_CHECKING, Any

from rayspace.core.clusters.activity import Annotation
from rayspace.core.clusters.ownership import require_own
from rayspace.core.clusters.replacement import replaced, replacement
from rayspace.core.clusters.spec import Preview
from rayspace.core.clusters.worker_groups import scaled
from rayspace.core.kube.state import spec_of
from rayspace.core.manifests import ray_cluster as manifests
from rayspace.core.profiles.defaults import with_defaults
from rayspace.errors import (
    ClusterNotFoundError,
    ObjectNotFoundError,
    PhaseError,
)
from rayspace.gateways.kube.client import object_path
from rayspace.gateways.kube.configuration import read_configuration, readable_configuration
from rayspace.gateways.kube.existing import is_own_name, require_own_name, require_same, until_gone
from rayspace.gateways.kube.jobs import KubeJobs
from rayspace.gateways.kube.observer import KubeObserver
from rayspace.gateways.kube.planning import ClusterPlanner
from rayspace.gateways.kube.program_secret import made_with_program
from rayspace.gateways.watcher_archive import watcher_archive
from rayspace.model.cluster import DEFAULT_GROUP
from rayspace.model.limits import NamespaceLimits
from rayspace.model.progress import Report, Stage
from rayspace.model.wire import to_wire
from rayspace.units import format_count, format_duration

if TYPE_CHECKING:
    import builtins
    from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
    from pathlib import Path

    from rayspace.gateways.contracts import Clock
    from rayspace.gateways.kube.client import KubeClient
    from rayspace.model.cluster import ClusterSpec, ClusterState, Replaced
    from rayspace.model.profile_entry import ProfileFile
    from rayspace.model.snapshot import KubeObject

#: How long the pods of a cluster may take to end before another of its name is made. [s]
_GONE_S = 300.0


class KubeRayGateway:
    """Clusters in the namespace of a target.

    Parameters
    ----------
    client
        The API server.
    clock
        Tells the time.
    versions
        Returns the versions of Ray (empty for none) and of Python here.
    state_dir
        Where the watcher's program is packed.
    tracking_secret
        Secret with the credentials of the tracking server; empty for none.
    """

    def __init__(
        self,
        client: KubeClient,
        clock: Clock,
        versions: Callable[[], tuple[str, str]],
        state_dir: Path,
        tracking_secret: str = "",
    ) -> None:
        self._client = client
        self._clock = clock
        self._state_dir = state_dir
        self._observer = KubeObserver(client, clock)
        self._planner = ClusterPlanner(client, self._observer, versions, tracking_secret)

    @functools.cached_property
    def jobs(self) -> KubeJobs:
        """Jobs of the same namespace."""
        return KubeJobs(self._client, self._observer, self._planner)

    @property
    def target(self) -> str:
        """Name of the target that it serves."""
        return self._client.target.name

    async def profile_files(self) -> tuple[ProfileFile, ...]:
        """Read the profiles that the administrator of the namespace set."""
        return (await read_configuration(self._client)).profiles

    async def limits(self) -> NamespaceLimits:
        """Read what the administrator of the namespace allows one cluster."""
        limits = (await readable_configuration(self._client)).limits
        return NamespaceLimits(self.target, self._client.target.namespace, limits)

    async def create(
        self, spec: ClusterSpec, report: Report, *, force: bool = False
    ) -> ClusterState:
        """Apply a RayCluster; returns when the API server has it."""
        existing = await self._existing(spec.name)
        old: ClusterState | None = None
        if existing is not None:
            require_own_name(existing, await self._observer.user())
            old = await self.get(spec.name)
            if not force or not (why := replacement(spec, old)):
                require_same(old, spec)
                return old
            report(Stage("anew", why, "note"))
        plan = await self._planner.plan(spec)
        await self._planner.check(plan, report, force=force)
        if old is not None:
            # To apply would not do: KubeRay leaves pods alone whose template changed, unless the
            # cluster has an upgradeStrategy, which is new in 1.6. Source: its issue 3840.
            await self._end(old, report, with_all=True)
        is_watched = manifests.has_watcher(with_defaults(spec, plan.configuration.defaults))
        if is_watched:
            archive = self._state_dir / "watcher.zip"
            made = await made_with_program(
                self._client,
                manifests.watcher_secret(spec.name),
                manifests.WATCHER_FILE,
                await asyncio.to_thread(watcher_archive, archive),
                "RayCluster",
                lambda: self._apply(spec.name, plan.manifest),
            )
        else:
            made = await self._apply(spec.name, plan.manifest)
        text = f"{spec.name} was accepted in {self._client.target.namespace} of {self.target}"
        report(Stage("accepted", text, "done"))
        return await self._observer.made(made)

    async def preview(self, spec: ClusterSpec) -> Preview:
        """Return what `create` would apply, and what would keep it from coming up."""
        existing = await self._existing(spec.name)
        plan = await self._planner.plan(spec)
        given_up: Replaced | None = None
        if existing and is_own_name(existing, await self._observer.user()):
            given_up = replaced(spec, await self.get(spec.name))
        # One that is there and stays says itself why it is not up.
        stays = existing and not given_up
        found = ((), ()) if stays else await self._planner.problems(plan)
        return Preview(plan.manifest, dict(existing) if existing else None, *found, given_up)

    async def get(self, name: str) -> ClusterState:
        """Observe a cluster."""
        return await self._observer.get(name)

    async def explain(self, name: str) -> ClusterState:
        """Observe a cluster, and all that may say why it is as it is."""
        return await self._observer.explained(name)

    async def list(self) -> builtins.list[ClusterState]:
        """Observe all clusters of the namespace, sorted by name."""
        return await self._observer.list()

    def changes(self, name: str) -> AsyncGenerator[ClusterState, None]:
        """Yield a cluster as it is, and again after each change."""
        return self._observer.changes(name)

    def watch(self) -> AsyncGenerator[Mapping[str, ClusterState | None], None]:
        """Yield all clusters by name, then what changed."""
        return self._observer.watch()

    async def scale(
        self,
        name: str,
        n_workers: int,
        report: Report,
        *,
        max_workers: int | None = None,
        group: str = "",
    ) -> ClusterState:
        """Request another number of workers, or other bounds of an autoscaled group. [1]"""
        cluster = await self._observer.cluster(name)
        spec = cluster["spec"]
        groups = spec.get("workerGroupSpecs") or []
        names = [str(item.get("groupName")) for item in groups]
        wanted = group or (names[0] if names else "")
        if wanted not in names:
            raise PhaseError(
                f"The cluster {name!r} has no group of workers {wanted!r}.".replace(" ''", ""),
                hint=f"Its groups: {', '.join(names)}." if names else "Start it with --workers.",
                details={"name": name, "groups": names},
            )
        is_autoscaled = bool(spec.get("enableInTreeAutoscaling"))
        if max_workers is not None and not is_autoscaled:
            raise PhaseError(
                f"The cluster {name!r} was started with a fixed number of workers.",
                hint="Give --workers N; for MIN:MAX start another one.",
                details={"name": name},
            )
        index = names.index(wanted)
        place = f"/spec/workerGroupSpecs/{index}"
        most = max_workers
        if most is None:
            most = n_workers if is_autoscaled else max(n_workers, 1)
        values = {
            "replicas": n_workers,
            "minReplicas": n_workers if is_autoscaled else 0,
            "maxReplicas": most,
        }
        changes: builtins.list[dict[str, Any]] = [
            {"op": "test", "path": f"{place}/groupName", "value": wanted},
            *({"op": "add", "path": f"{place}/{k}", "value": v} for k, v in values.items()),
        ]
        noted = spec_of(cluster)
        if noted.profile and wanted in {DEFAULT_GROUP, *(g.name for g in noted.more_groups)}:
            changes.append(_note(scaled(noted, wanted, n_workers, max_workers)))
        await self._client.json_patch(
            self._observer.path(name), changes, operation=f"scale the cluster {name}"
        )
        return await self.get(name)

    async def planned_deletion(self, name: str) -> builtins.list[str]:
        """Say what `delete` would delete."""
        state = await self.get(name)
        n_pods = state.n_workers_requested + (1 if state.groups else 0)
        where = f"{state.namespace} of {self.target}"
        return [
            f"delete the RayCluster {name} in {where}, with up to {format_count(n_pods, 'pod')}",
            f"delete the Secret {name} that holds its token",
        ]

    async def delete(self, name: str, report: Report, *, force: bool = False) -> builtins.list[str]:
        """Delete a cluster; one of somebody else's only by force."""
        state = await self.get(name)
        require_own(state, force=force)
        lines = await self.planned_deletion(name)
        await self._end(state, report)
        return lines

    async def suspend(self, name: str, report: Report) -> ClusterState:
        """End the pods of a cluster; its description stays."""
        cluster = await self._observer.cluster(name)
        if await self._set_queued(cluster, is_active=False):
            text = f"{name} gave back its place in the queue"
        else:
            await self._client.merge(
                self._observer.path(name),
                {"spec": {"suspend": True}},
                operation=f"suspend the cluster {name}",
            )
            text = f"{name} is suspended: its pods end, its description stays"
        report(Stage("suspend", text, "done"))
        return await self.get(name)

    async def resume(self, name: str, report: Report) -> ClusterState:
        """Bring the pods of a suspended cluster back; its life begins anew."""
        cluster = await self._observer.cluster(name)
        annotations = {
            Annotation.LIFETIME_FROM: str(self._clock.now_ms()),
            Annotation.SUSPENDED_BY: None,
            Annotation.SUSPENDED_WHY: None,
            Annotation.ACTIVITY: None,
        }
        change: dict[str, Any] = {"metadata": {"annotations": annotations}}
        if not await self._set_queued(cluster, is_active=True):
            change["spec"] = {"suspend": False}
        await self._client.merge(
            self._observer.path(name), change, operation=f"resume the cluster {name}"
        )
        report(Stage("resume", f"{name} is resumed", "done"))
        return await self.get(name)

    async def extend(self, name: str, duration_s: float, report: Report) -> ClusterState:
        """Keep a cluster from suspending itself for so long from now. [s]"""
        until_ms = self._clock.now_ms() + round(duration_s * 1000)
        annotations = {Annotation.EXTENDED_UNTIL: str(until_ms)}
        await self._client.merge(
            self._observer.path(name),
            {"metadata": {"annotations": annotations}},
            operation=f"extend the cluster {name}",
        )
        text = f"{name} is kept for another {format_duration(duration_s)}, worked or not"
        report(Stage("extend", text, "done"))
        return await self.get(name)

    async def adopt(self, name: str, dashboard_url: str) -> ClusterState:
        """Take a cluster that somebody else made as one's own, so that its verbs need no force."""
        cluster = await self._observer.cluster(name)
        user = await self._observer.user()
        labels = {
            manifests.MANAGED_BY: "rayspace",
            manifests.OWNER_HASH: manifests.owner_hash(user),
        }
        noted = (cluster["metadata"].get("annotations") or {}).get(manifests.SPEC)
        annotations = {manifests.OWNER: user}
        if not noted:
            annotations[manifests.SPEC] = _note_text(spec_of(cluster))
        await self._client.merge(
            self._observer.path(name),
            {"metadata": {"labels": labels, "annotations": annotations}},
            operation=f"adopt the cluster {name}",
        )
        return await self.get(name)

    async def logs(self, name: str, *, follow: bool) -> AsyncIterator[str]:
        """Yield lines of the head's log."""
        await self._observer.cluster(name)
        namespace = self._client.target.namespace
        answer = await self._client.get(
            object_path("v1", namespace, "pods"),
            operation=f"find the head of {name}",
            query={"labelSelector": f"ray.io/cluster={name},ray.io/node-type=head"},
        )
        pods = answer.get("items") or []
        if not pods:
            raise PhaseError(
                f"The cluster {name!r} has no head at the moment.",
                hint=f"See why with: rayspace cluster why {name}",
                details={"name": name},
            )
        path = object_path("v1", namespace, "pods", pods[-1]["metadata"]["name"], "log")
        container = pods[-1]["spec"]["containers"][0]["name"]
        query = {"container": container, "follow": str(follow).lower()}
        operation = f"read the log of {name}"
        silence_s = None if follow else 20.0
        async for line in self._client.lines(
            path, operation=operation, query=query, silence_s=silence_s
        ):
            yield line

    # Below: what the verbs are made of.

    async def _apply(self, name: str, manifest: dict[str, Any]) -> KubeObject:
        made: KubeObject = await self._client.apply(
            self._observer.path(name), manifest, operation=f"make the cluster {name}", force=True
        )
        return made

    async def _existing(self, name: str) -> KubeObject | None:
        try:
            return await self._observer.cluster(name)
        except ClusterNotFoundError:
            return None

    async def _end(self, state: ClusterState, report: Report, *, with_all: bool = False) -> None:
        """Delete a cluster and wait until it is gone, with all that it owns if that is asked."""
        name = state.name
        report(Stage("down", f"Deleting {name}", "doing"))
        with contextlib.suppress(ObjectNotFoundError):
            await self._client.delete(
                self._observer.path(name),
                operation=f"delete the cluster {name}",
                uid=state.uid,
                # A Secret that still goes would take the token of the next one of that name along.
                propagation="Foreground" if with_all else "Background",
            )
        limit_s = _GONE_S if with_all else math.inf
        await until_gone(lambda: self._existing(name), state, self._clock, limit_s)
        report(Stage("down", f"{name} is down", "done"))

    async def _set_queued(self, cluster: KubeObject, *, is_active: bool) -> bool:
        """Give back a cluster's place in its queue, or ask for one again; False without a queue.

        Kueue owns ``suspend`` of what is in a queue, and would undo what we do to it.
        """
        labels = cluster["metadata"].get("labels") or {}
        if manifests.QUEUE not in labels:
            return False
        return await self._observer.queues.set_active(
            cluster["metadata"]["uid"], is_active=is_active
        )


def _note(spec: ClusterSpec) -> dict[str, Any]:
    place = manifests.SPEC.replace("~", "~0").replace("/", "~1")
    return {"op": "add", "path": f"/metadata/annotations/{place}", "value": _note_text(spec)}


def _note_text(spec: ClusterSpec) -> str:
    return json.dumps(to_wire(spec), sort_keys=True)
