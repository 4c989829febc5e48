"""How a relay reaches the server that it leads to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping
    from contextlib import AbstractAsyncContextManager

    from aiohttp import ClientResponse, ClientWebSocketResponse


class Way(Protocol):
    """Sends requests to one server, and proves to it that it may."""

    def opened(
        self, method: str, path: str, *, headers: Mapping[str, str], data: Any = None
    ) -> AbstractAsyncContextManager[ClientResponse]:
        """Send a request, and hand over the answer before its body is read.

        Raises
        ------
        RefusedError
            If this person may not.
        RayspaceError
            If it can't be reached, which may pass.
        """
        ...

    def local_path(self, location: str) -> str:
        """Return where a redirection leads, as seen from this side."""
        ...

    async def close(self) -> None:
        """Let go of connections."""
        ...


class SocketWay(Way, Protocol):
    """One that leads to a server with WebSockets."""

    def socket(self, path: str) -> AbstractAsyncContextManager[ClientWebSocketResponse]:
        """Open a WebSocket."""
        ...
