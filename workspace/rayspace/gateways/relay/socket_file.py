"""A socket file of this person that leads to one server, with what that server asks for.

A Jupyter server's proxy speaks plain HTTP to a socket; a head behind an API server, or MLflow with
a password, needs more. What goes through is bare: no cookie, no login and no origin of Jupyter's,
and no cookie comes back. The file lies in a directory that only its owner may enter.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rayspace.errors import RayspaceError, RefusedError
from rayspace.gateways.relay.guard import stays_below

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from aiohttp import web

    from rayspace.gateways.relay.way import SocketWay

#: What a server needs to know of a browser; all else stays here.
_PASSED = {
    *(
        "accept",
        "accept-language",
        "cache-control",
        "content-type",
        "if-match",
        "if-modified-since",
    ),
    *("if-none-match", "if-range", "if-unmodified-since", "range", "user-agent"),
}
#: What a browser needs to know of an answer.
_RETURNED = {
    *("accept-ranges", "cache-control", "content-disposition", "content-range", "content-type"),
    *("etag", "expires", "last-modified", "location", "x-content-type-options", "x-frame-options"),
}
#: Bodies are what people send from pages, such as a search; files go by other ways. [bytes]
_BODY_LIMIT_BYTES = 64 * 2**20
#: Frames of a log that was written all at once. [bytes]
_FRAME_LIMIT_BYTES = 64 * 2**20


class UnixRelay:
    """A socket file that leads to one server.

    Parameters
    ----------
    way
        How the server is reached.
    methods
        The methods that go through.
    """

    def __init__(self, way: SocketWay, methods: frozenset[str]) -> None:
        self._way = way
        self._methods = methods
        self._runner: web.AppRunner | None = None
        self._directory = ""

    @property
    def path(self) -> Path:
        """The socket file."""
        return Path(self._directory) / "socket"

    async def start(self) -> None:
        """Listen; asks nothing of anybody before somebody connects."""
        from aiohttp import web

        application = web.Application(client_max_size=_BODY_LIMIT_BYTES)
        application.router.add_route("*", "/{path:.*}", self._serve)
        # Nothing is written about who asks for what. Short, since such a path may have 108 bytes.
        runner = web.AppRunner(
            application, access_log=None, handler_cancellation=True, shutdown_timeout=1.0
        )
        await runner.setup()
        self._directory = await asyncio.to_thread(tempfile.mkdtemp, prefix="rayspace-")
        await web.UnixSite(runner, str(self.path)).start()
        self.path.chmod(0o600)
        self._runner = runner

    async def close(self) -> None:
        """Stop listening and end all connections."""
        runner, self._runner = self._runner, None
        if runner is not None:
            await runner.cleanup()
            # Not in a thread: none begins any more when a process ends.
            shutil.rmtree(self._directory, ignore_errors=True)
        await self._way.close()

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        from aiohttp import web

        if request.method not in self._methods:
            raise web.HTTPMethodNotAllowed(request.method, self._methods)
        if not stays_below(request.raw_path):
            return _failure(400, "This path leads nowhere here.")
        try:
            if request.headers.get("Upgrade", "").lower() == "websocket":
                return await self._join(request)
            return await self._pass_on(request)
        except RefusedError as exc:
            return _failure(403, str(exc))
        except RayspaceError as exc:
            return _failure(503, str(exc))

    async def _pass_on(self, request: web.Request) -> web.StreamResponse:
        from aiohttp import web

        headers = {k: v for k, v in request.headers.items() if k.lower() in _PASSED}
        data = await request.read() if request.body_exists else None
        async with self._way.opened(
            request.method, request.raw_path, headers=headers, data=data
        ) as answer:
            returned = {k: v for k, v in answer.headers.items() if k.lower() in _RETURNED}
            if "Location" in returned:
                returned["Location"] = self._way.local_path(returned["Location"])
            response = web.StreamResponse(status=answer.status, headers=returned)
            if answer.content_length is not None and "Content-Encoding" not in answer.headers:
                response.content_length = answer.content_length
            await response.prepare(request)
            async with _whole_or_none(request):
                async for chunk in answer.content.iter_any():
                    await response.write(chunk)
            await response.write_eof()
            return response

    async def _join(self, request: web.Request) -> web.StreamResponse:
        from aiohttp import web

        async with self._way.socket(request.raw_path) as theirs:
            ours = web.WebSocketResponse(max_msg_size=_FRAME_LIMIT_BYTES)
            await ours.prepare(request)
            both = [
                asyncio.create_task(_pump(ours, theirs)),
                asyncio.create_task(_pump(theirs, ours)),
            ]
            try:
                await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for task in both:
                    task.cancel()
                await asyncio.gather(*both, return_exceptions=True)
            await ours.close()
            return ours


async def _pump(source: Any, sink: Any) -> None:
    """Hand on what comes until it ends."""
    import aiohttp

    async for message in source:
        if message.type is aiohttp.WSMsgType.TEXT:
            await sink.send_str(message.data)
        elif message.type is aiohttp.WSMsgType.BINARY:
            await sink.send_bytes(message.data)


@contextlib.asynccontextmanager
async def _whole_or_none(request: web.Request) -> AsyncIterator[None]:
    """Cut the connection where a body breaks off, so that nobody takes a part for the whole."""
    import aiohttp

    try:
        yield
    except (aiohttp.ClientError, OSError, TimeoutError):
        if request.transport is not None:
            request.transport.abort()


def _failure(status: int, sentence: str) -> web.Response:
    from aiohttp import web

    body = json.dumps({"code": "pane", "message": sentence, "hint": "", "details": {}})
    return web.Response(status=status, text=body, content_type="application/json")
