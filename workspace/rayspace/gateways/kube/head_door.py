"""Reach the heads of one target, and prove to each that this person may use it.

Ways, by the target's setting, else the first that works, which is kept: ``direct`` from inside of
Kubernetes; ``proxy``, the API server's own way to a service, which needs nothing kept alive;
``port-forward`` where the API server may not reach services; ``url`` where an administrator gave
each head one. Ray's token comes from the cluster's Secret. It goes where Ray looks first, in the
header ``Authorization``; through the API server, which keeps that one for itself, beside the
person's own credentials in ``X-Ray-Authorization``.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import urllib.request
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from rayspace.core.clusters.access import head_url
from rayspace.core.manifests.ray_cluster import CLIENT_PORT, DASHBOARD_PORT
from rayspace.errors import (
    AccessError,
    GatewayUnavailableError,
    NotFoundError,
    RayspaceError,
    RefusedError,
)
from rayspace.gateways import this_ray
from rayspace.gateways.kube.answers import status_error, why_not_trusted
from rayspace.gateways.kube.client import object_path
from rayspace.gateways.kube.client_tunnel import ClientTunnel
from rayspace.gateways.kube.head_forwards import HeadForwards
from rayspace.gateways.ray_head.doors import HEARTBEAT_S, payload
from rayspace.gateways.ray_head.token_file import TokenFile
from rayspace.model.target import AUTO, DIRECT, PORT_FORWARD, PROXY, URL

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator
    from pathlib import Path

    import aiohttp

    from rayspace.gateways.kube.client import KubeClient
    from rayspace.model.cluster import HeadAddress

TOKEN_KEY = "auth_token"  # noqa: S105  the name of a field, not a secret
TOKEN_HEADER = "Authorization"  # noqa: S105  the name of a header
PROXIED_TOKEN_HEADER = "X-Ray-Authorization"  # noqa: S105  as above
#: Answers to a wrong token, and to none.
_REFUSALS = {401, 403}


class KubeHeadDoor:
    """Heads of one target.

    Parameters
    ----------
    client
        The API server; its target says how heads are reached.
    """

    def __init__(self, client: KubeClient) -> None:
        self._client = client
        self._way = client.target.access
        self._tokens: dict[tuple[str, str], str] = {}
        self._forwards = HeadForwards(client)

    @contextlib.asynccontextmanager
    async def request(
        self, head: HeadAddress, method: str, path: str, *, body: Any, timeout_s: float
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """Send a request."""
        import aiohttp

        timeout = aiohttp.ClientTimeout(total=timeout_s)
        send = self._send_proxied if await self._is_proxied(head) else self._send
        for attempt in (1, 2):
            async with send(head, method, path, body, timeout) as response:
                if response.status in _REFUSALS and attempt == 1 and await self._renew(head):
                    continue
                yield response
                return

    @contextlib.asynccontextmanager
    async def _send_proxied(
        self,
        head: HeadAddress,
        method: str,
        path: str,
        body: Any,
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109  aiohttp's own kind
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        data, content = payload(body)
        async with self._client.opened(
            method,
            proxy_path(head) + path,
            operation="reach its head",
            headers={**content, **await self._token_header(head, PROXIED_TOKEN_HEADER)},
            data=data,
            timeout=timeout,
            check=False,
        ) as response:
            await self._raise_for_servers_own(response)
            yield response

    @contextlib.asynccontextmanager
    async def _send(
        self,
        head: HeadAddress,
        method: str,
        path: str,
        body: Any,
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109  aiohttp's own kind
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        url = await self._base_url(head) + path
        data, content = payload(body)
        headers = {**content, **await self._token_header(head, TOKEN_HEADER)}
        with self._trusted(head):
            async with (
                self._session(url) as session,
                # Wherever a head sends us, the token stays here.
                session.request(
                    method, url, data=data, timeout=timeout, headers=headers, allow_redirects=False
                ) as response,
            ):
                if 300 <= response.status < 400:
                    raise _login_page(head, response.headers.get("Location", ""))
                yield response

    @contextlib.asynccontextmanager
    async def socket(
        self, head: HeadAddress, path: str
    ) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
        """Open a WebSocket."""
        if await self._is_proxied(head):
            headers = await self._token_header(head, PROXIED_TOKEN_HEADER)
            async with self._client.socket(proxy_path(head) + path, headers=headers) as socket:
                yield socket
            return
        headers = await self._token_header(head, TOKEN_HEADER)
        url = await self._base_url(head) + path
        with self._trusted(head):
            async with (
                self._session(url) as session,
                session.ws_connect(url, headers=headers, heartbeat=HEARTBEAT_S) as socket,
            ):
                yield socket

    async def tunnel(
        self, head: HeadAddress, directory: Path, on_gone: Callable[[], None]
    ) -> ClientTunnel:
        """Open a way to a head for Ray Client, which speaks no HTTP that a proxy passes on.

        Parameters
        ----------
        head
            The head.
        directory
            Where the token is kept as long as the way is open.
        on_gone
            Called when a connection finds that the cluster was deleted.
        """
        await self._is_proxied(head)
        token = await self._token_or_none(head)
        token_file = await asyncio.to_thread(TokenFile.write, directory, token) if token else None
        host = f"{service_name(head)}.{head.namespace}.svc:{CLIENT_PORT}"
        forward = None
        if self._way != DIRECT:
            forward = self._forwards.new(head, CLIENT_PORT, on_gone)
        tunnel = ClientTunnel(host, forward, token_file, this_ray.is_closing)
        try:
            await tunnel.open()
        except BaseException:
            await tunnel.close()
            raise
        return tunnel

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

    @property
    def way(self) -> str:
        """The way that is gone: one of `WAYS`, ``auto`` as long as none is found."""
        return self._way

    async def close(self) -> None:
        """End all forwarded ports."""
        await self._forwards.close()

    async def _is_proxied(self, head: HeadAddress) -> bool:
        if self._way != AUTO:
            return self._way == PROXY
        if not self._client.target.context:
            self._way = DIRECT
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
                self._way = PROXY
        except RefusedError:
            self._way = PORT_FORWARD
        except RayspaceError:
            # No head yet: nothing was learned.
            return True
        return self._way == PROXY

    async def _base_url(self, head: HeadAddress) -> str:
        if self._way == URL:
            return head_url(self._client.target.url, head.cluster, head.namespace)
        if self._way == DIRECT:
            return f"http://{service_name(head)}.{head.namespace}.svc:{DASHBOARD_PORT}"
        return f"http://127.0.0.1:{await self._forwards.port(head, DASHBOARD_PORT)}"

    async def _token_header(self, head: HeadAddress, name: str) -> dict[str, str]:
        token = await self._token_or_none(head)
        return {name: f"Bearer {token}"} if token else {}

    async def _token_or_none(self, head: HeadAddress) -> str:
        try:
            return await self.token(head)
        except NotFoundError:
            # Somebody's cluster that asks for none has no such Secret.
            return ""

    async def _renew(self, head: HeadAddress) -> bool:
        """Read a token anew that was refused; whether it is another: a later cluster's."""
        refused = self._tokens.pop((head.namespace, head.cluster), "")
        return await self._token_or_none(head) != refused

    def _session(self, url: str) -> aiohttp.ClientSession:
        import aiohttp

        # One of an administrator's may lie behind the proxy of a company; all others are near.
        # Not by `trust_env`, which also takes passwords from a .netrc, and they exclude a token.
        return aiohttp.ClientSession(proxy=_proxy_to(url) if self._way == URL else None)

    @contextlib.contextmanager
    def _trusted(self, head: HeadAddress) -> Iterator[None]:
        import aiohttp

        try:
            yield
        except aiohttp.ClientConnectorCertificateError as exc:
            raise AccessError(
                f"The certificate of {head.dashboard_url} can't be trusted: {why_not_trusted(exc)}",
                hint="See the url of the target in the settings; SSL_CERT_FILE names a file of"
                " further authorities.",
                details={"url": head.dashboard_url},
            ) from exc

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


def _proxy_to(url: str) -> str | None:
    parts = urlsplit(url)
    host = parts.hostname or ""
    return (
        None if urllib.request.proxy_bypass(host) else urllib.request.getproxies().get(parts.scheme)
    )


def _login_page(head: HeadAddress, where: str) -> AccessError:
    to = where.partition("?")[0][:200]
    return AccessError(
        f"{head.dashboard_url} sends its visitors on to {to!r}, as a login page does.",
        hint="Let requests with Ray's token pass there, or set the target's access to proxy.",
        details={"url": head.dashboard_url, "location": to},
    )


def service_name(head: HeadAddress) -> str:
    """Return the name of the Service that KubeRay makes for a head."""
    return f"{head.cluster}-head-svc"


def proxy_path(head: HeadAddress) -> str:
    """Return the path under which the API server passes requests on to a dashboard."""
    service = f"{service_name(head)}:{DASHBOARD_PORT}"
    return object_path("v1", head.namespace, "services") + f"/{service}/proxy"
