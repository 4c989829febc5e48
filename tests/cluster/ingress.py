"""An ingress as companies have it: one host over TLS, on which each head has a path of its own."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import threading
from typing import TYPE_CHECKING

import aiohttp
from aiohttp import web

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

#: What belongs to one connection, or is made anew by the next. Source: RFC 9110, section 7.6.1.
_OWN = {"host", "connection", "content-length", "transfer-encoding", "content-encoding", "upgrade"}
_START_S = 20.0


class Ingress:
    """Passes what comes for ``/NAMESPACE/CLUSTER/…`` on to a port.

    Parameters
    ----------
    directory
        Holds its certificate ``ca.crt`` and ``key.pem``.
    path
        Path of the only head that it knows.
    backend
        Where that answers.
    """

    def __init__(self, directory: Path, path: str, backend: str) -> None:
        self._context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self._context.load_cert_chain(directory / "ca.crt", directory / "key.pem")
        self._path = path
        self._backend = backend
        #: Requests as they came: method, path, and header fields.
        self.seen: list[tuple[str, str, dict[str, str]]] = []
        self.port = 0

    @contextlib.contextmanager
    def standing(self) -> Iterator[Ingress]:
        """Serve until the end of the block."""
        loop = asyncio.new_event_loop()
        thread = threading.Thread(target=loop.run_forever, daemon=True)
        thread.start()
        runner = asyncio.run_coroutine_threadsafe(self._start(), loop).result(_START_S)
        try:
            yield self
        finally:
            asyncio.run_coroutine_threadsafe(runner.cleanup(), loop).result(_START_S)
            loop.call_soon_threadsafe(loop.stop)
            thread.join()
            loop.close()

    async def _start(self) -> web.AppRunner:
        app = web.Application(client_max_size=2**30)
        app.router.add_route("*", "/{tail:.*}", self._pass_on)
        runner = web.AppRunner(app)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=self._context)
        await site.start()
        self.port = runner.addresses[0][1]
        return runner

    async def _pass_on(self, request: web.Request) -> web.StreamResponse:
        self.seen.append((request.method, request.path, dict(request.headers)))
        if not request.path.startswith(f"{self._path}/"):
            return web.Response(status=404, text="default backend - 404")
        url = f"{self._backend}{request.path_qs.removeprefix(self._path)}"
        headers = {name: value for name, value in request.headers.items() if _is_passed(name)}
        async with aiohttp.ClientSession() as session:
            if request.headers.get("Upgrade", "").lower() == "websocket":
                return await _joined(request, session, url, headers)
            async with session.request(
                request.method, url, headers=headers, data=await request.read()
            ) as answer:
                passed = {name: value for name, value in answer.headers.items() if _is_passed(name)}
                return web.Response(status=answer.status, headers=passed, body=await answer.read())


def _is_passed(name: str) -> bool:
    return name.lower() not in _OWN and not name.lower().startswith("sec-websocket-")


async def _joined(
    request: web.Request, session: aiohttp.ClientSession, url: str, headers: dict[str, str]
) -> web.WebSocketResponse:
    async with session.ws_connect(url, headers=headers) as there:
        here = web.WebSocketResponse()
        await here.prepare(request)
        async for message in there:
            await here.send_str(message.data)
        await here.close(code=there.close_code or 1000)
        return here
