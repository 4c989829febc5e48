"""Tell which clusters of a namespace changed, out of thousands, without looking at all of them."""

from __future__ import annotations

import asyncio
import contextlib
from collections import defaultdict
from typing import TYPE_CHECKING, Any

from rayspace.core.diagnosis.pods import pod_name_prefixes
from rayspace.core.kube.belonging import CLUSTER_LABEL, assembled, prefix_of_ended_pod
from rayspace.model.cluster import ClusterPhase

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterable, Mapping

    from rayspace.gateways.contracts import Clock
    from rayspace.gateways.kube.namespace_watch import NamespaceWatch
    from rayspace.model.cluster import ClusterState
    from rayspace.model.snapshot import ClusterSnapshot, KubeObject
    from rayspace.model.target import Target

#: Several objects change together; who looks wants to see them so. [s]
_TOGETHER_S = 0.05
#: Between two looks at what is not as it should be: some of it is judged by the clock. [s]
_CALM_S = 5.0
_AT_REST = {ClusterPhase.READY, ClusterPhase.SUSPENDED}


def is_settled(state: ClusterState) -> bool:
    """Whether a cluster stays as it is unless Kubernetes says something."""
    return state.phase in _AT_REST and not state.problems


class NamespaceChanges:
    """Follows all clusters of a watched namespace.

    Parameters
    ----------
    watch
        The watch; it goes on as long as this is followed.
    target
        Where it is.
    clock
        Tells the time.
    """

    def __init__(self, watch: NamespaceWatch, target: Target, clock: Clock) -> None:
        self._watch = watch
        self._target = target
        self._clock = clock
        self._unsettled: set[str] = set()

    def note(self, name: str, *, is_settled: bool) -> None:
        """Note whether a cluster is worth a look although nothing was heard of it."""
        (self._unsettled.discard if is_settled else self._unsettled.add)(name)

    async def follow(self) -> AsyncGenerator[dict[str, ClusterSnapshot | None], None]:
        """Yield all clusters, then those of which something was heard; None for one that is gone.

        Raises what keeps the watch from going on.
        """
        heard: set[str] = set()
        known: set[str] = set()
        is_all, waker = True, asyncio.Event()

        def hear(item: KubeObject | None) -> None:
            nonlocal is_all
            if item is None:
                is_all = True
            else:
                heard.update(self._names(item))
            waker.set()

        self._watch.hearers.add(hear)
        try:
            while True:
                self._raise_trouble()
                present = self._clusters()
                names = set(present) if is_all else {name for name in heard if name in present}
                gone = known - present.keys()
                is_all = False
                heard.clear()
                self._unsettled -= gone
                known = set(present)
                yield {**self._snapshots(names, present), **dict.fromkeys(gone)}
                with contextlib.suppress(TimeoutError):
                    # Not `wait_for`, which may swallow that it is cancelled.
                    async with asyncio.timeout(_CALM_S):
                        await waker.wait()
                    await asyncio.sleep(_TOGETHER_S)
                if not waker.is_set():
                    heard |= self._unsettled
                waker.clear()
        finally:
            self._watch.hearers.discard(hear)

    def _raise_trouble(self) -> None:
        clusters = self._watch.clusters
        if error := clusters.refused or clusters.trouble:
            raise error

    def _clusters(self) -> dict[str, KubeObject]:
        return {str(c["metadata"]["name"]): c for c in self._watch.clusters.objects.values()}

    def _names(self, item: KubeObject) -> Iterable[str]:
        """Name the clusters that an object is about."""
        metadata = item["metadata"]
        kind = item.get("kind")
        if kind == "RayCluster":
            return [str(metadata["name"])]
        if kind == "Event":
            about = item.get("involvedObject") or {}
            if about.get("kind") == "Pod":
                pod = self._watch.pods.objects.get(str(about.get("uid")))
                return [_cluster_of(pod)] if pod else []
            return [str(about.get("name", ""))]
        if kind == "Workload":
            owners: Any = metadata.get("ownerReferences") or []
            return [str(owner.get("name", "")) for owner in owners]
        return [_cluster_of(item)]

    def _snapshots(
        self, names: set[str], present: Mapping[str, KubeObject]
    ) -> dict[str, ClusterSnapshot]:
        if not names:
            return {}
        # One pass over all objects, not one for each cluster.
        pods: dict[str, list[KubeObject]] = defaultdict(list)
        events: dict[str, list[KubeObject]] = defaultdict(list)
        workloads: dict[str, list[KubeObject]] = defaultdict(list)
        owner: dict[str, str] = {
            str(present[name]["metadata"].get("uid", "")): name for name in names
        }
        for pod in self._watch.pods.objects.values():
            if (name := _cluster_of(pod)) in names:
                pods[name].append(pod)
                owner[str(pod["metadata"].get("uid", ""))] = name
        # Of pods that were replaced only the names tell whose they were.
        replaced = {prefix: name for name in names for prefix in pod_name_prefixes(present[name])}
        for event in self._watch.events.objects.values():
            uid = str((event.get("involvedObject") or {}).get("uid", ""))
            about = owner.get(uid)
            if not about and uid not in self._watch.pods.objects:
                about = replaced.get(prefix_of_ended_pod(event))
            if about:
                events[about].append(event)
        for workload in self._watch.workloads.objects.values():
            for reference in workload["metadata"].get("ownerReferences") or []:
                if about := owner.get(str(reference.get("uid", ""))):
                    workloads[about].append(workload)
        now_ms = self._clock.now_ms()
        return {
            name: assembled(
                name,
                self._target,
                now_ms,
                present[name],
                pods[name],
                events[name],
                workloads[name],
            )
            for name in sorted(names)
        }


def _cluster_of(pod: KubeObject) -> str:
    return str((pod["metadata"].get("labels") or {}).get(CLUSTER_LABEL, ""))
