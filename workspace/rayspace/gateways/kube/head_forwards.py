"""Ports of this machine that lead to heads of one target, as often as heads are replaced."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rayspace.core.kube.belonging import CLUSTER_LABEL
from rayspace.errors import (
    ClusterNotFoundError,
    GatewayUnavailableError,
    NotFoundError,
    RefusedError,
)
from rayspace.gateways.kube.client import object_path
from rayspace.gateways.kube.namespace_watch import RAY
from rayspace.gateways.kube.port_forward import PortForward

if TYPE_CHECKING:
    from collections.abc import Callable

    from rayspace.gateways.kube.client import KubeClient
    from rayspace.model.cluster import HeadAddress


class HeadForwards:
    """Forwarded ports of heads.

    Parameters
    ----------
    client
        The API server.
    """

    def __init__(self, client: KubeClient) -> None:
        self._client = client
        self._kept: dict[tuple[str, str, int], PortForward] = {}

    async def port(self, head: HeadAddress, port: int) -> int:
        """Return a port of this machine that leads to a port of a head until `close`. [1]"""
        key = (head.namespace, head.cluster, port)
        if key not in self._kept:
            forward = self.new(head, port)
            await forward.start()
            self._kept[key] = forward
        return self._kept[key].local_port

    def new(
        self, head: HeadAddress, port: int, on_gone: Callable[[], None] = lambda: None
    ) -> PortForward:
        """Make a forwarded port that the caller starts and closes.

        Parameters
        ----------
        head
            The head.
        port
            Its port. [1]
        on_gone
            Called when a connection finds that the cluster was deleted.

        Returns
        -------
        PortForward
            Not yet started.
        """

        async def find_pod() -> str:
            try:
                return await self._pod(head)
            except ClusterNotFoundError:
                on_gone()
                raise

        return PortForward(self._client, head.namespace, find_pod, port)

    async def close(self) -> None:
        """End the ports that `port` returned."""
        kept, self._kept = list(self._kept.values()), {}
        for forward in kept:
            await forward.close()

    async def _pod(self, head: HeadAddress) -> str:
        selector = f"{CLUSTER_LABEL}={head.cluster},ray.io/node-type=head"
        answer = await self._client.get(
            object_path("v1", head.namespace, "pods"),
            operation=f"find the head of {head.cluster}",
            query={"labelSelector": selector},
        )
        for pod in answer.get("items") or []:
            conditions = (pod.get("status") or {}).get("conditions") or []
            is_ready = any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)
            if is_ready and not pod["metadata"].get("deletionTimestamp"):
                return str(pod["metadata"]["name"])
        await self._require_cluster(head)
        raise GatewayUnavailableError(
            f"The cluster {head.cluster!r} has no head that is ready.",
            system="Ray",
            operation="reach its head",
            hint=f"See why with: rayspace cluster why {head.cluster}",
        )

    async def _require_cluster(self, head: HeadAddress) -> None:
        try:
            await self._client.get(
                object_path(RAY, head.namespace, "rayclusters", head.cluster),
                operation=f"read the cluster {head.cluster}",
            )
        except RefusedError:
            # Who may not look has to take it as there.
            return
        except NotFoundError as exc:
            raise ClusterNotFoundError(
                f"The cluster {head.cluster!r} is gone.",
                hint="List yours with: rayspace cluster list",
                details={"name": head.cluster, "target": head.target},
            ) from exc
