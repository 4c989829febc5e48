"""A port of this machine that leads to a port of a pod, through the API server.

What ``kubectl port-forward`` does, without its process, and without its end: the pod is found anew
for each connection, so a head that was replaced is followed, and a connection that comes while the
API server is away is served when it is back. Anybody on this machine may connect; Ray's token is
what keeps them out.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import TYPE_CHECKING

from rayspace.errors import (
    ClusterNotFoundError,
    GatewayError,
    RayspaceError,
    RefusedError,
    SpecError,
    TargetNotFoundError,
)
from rayspace.gateways.kube.answers import status_error, translated
from rayspace.gateways.kube.client import object_path
from rayspace.gateways.kube.port_channel import CHUNK_BYTES, PROTOCOL, PortChannel, reset

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from types import TracebackType
    from typing import Self

    import aiohttp

    from rayspace.gateways.kube.client import KubeClient

#: How long a connection waits for a pod and an API server that answer. [s]
_PATIENCE_S = 20.0
#: A try that takes longer is given up: the API server may have come back elsewhere. [s]
_ATTEMPT_S = 6.0
_FIRST_PAUSE_S = 0.1
_LONGEST_PAUSE_S = 1.0
#: As many may wait for `accept` as browsers and Ray open at once. [1]
_BACKLOG = 128
_log = logging.getLogger(__name__)


class PortForward:
    """A port of this machine that leads to a port of a pod.

    Parameters
    ----------
    client
        The API server.
    namespace
        The pod's namespace.
    find_pod
        Names the pod of the moment; raises while there is none. Asked for each connection.
    port
        Port of the pod. [1]
    patience_s
        How long a connection waits for the pod before it is closed. [s]

    Attributes
    ----------
    failure
        Why the last connection found no pod; None if it did.
    """

    def __init__(
        self,
        client: KubeClient,
        namespace: str,
        find_pod: Callable[[], Awaitable[str]],
        port: int,
        *,
        patience_s: float = _PATIENCE_S,
    ) -> None:
        self._client = client
        self._namespace = namespace
        self._find_pod = find_pod
        self._port = port
        self._patience_s = patience_s
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.Task[None]] = set()
        self._has_led_there = False
        self.failure: RayspaceError | None = None

    @property
    def local_port(self) -> int:
        """Port of 127.0.0.1 that leads there; 0 while closed. [1]"""
        return int(self._server.sockets[0].getsockname()[1]) if self._server else 0

    @property
    def n_connections(self) -> int:
        """Connections that are open. [1]"""
        return len(self._connections)

    async def start(self) -> None:
        """Listen; asks nothing of the API server before somebody connects."""
        if self._server is None:
            # asyncio sets TCP_NODELAY on every connection, here and towards the API server.
            self._server = await asyncio.start_server(
                self._accept, "127.0.0.1", 0, limit=CHUNK_BYTES, backlog=_BACKLOG
            )

    async def close(self) -> None:
        """Stop listening and end all connections."""
        server, self._server = self._server, None
        if server is None:
            return
        server.close()
        await self.hang_up()
        await server.wait_closed()

    async def hang_up(self) -> None:
        """End all connections; new ones are served."""
        tasks = list(self._connections)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._serve(reader, writer))
        self._connections.add(task)
        task.add_done_callback(self._connections.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with contextlib.AsyncExitStack() as stack:
                socket = await self._connect(stack, reader)
                self.failure, self._has_led_there = None, True
                await PortChannel(reader, writer, socket).run()
        except RayspaceError as exc:
            self.failure = exc
            _log.debug("no way to port %d: %s", self._port, exc)
        finally:
            if not writer.is_closing():
                reset(writer)

    async def _connect(
        self, stack: contextlib.AsyncExitStack, reader: asyncio.StreamReader
    ) -> aiohttp.ClientWebSocketResponse:
        loop = asyncio.get_running_loop()
        deadline_s = loop.time() + self._patience_s
        pause_s = _FIRST_PAUSE_S
        may_be_starting = self._has_led_there
        while True:
            until_s = min(deadline_s, loop.time() + _ATTEMPT_S)
            try:
                return await self._try_connect(stack, until_s)
            except RayspaceError as exc:
                may_be_starting = may_be_starting or isinstance(exc, GatewayError)
                is_final = not _may_pass(exc, may_be_starting=may_be_starting)
                # One who hung up without a word does not wait any more.
                if is_final or reader.at_eof() or loop.time() + pause_s > deadline_s:
                    raise
                _log.debug("port %d, once more: %s", self._port, exc)
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)

    async def _try_connect(
        self, stack: contextlib.AsyncExitStack, until_s: float
    ) -> aiohttp.ClientWebSocketResponse:
        import aiohttp

        target, operation = self._client.target, f"reach port {self._port} of a pod"
        with translated(target, operation):
            async with asyncio.timeout_at(until_s):
                pod = await self._find_pod()
                opening = self._client.socket(
                    object_path("v1", self._namespace, "pods", pod, "portforward"),
                    query={"ports": self._port},
                    protocols=(PROTOCOL,),
                    heartbeat_s=None,
                )
                try:
                    return await stack.enter_async_context(opening)
                except aiohttp.WSServerHandshakeError as exc:
                    # What the server says in its body is lost here; the status tells enough.
                    raise status_error(target, exc.status, "", operation) from exc


def _may_pass(error: RayspaceError, *, may_be_starting: bool) -> bool:
    """Whether a later try may succeed: a pod that is not there may come, a right will not."""
    if isinstance(error, TargetNotFoundError | ClusterNotFoundError | SpecError):
        return False
    if isinstance(error, RefusedError):
        # An API server that has just started knows nobody's rights for a second. Credentials that
        # it does not accept are another matter: asking for new ones may open a browser.
        return may_be_starting and error.details.get("status") == 403
    return True
