"""One watch of a namespace, however many clusters in it are looked at.

It begins with the first who looks and ends with the last. RayClusters, their pods, events and,
where there is Kueue, workloads are followed; the rest of a snapshot is read when somebody asks why.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any

from rayspace.core.kube.belonging import CLUSTER_LABEL, assembled
from rayspace.gateways.kube.client import object_path
from rayspace.gateways.kube.informer import Informer
from rayspace.gateways.kube.queues import KUEUE

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping

    from rayspace.gateways.contracts import Clock
    from rayspace.gateways.kube.client import KubeClient
    from rayspace.model.snapshot import ClusterSnapshot

RAY = "ray.io/v1"
#: Several objects change together; who looks wants to see them so. [s]
_TOGETHER_S = 0.05


class NamespaceWatch:
    """What happens in the namespace of a target.

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
        self._n_watchers = 0
        self._tasks: list[asyncio.Task[None]] = []
        self._wakers: set[asyncio.Event] = set()
        #: Called with each object that changed; None after a new list.
        self.hearers: set[Callable[[Mapping[str, Any] | None], None]] = set()
        self.clusters = self.pods = self.events = self.workloads = self._informer(RAY, "")

    @contextlib.asynccontextmanager
    async def watching(self) -> AsyncIterator[NamespaceWatch]:
        """Keep it going; raises if RayClusters may not be read."""
        self._n_watchers += 1
        if self._n_watchers == 1:
            self._start()
        try:
            for informer in (self.clusters, self.pods, self.events, self.workloads):
                await self._settled(informer)
            if self.clusters.refused is not None:
                raise self.clusters.refused
            yield self
        finally:
            self._n_watchers -= 1
            if self._n_watchers == 0:
                await self._stop()

    async def snapshots(
        self, name: str, *, at_least_every_s: float
    ) -> AsyncIterator[ClusterSnapshot]:
        """Yield what is seen of a cluster: at once, after each change, and every so often. [s]"""
        waker = asyncio.Event()
        self._wakers.add(waker)
        try:
            while True:
                if self.clusters.refused is not None:
                    # A token that ran out meanwhile, say: what is here only gets older.
                    raise self.clusters.refused
                yield self.snapshot(name)
                with contextlib.suppress(TimeoutError):
                    # Not wait_for, which before Python 3.12 forgets that it was cancelled where
                    # a change comes at the same moment. Source: issue 86296 of CPython.
                    async with asyncio.timeout(at_least_every_s):
                        await waker.wait()
                    await asyncio.sleep(_TOGETHER_S)
                waker.clear()
        finally:
            self._wakers.discard(waker)

    def snapshot(self, name: str) -> ClusterSnapshot:
        """Return what is seen of a cluster now."""
        found = [c for c in self.clusters.objects.values() if c["metadata"]["name"] == name]
        cluster = found[0] if found else None
        return assembled(
            name,
            self._client.target,
            self._clock.now_ms(),
            cluster,
            self.pods.objects.values(),
            self.events.objects.values(),
            self.workloads.objects.values(),
        )

    async def _workloads_path(self) -> str:
        version = await self._client.preferred(KUEUE)
        return object_path(version, self._client.target.namespace, "workloads")

    def _informer(self, group: str, resource: str, what: str = "", selector: str = "") -> Informer:
        path = object_path(group, self._client.target.namespace, resource)
        return Informer(self._client, path, what, self._changed, selector=selector)

    def _start(self) -> None:
        self.clusters = self._informer(RAY, "rayclusters", "RayClusters")
        self.pods = self._informer("v1", "pods", "pods", CLUSTER_LABEL)
        self.events = self._informer("v1", "events", "events")
        self.workloads = Informer(
            self._client, self._workloads_path, "workloads of Kueue", self._changed
        )
        followed = (self.clusters, self.pods, self.events, self.workloads)
        self._tasks = [asyncio.create_task(informer.run()) for informer in followed]

    async def _settled(self, informer: Informer) -> None:
        """Wait until an informer has listed; `GatewayError` at once if the server is not there."""
        while not informer.settled.is_set():
            if informer.trouble is not None:
                raise informer.trouble
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_TOGETHER_S):
                    await informer.settled.wait()

    async def _stop(self) -> None:
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _changed(self, item: Mapping[str, Any] | None) -> None:
        for waker in self._wakers:
            waker.set()
        for hear in self.hearers:
            hear(item)
