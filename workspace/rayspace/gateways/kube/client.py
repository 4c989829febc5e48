"""Requests to the API server of one target: JSON, watches, and connections through it.

Credentials are read when they are first needed and again when the server no longer accepts them, as
after an exec plugin's token has run out. What fails in passing (429, 5xx, a lost connection) is
tried again where that can do no harm.
"""

from __future__ import annotations

import contextlib
import json
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

import tenacity

from rayspace.errors import GatewayUnavailableError
from rayspace.gateways.kube.answers import (
    PASSING,
    preferred_version,
    status_error,
    translated,
    understood,
)
from rayspace.gateways.kube.login import Login
from rayspace.gateways.kube.retries import may_pass, pause, retry_after_s, was_unheard
from rayspace.gateways.kube.sessions import LoopSessions
from rayspace.loop import on_exit

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence

    import aiohttp

    from rayspace.gateways.kube.credentials import Credentials
    from rayspace.model.target import Target

#: Name under which our changes stand in ``managedFields``.
FIELD_MANAGER = "rayspace"
#: An API server answers in milliseconds; one far away and busy in seconds. [s]
_TIMEOUT_S = 20.0
#: Until a connection stands: a context that is dead is told soon. [s]
_CONNECT_S = 6.0
_ATTEMPTS = 4
#: How long the end of a WebSocket may take. [s]
_FAREWELL_S = 1.0
_APPLY = "application/apply-patch+yaml"
_MERGE = "application/merge-patch+json"
_JSON_PATCH = "application/json-patch+json"


class KubeClient:
    """One target's API server.

    Parameters
    ----------
    target
        The target.
    environ
        The environment, for the kubeconfig.
    """

    def __init__(self, target: Target, environ: Mapping[str, str]) -> None:
        self.target = target
        self._login = Login(target, environ)
        self._sessions = LoopSessions()
        self._versions: dict[str, str] = {}
        #: Requests sent, watches included. [1]
        self.n_requests = 0

    # What services need.

    async def get(
        self, path: str, *, operation: str, query: Mapping[str, Any] | None = None
    ) -> Any:
        """Read an object, or a list of them."""
        return await self.request("GET", path, operation=operation, query=query)

    async def create(self, path: str, body: Any, *, operation: str) -> Any:
        """Make an object; `ConflictError` if there is one of that name."""
        return await self.request("POST", path, operation=operation, body=body)

    async def apply(
        self, path: str, body: Any, *, operation: str, force: bool = False, dry_run: bool = False
    ) -> Any:
        """Make an object or change it into what is given, by server-side apply."""
        query = {
            "fieldManager": FIELD_MANAGER,
            "force": str(force).lower(),
            # A field that the server would drop is a wish that nobody fulfils.
            "fieldValidation": "Strict",
        }
        if dry_run:
            query["dryRun"] = "All"
        return await self.request(
            "PATCH", path, operation=operation, body=body, query=query, content_type=_APPLY
        )

    async def merge(self, path: str, body: Any, *, operation: str) -> Any:
        """Change fields of an object."""
        query = {"fieldManager": FIELD_MANAGER}
        return await self.request(
            "PATCH", path, operation=operation, body=body, query=query, content_type=_MERGE
        )

    async def json_patch(
        self, path: str, changes: Sequence[Mapping[str, Any]], *, operation: str
    ) -> Any:
        """Change places in an object, if it is as the changes test it to be."""
        query = {"fieldManager": FIELD_MANAGER}
        return await self.request(
            "PATCH", path, operation=operation, body=changes, query=query, content_type=_JSON_PATCH
        )

    async def delete(
        self, path: str, *, operation: str, uid: str = "", propagation: str = "Background"
    ) -> Any:
        """Delete an object; one of another uid, made since, is left alone."""
        body: dict[str, Any] = {"propagationPolicy": propagation}
        if uid:
            body["preconditions"] = {"uid": uid}
        return await self.request("DELETE", path, operation=operation, body=body)

    async def text(
        self, path: str, *, operation: str, query: Mapping[str, Any] | None = None
    ) -> str:
        """Read an answer that is not JSON, such as a log."""
        return await self._with_retries("GET", path, operation, query, None, "")

    async def request(
        self,
        method: str,
        path: str,
        *,
        operation: str,
        query: Mapping[str, Any] | None = None,
        body: Any = None,
        content_type: str = "application/json",
    ) -> Any:
        """Send a request and return what the answer says."""
        data = None if body is None else json.dumps(body)
        text = await self._with_retries(method, path, operation, query, data, content_type)
        return understood(self.target, text, operation)

    async def lines(
        self,
        path: str,
        *,
        operation: str,
        query: Mapping[str, Any] | None = None,
        silence_s: float | None,
    ) -> AsyncGenerator[str, None]:
        """Yield the lines of an answer that goes on; `GatewayTimeoutError` after a silence. [s]"""
        import aiohttp

        timeout = aiohttp.ClientTimeout(total=None, sock_connect=_CONNECT_S, sock_read=silence_s)
        with translated(self.target, operation):
            async with self.opened(
                "GET", path, query=query, timeout=timeout, operation=operation
            ) as response:
                buffer = b""
                async for chunk in response.content.iter_any():
                    # An event of a large object is longer than aiohttp's own lines may be.
                    *complete, buffer = (buffer + chunk).split(b"\n")
                    for line in complete:
                        yield line.decode("utf-8", "replace")
                if buffer:
                    yield buffer.decode("utf-8", "replace")

    @contextlib.asynccontextmanager
    async def opened(
        self,
        method: str,
        path: str,
        *,
        operation: str,
        query: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        data: Any = None,
        timeout: aiohttp.ClientTimeout | None = None,  # noqa: ASYNC109  aiohttp's own kind
        check: bool = True,
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """Send a request and hand over the answer before its body is read."""
        for attempt in (1, 2):
            credentials = await self._login.credentials()
            session = await self._session(credentials)
            self.n_requests += 1
            async with session.request(
                method,
                self.url(credentials, path, query),
                data=data,
                headers={**_authorization(credentials), **(headers or {})},
                timeout=timeout,
                **_tls(credentials),
            ) as response:
                if response.status == 401 and attempt == 1 and await _is_servers(response):
                    await self._login.forget(credentials)
                    if data is None or isinstance(data, str | bytes):
                        continue
                    # What was streamed is gone; whoever sent it may do so once more.
                    raise GatewayUnavailableError(
                        f"The credentials for {self.target.name} had to be read anew.",
                        system="Kubernetes",
                        operation=operation,
                        hint="Try again.",
                    )
                if check and response.status >= 400:
                    text = await response.text(errors="replace")
                    raise status_error(self.target, response.status, text, operation)
                yield response
                return

    @contextlib.asynccontextmanager
    async def socket(
        self,
        path: str,
        *,
        query: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        protocols: tuple[str, ...] = (),
        heartbeat_s: float | None = 20.0,
    ) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
        """Open a WebSocket through the API server; without a heartbeat, pings are the caller's."""
        import aiohttp

        async def connect(credentials: Credentials) -> aiohttp.ClientWebSocketResponse:
            self.n_requests += 1
            session = await self._session(credentials)
            opened: aiohttp.ClientWebSocketResponse = await session.ws_connect(
                self.url(credentials, path, query),
                headers={**_authorization(credentials), **(headers or {})},
                protocols=protocols,
                heartbeat=heartbeat_s,
                autoping=heartbeat_s is not None,
                # One that is gone says no farewell.
                timeout=aiohttp.ClientWSTimeout(ws_close=_FAREWELL_S),
                max_msg_size=0,
                **_tls(credentials),
            )
            return opened

        credentials = await self._login.credentials()
        try:
            socket = await connect(credentials)
        except aiohttp.WSServerHandshakeError as exc:
            # Its body is lost; Ray's own refusals, which are only passed on, are plain text.
            kind = exc.headers.get("Content-Type", "") if exc.headers else ""
            if exc.status != 401 or "json" not in kind:
                raise
            await self._login.forget(credentials)
            socket = await connect(await self._login.credentials())
        try:
            yield socket
        finally:
            await socket.close()

    async def preferred(self, group: str) -> str:
        """Return a group with the version that the server prefers of it; it is asked once.

        `ObjectNotFoundError` where there is no such group, which may come later.
        """
        if group not in self._versions:
            answer = await self.get(f"/apis/{group}", operation=f"ask for {group}")
            self._versions[group] = preferred_version(self.target, answer, group)
        return self._versions[group]

    async def server(self) -> str:
        """Return the base URL of the API server."""
        return (await self._login.credentials()).server

    async def close(self) -> None:
        """Let go of all connections of the running loop."""
        await self._sessions.close()

    @staticmethod
    def url(credentials: Credentials, path: str, query: Mapping[str, Any] | None) -> str:
        """Return the URL of a path, with its query."""
        asked = urlencode({k: v for k, v in (query or {}).items() if v is not None}, doseq=True)
        return f"{credentials.server}{path}{'?' + asked if asked else ''}"

    # How it is done.

    async def _with_retries(
        self,
        method: str,
        path: str,
        operation: str,
        query: Mapping[str, Any] | None,
        data: str | None,
        content_type: str,
    ) -> str:
        # A POST that got lost may have been heard; all others may be sent twice.
        retrying = tenacity.AsyncRetrying(
            stop=tenacity.stop_after_attempt(_ATTEMPTS),
            retry=was_unheard if method == "POST" else may_pass,
            wait=pause,
            reraise=True,
        )
        return await retrying(self._once, method, path, operation, query, data, content_type)

    async def _once(
        self,
        method: str,
        path: str,
        operation: str,
        query: Mapping[str, Any] | None,
        data: str | None,
        content_type: str,
    ) -> str:
        import aiohttp

        headers = {"Content-Type": content_type} if data is not None else {}
        timeout = aiohttp.ClientTimeout(total=_TIMEOUT_S, sock_connect=_CONNECT_S)
        with translated(self.target, operation):
            async with self.opened(
                method,
                path,
                query=query,
                headers=headers,
                data=data,
                timeout=timeout,
                operation=operation,
                check=False,
            ) as response:
                text = await response.text(errors="replace")
                if response.status < 400:
                    return text
                error = status_error(self.target, response.status, text, operation)
                if response.status in PASSING:
                    error.details["retry_after_s"] = retry_after_s(response)
                raise error

    async def _session(self, credentials: Credentials) -> aiohttp.ClientSession:
        import aiohttp

        def make() -> aiohttp.ClientSession:
            on_exit(self.close)
            return aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0),
                proxy=credentials.proxy or None,
                trust_env=True,
            )

        return await self._sessions.get(make)


def _authorization(credentials: Credentials) -> dict[str, str]:
    return {"Authorization": credentials.authorization} if credentials.authorization else {}


def _tls(credentials: Credentials) -> dict[str, Any]:
    if credentials.ssl_context is None:
        return {}
    named = {"server_hostname": credentials.tls_name} if credentials.tls_name else {}
    return {"ssl": credentials.ssl_context, **named}


async def _is_servers(response: aiohttp.ClientResponse) -> bool:
    """Whether the API server refuses, and not what stands behind it."""
    return '"kind":"Status"' in (await response.text(errors="replace")).replace(" ", "")


def object_path(group: str, namespace: str, resource: str, name: str = "", part: str = "") -> str:
    """Return the path of an object, or of all of a kind.

    Parameters
    ----------
    group
        Group and version, such as ``ray.io/v1``; ``v1`` for Kubernetes' own core.
    namespace
        The namespace; empty for what has none.
    resource
        The kind in the plural.
    name, part
        The object, and a subresource of it.
    """
    root = f"/api/{group}" if "/" not in group else f"/apis/{group}"
    words = [root]
    if namespace:
        words += ["namespaces", quote(namespace, safe="")]
    words += [resource, *([quote(name, safe="")] if name else []), *([part] if part else [])]
    return "/".join(words)
