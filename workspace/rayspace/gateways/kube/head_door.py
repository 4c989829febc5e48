"""Reach the heads of one target, and prove to each that this person may use it.

Ways, the first that works is kept: ``direct`` from inside of Kubernetes; ``proxy``, the API
server's own way to a service, which needs nothing kept alive; ``port-forward`` where the API server
may not reach services. Ray's token goes beside the person's own credentials, in the
header ``X-Ray-Authorization``, and comes from the cluster's Secret; it is never written down.
"""

from __future__ import annotations

import base64
import contextlib
import json
from typing import TYPE_CHECKING, Any

from rayspace.core.manifest import DASHBOARD_PORT
from rayspace.errors import (
    AccessError,
    GatewayUnavailableError,
    NotFoundError,
    RayspaceError,
    RefusedError,
)
from rayspace.gateways.head_doors import HEARTBEAT_S
from rayspace.gateways.kube.answers import status_error
from rayspace.gateways.kube.client import object_path
from rayspace.gateways.kube.port_forward import PortForward

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import aiohttp

    from rayspace.gateways.kube.client import KubeClient
    from rayspace.model.cluster import HeadAddress

TOKEN_KEY = "auth_token"  # noqa: S105  the name of a field, not a secret
TOKEN_HEADER = "X-Ray-Authorization"  # noqa: S105  the name of a header


class KubeHeadDoor:
    """Heads of one target.

    Parameters
    ----------
    client
        The API server.
    way
        ``auto``, ``proxy``, ``port-forward`` or ``direct``.
    """

    def __init__(self, client: KubeClient, way: str = "auto") -> None:
        self._client = client
        self._way = way
        self._tokens: dict[tuple[str, str], str] = {}
        self._forwards: dict[tuple[str, str, int], PortForward] = {}

    @contextlib.asynccontextmanager
    async def request(
        self, head: HeadAddress, method: str, path: str, *, body: Any, timeout_s: float
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """Send a request."""
        import aiohttp

        timeout = aiohttp.ClientTimeout(total=timeout_s)
        if await self._is_proxied(head):
            data = None if body is None else json.dumps(body)
            content = {"Content-Type": "application/json"} if data is not None else {}
            async with self._client.opened(
                method,
                proxy_path(head) + path,
                operation="reach its head",
                headers={**content, **await self._token_header(head)},
                data=data,
                timeout=timeout,
                check=False,
            ) as response:
                await self._raise_for_servers_own(response)
                yield response
            return
        async with (
            aiohttp.ClientSession(await self._base_url(head)) as session,
            session.request(
                method, path, json=body, timeout=timeout, headers=await self._token_header(head)
            ) as response,
        ):
            yield response

    @contextlib.asynccontextmanager
    async def socket(
        self, head: HeadAddress, path: str
    ) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
        """Open a WebSocket."""
        import aiohttp

        headers = await self._token_header(head)
        if await self._is_proxied(head):
            async with self._client.socket(proxy_path(head) + path, headers=headers) as socket:
                yield socket
            return
        async with (
            aiohttp.ClientSession(await self._base_url(head)) as session,
            session.ws_connect(path, headers=headers, heartbeat=HEARTBEAT_S) as socket,
        ):
            yield socket

    async def token(self, head: HeadAddress) -> str:
        """Read the token of a head from its Secret; `AccessError` if it can't be read."""
        key = (head.namespace, head.cluster)
        if key not in self._tokens:
            try:
                secret = await self._client.get(
                    object_path("v1", head.namespace, "secrets", head.cluster),
                    operation=f"read the token of {head.cluster}",
                )
                data = (secret.get("data") or {})[TOKEN_KEY]
                self._tokens[key] = base64.b64decode(data).decode("ascii").strip()
            except (KeyError, ValueError) as exc:
                raise AccessError(
                    f"The Secret {head.cluster!r} holds no token of Ray.",
                    hint="It was changed by hand; start the cluster anew.",
                    details={"cluster": head.cluster},
                ) from exc
        return self._tokens[key]

    def forget_token(self, head: HeadAddress) -> None:
        """Read the token anew when it is needed next: a later cluster has another."""
        self._tokens.pop((head.namespace, head.cluster), None)

    async def forward(self, head: HeadAddress, port: int) -> int:
        """Return a port of this machine that leads to a port of a head, as long as we live. [1]"""
        key = (head.namespace, head.cluster, port)
        if key not in self._forwards:

            async def find_pod() -> str:
                return await self._head_pod(head)

            forward = PortForward(self._client, head.namespace, find_pod, port)
            await forward.start()
            self._forwards[key] = forward
        return self._forwards[key].local_port

    async def close(self) -> None:
        """End all forwarded ports."""
        forwards, self._forwards = list(self._forwards.values()), {}
        for forward in forwards:
            await forward.close()

    async def _is_proxied(self, head: HeadAddress) -> bool:
        if self._way != "auto":
            return self._way == "proxy"
        if not self._client.target.context:
            self._way = "direct"
            return False
        # Asked once: the API server's own way needs a right of its own.
        try:
            async with self._client.opened(
                "GET",
                f"{proxy_path(head)}/api/gcs_healthz",
                operation="reach its head",
                check=False,
            ) as response:
                await self._raise_for_servers_own(response)
                self._way = "proxy"
        except RefusedError:
            self._way = "port-forward"
        except RayspaceError:
            # No head yet: nothing was learned.
            return True
        return self._way == "proxy"

    async def _base_url(self, head: HeadAddress) -> str:
        if self._way == "direct":
            return f"http://{service_name(head)}.{head.namespace}.svc:{DASHBOARD_PORT}"
        return f"http://127.0.0.1:{await self.forward(head, DASHBOARD_PORT)}"

    async def _head_pod(self, head: HeadAddress) -> str:
        selector = f"ray.io/cluster={head.cluster},ray.io/node-type=head"
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
        raise GatewayUnavailableError(
            f"The cluster {head.cluster!r} has no head that is ready.",
            system="Ray",
            operation="reach its head",
            hint=f"See why with: rayspace cluster why {head.cluster}",
        )

    async def _token_header(self, head: HeadAddress) -> dict[str, str]:
        try:
            return {TOKEN_HEADER: f"Bearer {await self.token(head)}"}
        except NotFoundError:
            # Somebody's cluster that asks for none has no such Secret.
            return {}

    async def _raise_for_servers_own(self, response: aiohttp.ClientResponse) -> None:
        """Tell an answer of the API server from one of Ray's, which it only passes on."""
        if response.status < 400:
            return
        text = await response.text(errors="replace")
        try:
            is_own = json.loads(text).get("kind") == "Status"
        except (ValueError, AttributeError):
            return
        if not is_own:
            return
        if response.status in {404, 503}:
            raise GatewayUnavailableError(
                "The cluster has no head that answers yet.",
                system="Ray",
                operation="reach its head",
                hint="See why with: rayspace cluster why",
                details={"status": response.status},
            )
        raise status_error(self._client.target, response.status, text, "reach its head")


def service_name(head: HeadAddress) -> str:
    """Return the name of the Service that KubeRay makes for a head."""
    return f"{head.cluster}-head-svc"


def proxy_path(head: HeadAddress) -> str:
    """Return the path under which the API server passes requests on to a dashboard."""
    service = f"{service_name(head)}:{DASHBOARD_PORT}"
    return object_path("v1", head.namespace, "services") + f"/{service}/proxy"
