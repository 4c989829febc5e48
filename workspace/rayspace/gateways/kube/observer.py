"""See where the clusters of a target stand: a look now, or everything as it changes."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from rayspace.core.diagnosis.diagnose import diagnose
from rayspace.core.diagnosis.pods import WAIT_FOR_HEAD
from rayspace.core.kube.belonging import CLUSTER_LABEL, assembled
from rayspace.core.kube.run_log import of_run
from rayspace.core.kube.state import cluster_state
from rayspace.core.manifests.ray_cluster import QUEUE
from rayspace.errors import ClusterNotFoundError, GatewayError, NotFoundError, RefusedError
from rayspace.gateways.kube.client import object_path
from rayspace.gateways.kube.namespace_changes import NamespaceChanges, is_settled
from rayspace.gateways.kube.namespace_watch import RAY, NamespaceWatch
from rayspace.gateways.kube.queues import Queues

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping

    from rayspace.gateways.contracts import Clock
    from rayspace.gateways.kube.client import KubeClient
    from rayspace.model.cluster import ClusterState
    from rayspace.model.problem import Problem
    from rayspace.model.snapshot import ClusterSnapshot, KubeObject

#: Between two looks when nothing changes: probes that stay silent are judged by the clock. [s]
_CALM_S = 5.0
_LOG_LINES = 20


class KubeObserver:
    """Describes clusters of one target; changes nothing.

    Parameters
    ----------
    client
        The API server.
    clock
        Tells the time.
    """

    def __init__(self, client: KubeClient, clock: Clock) -> None:
        self._client = client
        self._clock = clock
        self._watch = NamespaceWatch(client, clock)
        self.queues = Queues(client, clock)
        self._user: str | None = None

    async def user(self) -> str:
        """Return who this is, as the API server names them; empty where it does not tell."""
        if self._user is None:
            body = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
            try:
                answer = await self._client.create(
                    "/apis/authentication.k8s.io/v1/selfsubjectreviews",
                    body,
                    operation="ask who this is",
                )
            except (NotFoundError, RefusedError):
                # Kubernetes before 1.28 does not answer that.
                self._user = ""
                return ""
            self._user = str(((answer.get("status") or {}).get("userInfo") or {}).get("username"))
        return self._user

    async def cluster(self, name: str) -> KubeObject:
        """Read a RayCluster; `ClusterNotFoundError` if there is none."""
        target = self._client.target
        try:
            found: KubeObject = await self._client.get(
                self.path(name), operation=f"read the cluster {name}"
            )
        except NotFoundError as exc:
            raise ClusterNotFoundError(
                f"There is no cluster {name!r} in {target.namespace} of {target.name}.",
                hint="List yours with: rayspace cluster list",
                details={"name": name, "target": target.name, "namespace": target.namespace},
            ) from exc
        return found

    async def get(self, name: str) -> ClusterState:
        """Look at a cluster."""
        cluster, pods, events = await asyncio.gather(
            self.cluster(name),
            self._listed("v1", "pods", labels=f"{CLUSTER_LABEL}={name}"),
            self._listed("v1", "events"),
        )
        return await self._state(self._assembled(name, cluster, pods, events))

    async def made(self, cluster: KubeObject) -> ClusterState:
        """Describe a cluster that was made this moment, of which nobody has seen more yet."""
        return await self._state(self._assembled(cluster["metadata"]["name"], cluster, (), ()))

    async def list(self) -> list[ClusterState]:
        """Look at all clusters, sorted by name."""
        answer, pods = await asyncio.gather(
            self._client.get(self.path(), operation="list the clusters"),
            self._listed("v1", "pods", labels=CLUSTER_LABEL),
        )
        snapshots = [
            self._assembled(item["metadata"]["name"], item, pods, ())
            for item in answer.get("items") or []
        ]
        states = [await self._state(snapshot) for snapshot in snapshots]
        return sorted(states, key=lambda state: state.name)

    async def changes(self, name: str) -> AsyncGenerator[ClusterState, None]:
        """Yield a cluster as it is, and again after each change."""
        async with self._watch.watching() as watch:
            async for snapshot in watch.snapshots(name, at_least_every_s=_CALM_S):
                if snapshot.ray_cluster is None:
                    # Made a moment ago, and the watch will hear of it; or deleted by somebody.
                    await self.cluster(name)
                    continue
                state = await self._state(await self._with_queue(snapshot))
                trouble = watch.clusters.trouble
                # Who waits learns that what they see may be old.
                yield replace(state, reason=trouble.message) if trouble else state

    async def watch(self) -> AsyncGenerator[Mapping[str, ClusterState | None], None]:
        """Yield all clusters by name, then those that changed; None for one that is gone."""
        async with self._watch.watching() as watch:
            changes = NamespaceChanges(watch, self._client.target, self._clock)
            async with contextlib.aclosing(changes.follow()) as followed:
                async for snapshots in followed:
                    states: dict[str, ClusterState | None] = {}
                    for name, snapshot in snapshots.items():
                        if snapshot is None:
                            states[name] = None
                            continue
                        state = await self._state(await self._with_queue(snapshot))
                        changes.note(name, is_settled=is_settled(state))
                        states[name] = state
                        # Thousands of them take a second, in which others have their turn.
                        await asyncio.sleep(0)
                    yield states

    async def explained(self, name: str) -> ClusterState:
        """Look at a cluster and at all that may say why it is not as it should be."""
        cluster, pods, events = await asyncio.gather(
            self.cluster(name),
            self._listed("v1", "pods", labels=f"{CLUSTER_LABEL}={name}"),
            self._listed("v1", "events"),
        )
        nodes, quotas, ranges, claims, workloads = await asyncio.gather(
            self.readable("v1", "nodes", namespaced=False),
            self.readable("v1", "resourcequotas"),
            self.readable("v1", "limitranges"),
            self.readable("v1", "persistentvolumeclaims"),
            self.queues.listed("workloads"),
        )
        snapshot = self._assembled(
            name,
            cluster,
            pods,
            events,
            workloads or (),
            nodes=nodes,
            quotas=quotas,
            limit_ranges=ranges,
            claims=claims,
            logs=await self._logs(pods),
        )
        return await self._state(await self._with_queue(snapshot, is_fresh=True))

    async def queue_problem(self, job: KubeObject) -> Problem | None:
        """Say why a RayJob has no cluster yet; None where nothing is known to be wrong."""
        name, spec = str(job["metadata"]["name"]), job.get("spec") or {}
        workloads = await self.queues.listed("workloads")
        # What a queue says of a job it says in the words in which it speaks of a cluster.
        asked = {**(spec.get("rayClusterSpec") or {}), "suspend": bool(spec.get("suspend"))}
        as_cluster = {"metadata": job["metadata"], "spec": asked, "status": job.get("status")}
        snapshot = self._assembled(name, as_cluster, (), (), workloads or ())
        problems = diagnose(await self._with_queue(snapshot))
        return problems[0] if problems else None

    async def readable(
        self, group: str, resource: str, *, namespaced: bool = True
    ) -> tuple[KubeObject, ...] | None:
        """List objects; None where they may not be read or are not known."""
        try:
            return await self._listed(group, resource, namespaced=namespaced)
        except (NotFoundError, RefusedError):
            return None

    def path(self, name: str = "", part: str = "") -> str:
        """Return the path of a RayCluster, or of all."""
        return object_path(RAY, self._client.target.namespace, "rayclusters", name, part)

    async def _state(self, snapshot: ClusterSnapshot) -> ClusterState:
        user = await self.user()
        return cluster_state(snapshot, self._client.target, user, await self._client.server())

    def _assembled(
        self,
        name: str,
        cluster: KubeObject,
        pods: Any,
        events: Any,
        workloads: Any = (),
        **more: Any,
    ) -> ClusterSnapshot:
        target, now_ms = self._client.target, self._clock.now_ms()
        return assembled(name, target, now_ms, cluster, pods, events, workloads, **more)

    async def _with_queue(
        self, snapshot: ClusterSnapshot, *, is_fresh: bool = False
    ) -> ClusterSnapshot:
        """Add the queue, and the place in it, of a cluster that waits in one."""
        labels = ((snapshot.ray_cluster or {}).get("metadata") or {}).get("labels") or {}
        queue = labels.get(QUEUE)
        if not queue or snapshot.workload is None:
            return snapshot
        conditions = (snapshot.workload.get("status") or {}).get("conditions") or []
        if any(c.get("type") == "Admitted" and c.get("status") == "True" for c in conditions):
            return snapshot
        look = await self.queues.look(queue, is_fresh=is_fresh)
        place = look.places.get(snapshot.workload["metadata"]["name"])
        return replace(snapshot, local_queue=look.local_queue, queue_position=place)

    async def _logs(self, pods: tuple[KubeObject, ...]) -> dict[str, str]:
        """Read the last lines of containers that ended, and of one that waits for the head."""
        found: dict[str, str] = {}
        has_asked = False
        for pod in pods:
            name, status = pod["metadata"]["name"], pod.get("status") or {}
            # Of what is over for good, no other run can follow.
            is_over = status.get("phase") in {"Failed", "Succeeded"}
            for container in status.get("containerStatuses") or []:
                if ended := (container.get("state") or {}).get("terminated"):
                    found[name] = log = await self._log(pod, container)
                    if not is_over:
                        found[name] = of_run(ended, log, await self._log_before(pod, container))
                elif (container.get("lastState") or {}).get("terminated"):
                    # The run before this one.
                    found[name] = await self._log(pod, container, previous="true")
            for container in status.get("initContainerStatuses") or []:
                is_running = "running" in (container.get("state") or {})
                # They all say the same.
                if container["name"] == WAIT_FOR_HEAD and is_running and not has_asked:
                    has_asked = True
                    found[name] = await self._log(pod, container)
        return found

    async def _log_before(self, pod: KubeObject, container: KubeObject) -> str:
        """Read the log of the run before the newest, with the time of each line.

        A node tells the API server of a new run a while after its log is there to be read: whether
        one has begun is told by this log alone.
        """
        return await self._log(pod, container, previous="true", timestamps="true")

    async def _log(self, pod: KubeObject, container: KubeObject, **query: str) -> str:
        """Read the last lines of a container; empty where there is nothing to read."""
        name = pod["metadata"]["name"]
        path = object_path("v1", self._client.target.namespace, "pods", name, "log")
        query = {"container": container["name"], "tailLines": str(_LOG_LINES), **query}
        operation = f"read the log of {name}"
        # What can't be read is not there to be told.
        with contextlib.suppress(NotFoundError, RefusedError, GatewayError):
            return await self._client.text(path, operation=operation, query=query)
        return ""

    async def _listed(
        self, group: str, resource: str, *, labels: str = "", namespaced: bool = True
    ) -> tuple[KubeObject, ...]:
        namespace = self._client.target.namespace if namespaced else ""
        answer = await self._client.get(
            object_path(group, namespace, resource),
            operation=f"list the {resource}",
            query={"labelSelector": labels or None},
        )
        return tuple(answer.get("items") or ())
