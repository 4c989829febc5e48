"""Ways to what is shown in panes: Ray's dashboard of a head, and MLflow's pages."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from rayspace.errors import GatewayUnavailableError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping
    from contextlib import AbstractAsyncContextManager

    import aiohttp

    from rayspace.gateways.ray_head.doors import HeadDoor
    from rayspace.model.cluster import HeadAddress

#: A stream of a dashboard may be silent for long, and ends with its page. [s]
_STREAM_S = 24 * 3600.0
_CONNECT_S, _SILENCE_S = 10.0, 300.0


class HeadWay:
    """To the dashboard of a head, through its door.

    Parameters
    ----------
    door
        Reaches heads, and adds their tokens.
    head
        The head.
    """

    def __init__(self, door: HeadDoor, head: HeadAddress) -> None:
        self._door = door
        self._head = head

    @contextlib.asynccontextmanager
    async def opened(
        self, method: str, path: str, *, headers: Mapping[str, str], data: Any = None
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """Send a request, and hand over the answer before its body is read."""
        import aiohttp

        try:
            async with self._door.request(
                self._head, method, path, body=None, timeout_s=_STREAM_S
            ) as response:
                yield response
        except (aiohttp.ClientConnectionError, TimeoutError) as exc:
            raise _silent("Ray", self._head.dashboard_url) from exc

    def socket(self, path: str) -> AbstractAsyncContextManager[aiohttp.ClientWebSocketResponse]:
        """Open a WebSocket."""
        return self._door.socket(self._head, path)

    def local_path(self, location: str) -> str:
        """Keep the path alone."""
        return _path_of(location)

    async def close(self) -> None:
        """Nothing is kept open."""


class UrlWay:
    """To MLflow at an address, or at a socket file.

    Parameters
    ----------
    url
        Its base URL.
    authorization
        Value of the header ``Authorization``; empty for none.
    unix_path
        The socket file; empty for none.
    """

    def __init__(self, url: str, authorization: str = "", unix_path: str = "") -> None:
        self._url = url.rstrip("/")
        self._authorization = {"Authorization": authorization} if authorization else {}
        self._unix_path = unix_path
        self._session: aiohttp.ClientSession | None = None

    def __repr__(self) -> str:
        return f"UrlWay({self._url!r})"

    @contextlib.asynccontextmanager
    async def opened(
        self, method: str, path: str, *, headers: Mapping[str, str], data: Any = None
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """Send a request, and hand over the answer before its body is read."""
        import aiohttp

        timeout = aiohttp.ClientTimeout(total=None, sock_connect=_CONNECT_S, sock_read=_SILENCE_S)
        try:
            async with self._opened_session().request(
                method,
                self._url + path,
                headers={**headers, **self._authorization, "Accept-Encoding": "identity"},
                data=data,
                timeout=timeout,
                allow_redirects=False,
            ) as response:
                yield response
        except (aiohttp.ClientConnectionError, TimeoutError) as exc:
            raise _silent("MLflow", self._url) from exc

    def socket(self, path: str) -> AbstractAsyncContextManager[aiohttp.ClientWebSocketResponse]:
        """Open a WebSocket."""
        return self._opened_session().ws_connect(self._url + path, headers=self._authorization)

    def local_path(self, location: str) -> str:
        """Keep what comes after the base."""
        base = urlsplit(self._url).path
        return _path_of(location).removeprefix(base) or "/"

    async def close(self) -> None:
        """Let go of connections."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    def _opened_session(self) -> aiohttp.ClientSession:
        import aiohttp

        if self._session is None:
            connector = aiohttp.UnixConnector(self._unix_path) if self._unix_path else None
            self._session = aiohttp.ClientSession(connector=connector, auto_decompress=True)
        return self._session


def _path_of(location: str) -> str:
    parts = urlsplit(location)
    fragment = f"#{parts.fragment}" if parts.fragment else ""
    return f"{parts.path or '/'}{'?' + parts.query if parts.query else ''}{fragment}"


def _silent(system: str, url: str) -> GatewayUnavailableError:
    return GatewayUnavailableError(
        f"{system} does not answer at {url}.", system=system, operation="show its pages"
    )
