"""What Kueue keeps of a namespace, in the version of its API that it prefers itself."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from rayspace.errors import GatewayError, NotFoundError, RefusedError
from rayspace.gateways.kube.client import object_path

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rayspace.gateways.contracts import Clock
    from rayspace.gateways.kube.client import KubeClient
    from rayspace.model.snapshot import KubeObject

KUEUE = "kueue.x-k8s.io"
_VISIBILITY = "visibility.kueue.x-k8s.io"
#: Who waits looks every few seconds; a queue changes slowly, and all who wait share one look. [s]
_SHARED_S = 15.0


@dataclass(frozen=True)
class QueueLook:
    """A queue as it was seen.

    Parameters
    ----------
    local_queue
        The LocalQueue; None where it may not be read.
    places
        Place in the queue by the name of the Workload, from 0; empty where it may not be read. [1]
    """

    local_queue: KubeObject | None = None
    places: Mapping[str, int] = field(default_factory=dict)


class Queues:
    """Reads queues and what waits in them.

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
        self._looks: dict[str, tuple[float, QueueLook]] = {}

    async def listed(self, resource: str) -> tuple[KubeObject, ...] | None:
        """List objects of Kueue; None where they may not be read, or there is no Kueue."""
        try:
            version = await self._client.preferred(KUEUE)
            answer = await self._client.get(
                object_path(version, self._client.target.namespace, resource),
                operation=f"list the {resource}",
            )
        except (NotFoundError, RefusedError):
            return None
        return tuple(answer.get("items") or ())

    async def look(self, queue: str, *, is_fresh: bool = False) -> QueueLook:
        """Look at a queue, or return what was seen a moment ago unless it is to be fresh."""
        now_s = self._clock.monotonic_s()
        seen_s, seen = self._looks.get(queue, (0.0, None))
        if seen is not None and not is_fresh and now_s - seen_s < _SHARED_S:
            return seen
        local_queue, pending = await asyncio.gather(
            self._readable(KUEUE, queue), self._readable(_VISIBILITY, queue, "pendingworkloads")
        )
        places = {
            item["metadata"]["name"]: item["positionInLocalQueue"]
            for item in (pending or {}).get("items") or []
            if "positionInLocalQueue" in item
        }
        look = QueueLook(local_queue, places)
        self._looks[queue] = (now_s, look)
        return look

    async def set_active(self, uid: str, *, is_active: bool) -> bool:
        """Let the queue take what has a uid, or leave it out; False where it is in none."""
        for item in await self.listed("workloads") or ():
            owners: Any = item["metadata"].get("ownerReferences") or []
            if any(owner.get("uid") == uid for owner in owners):
                name = item["metadata"]["name"]
                version = await self._client.preferred(KUEUE)
                await self._client.merge(
                    object_path(version, self._client.target.namespace, "workloads", name),
                    {"spec": {"active": is_active}},
                    operation=f"change the workload {name}",
                )
                return True
        return False

    async def _readable(self, group: str, queue: str, part: str = "") -> Mapping[str, Any] | None:
        try:
            version = await self._client.preferred(group)
            path = object_path(version, self._client.target.namespace, "localqueues", queue, part)
            found: Mapping[str, Any] = await self._client.get(
                path, operation=f"read the queue {queue}"
            )
        except (NotFoundError, RefusedError, GatewayError):
            # Both are a comfort: without them there is still the reason in the Workload.
            return None
        return found
