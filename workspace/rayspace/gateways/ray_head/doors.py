"""How the HTTP interface of a head is reached."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from rayspace.errors import GatewayUnavailableError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping
    from contextlib import AbstractAsyncContextManager

    import aiohttp

    from rayspace.model.cluster import HeadAddress

#: A log that says nothing for long is not a lost connection; a silent ping is. [s]
HEARTBEAT_S = 20.0


class HeadDoor(Protocol):
    """Sends requests to heads, and proves to each that it may."""

    def request(
        self, head: HeadAddress, method: str, path: str, *, body: Any, timeout_s: float
    ) -> AbstractAsyncContextManager[aiohttp.ClientResponse]:
        """Send a request."""
        ...

    def socket(
        self, head: HeadAddress, path: str
    ) -> AbstractAsyncContextManager[aiohttp.ClientWebSocketResponse]:
        """Open a WebSocket."""
        ...


class LoopbackDoor:
    """Heads of this machine, whose tokens are in files, and the head of a job that runs here.

    Parameters
    ----------
    own_token
        Token of heads without a file: in a pod it comes with the environment.
    """

    def __init__(self, own_token: str = "") -> None:
        self._own_token = own_token

    @contextlib.asynccontextmanager
    async def request(
        self, head: HeadAddress, method: str, path: str, *, body: Any, timeout_s: float
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """Send a request."""
        import aiohttp

        timeout = aiohttp.ClientTimeout(total=timeout_s)
        content, headers = payload(body)
        async with (
            self._session(head) as session,
            session.request(
                method, path, data=content, headers=headers, timeout=timeout
            ) as response,
        ):
            yield response

    @contextlib.asynccontextmanager
    async def socket(
        self, head: HeadAddress, path: str
    ) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
        """Open a WebSocket."""
        async with (
            self._session(head) as session,
            session.ws_connect(path, heartbeat=HEARTBEAT_S) as socket,
        ):
            yield socket

    def _session(self, head: HeadAddress) -> aiohttp.ClientSession:
        import aiohttp

        headers = {}
        token = read_token(head.token_path) if head.token_path else self._own_token
        if token:
            headers["Authorization"] = f"Bearer {token}"
        return aiohttp.ClientSession(head.dashboard_url, headers=headers)


def payload(body: Any) -> tuple[bytes | None, dict[str, str]]:
    """Return a body as it is sent, and the headers that say what it is.

    Parameters
    ----------
    body
        Bytes as they are, None for nothing, or what JSON can hold.
    """
    if body is None:
        return None, {}
    if isinstance(body, bytes):
        return body, {"Content-Type": "application/octet-stream"}
    return json.dumps(body).encode(), {"Content-Type": "application/json"}


class RoutedDoor:
    """The door of each head, by its target.

    Parameters
    ----------
    *doors
        One for each target; heads of other targets are on this machine.
    own_token
        See `LoopbackDoor`.
    """

    def __init__(self, *doors: Mapping[str, HeadDoor], own_token: str = "") -> None:
        self._doors = doors
        self._loopback = LoopbackDoor(own_token)

    def request(
        self, head: HeadAddress, method: str, path: str, *, body: Any, timeout_s: float
    ) -> AbstractAsyncContextManager[aiohttp.ClientResponse]:
        """Send a request."""
        return self._door(head).request(head, method, path, body=body, timeout_s=timeout_s)

    def socket(
        self, head: HeadAddress, path: str
    ) -> AbstractAsyncContextManager[aiohttp.ClientWebSocketResponse]:
        """Open a WebSocket."""
        return self._door(head).socket(head, path)

    def _door(self, head: HeadAddress) -> HeadDoor:
        found = (doors[head.target] for doors in self._doors if head.target in doors)
        return next(found, self._loopback) if head.target else self._loopback


def read_token(path: str) -> str:
    """Read the token of a head of this machine.

    Parameters
    ----------
    path
        The file.

    Raises
    ------
    GatewayUnavailableError
        If it can't be read: the token goes with its cluster, so the head is no more.
    """
    try:
        return Path(path).read_text("ascii").strip()
    except OSError as exc:
        raise GatewayUnavailableError(
            f"The token file {path} can't be read: {exc.strerror or exc}.",
            system="Ray",
            operation="read its token",
            hint="The cluster is probably gone; list yours with: rayspace cluster list",
            details={"path": path},
        ) from exc
