"""MLflow's server for a database of this machine, for panes and for a Python without all of MLflow.

Where JupyterLab has an environment of its own, with mlflow-skinny, the runs of this machine's jobs
are in a database that only the kernels' MLflow can read. Then a kernel's MLflow serves it.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any

from rayspace.core.tracking.server import usual_variables
from rayspace.gateways.mlflow.local_server import LocalMlflow
from rayspace.gateways.relay.guard import RelayGuard
from rayspace.gateways.relay.pane_ways import UrlWay
from rayspace.gateways.relay.port import TrackingRelay
from rayspace.loop import on_exit, run
from rayspace.model.tracking import RELAY_USER

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping

    import aiohttp


class LocalMlflowWay:
    """To such a server, which starts when it is asked.

    Parameters
    ----------
    server
        The server.
    """

    def __init__(self, server: LocalMlflow) -> None:
        self._server = server
        self._way: tuple[str, UrlWay] = ("", UrlWay("http://localhost"))

    @contextlib.asynccontextmanager
    async def opened(
        self, method: str, path: str, *, headers: Mapping[str, str], data: Any = None
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """Send a request, and hand over the answer before its body is read."""
        async with self._server.held():
            way = await self._ready()
            async with way.opened(method, path, headers=headers, data=data) as answer:
                yield answer

    @contextlib.asynccontextmanager
    async def socket(self, path: str) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
        """Open a WebSocket."""
        async with self._server.held():
            way = await self._ready()
            async with way.socket(path) as joined:
                yield joined

    def local_path(self, location: str) -> str:
        """Keep the path alone."""
        return self._way[1].local_path(location)

    async def close(self) -> None:
        """Let go of connections; the server may have others."""
        await self._way[1].close()

    async def _ready(self) -> UrlWay:
        path = await self._server.ready()
        if self._way[0] != path:
            # Changed before the old one is left: others come meanwhile.
            old, self._way = self._way[1], (path, UrlWay("http://localhost", unix_path=path))
            await old.close()
        return self._way[1]


class LentMlflow:
    """An address for MLflow's own client, behind which such a server answers.

    Parameters
    ----------
    server
        The server.
    environ
        The environment.
    """

    def __init__(self, server: LocalMlflow, environ: Mapping[str, str]) -> None:
        self._server = server
        way = LocalMlflowWay(server)
        self._relay = TrackingRelay(way, RelayGuard(usual_variables(environ)))
        self._starting = asyncio.Lock()

    def require(self) -> None:
        """Raise `MissingExtraError` if no Python here has all of MLflow; blocks, starts nothing."""
        self._server.python()

    def lend(self) -> str:
        """Return what `uri` does, to threads without a loop of ours."""
        return run(self.uri())

    async def uri(self) -> str:
        """Return the address, with a token in it that opens it; the server runs then.

        Raises
        ------
        MissingExtraError
            If no Python here has all of MLflow.
        GatewayTimeoutError
            If the server does not come up.
        """
        await self._ready()
        return f"http://{RELAY_USER}:{self._relay.guard.token}@127.0.0.1:{self._relay.port}"

    async def browser_uri(self) -> str:
        """Return an address that lets one browser in, once; raises what `uri` does."""
        await self._ready()
        return self._relay.browser_uri()

    async def _ready(self) -> None:
        await self._server.ready()
        async with self._starting:
            if not self._relay.port:
                await self._relay.start()
                on_exit(self._relay.close)


#: Those of this process, by database: one serves all projects and kernels that share it.
_servers: dict[str, tuple[LocalMlflow, LentMlflow]] = {}


def local_mlflow(
    uri: str, environ: Mapping[str, str], find_python: Callable[[str], str], kernel: str = ""
) -> tuple[LocalMlflow, LentMlflow]:
    """Return this process's server for a database, and its address for programs.

    Parameters
    ----------
    uri, environ, find_python
        As `LocalMlflow` takes them; those of whoever asks first count.
    kernel
        The Python of the kernel that this is for; empty for none.
    """
    if uri not in _servers:
        server = LocalMlflow(uri, environ, find_python)
        _servers[uri] = (server, LentMlflow(server, environ))
    if kernel:
        _servers[uri][0].note_kernel(kernel)
    return _servers[uri]
