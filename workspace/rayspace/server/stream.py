"""The one WebSocket: how everything is, then each change."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

from jupyter_server.auth.decorator import authorized, ws_authenticated
from jupyter_server.base.handlers import JupyterHandler
from jupyter_server.base.websocket import WebSocketMixin
from tornado import websocket

from rayspace.errors import RayspaceError
from rayspace.loop import in_background
from rayspace.server.contract import checked_query
from rayspace.server.errors import error_body, status_of

if TYPE_CHECKING:
    from rayspace.server.workspace import Workspace

_TEMPLATE = "/rayspace/changes"
#: Messages that a client has not read yet; more of them, and it comes back by number. [bytes]
_PENDING_BYTES = 32 * 2**20
_TOO_SLOW = 4008


class StreamHandler(WebSocketMixin, websocket.WebSocketHandler, JupyterHandler):
    """Tells one tab what changes."""

    auth_resource = "rayspace"

    def initialize(self, workspace: Workspace) -> None:
        """Take all that the server has."""
        super().initialize()
        self._workspace = workspace
        self._pending_bytes = 0
        self._is_open = False

    @ws_authenticated
    @authorized
    async def get(self, *args: Any, **kwargs: Any) -> None:
        """Open the connection for who is logged in and may read."""
        given = {name: self.get_query_argument(name) for name in self.request.query_arguments}
        self._query = checked_query(_TEMPLATE, "GET", given)
        # Said before the connection opens, where it can still be answered.
        self._workspace.apps.file(self._query.get("path", ""))
        await super().get(*args, **kwargs)

    async def open(self, *args: Any, **kwargs: Any) -> None:
        """Begin to tell."""
        super().open(*args, **kwargs)
        self._is_open = True
        loop = asyncio.get_running_loop()

        def tell(text: str) -> None:
            loop.call_soon_threadsafe(self._send, text)

        async def enter() -> None:
            if path := self._query.get("path"):
                # From now on its jobs are looked at.
                self._workspace.apps.of(path)
            self._workspace.watching.enter(
                self, tell, self._query.get("after", 0), self._query.get("epoch", "")
            )
            self._workspace.jobs.see(self, is_visible=True)

        await in_background(enter())

    async def on_message(self, message: str | bytes) -> None:
        """Hear whether anybody sees what is told."""
        try:
            said = json.loads(message)
            is_visible = bool(said["is_visible"]) if said["kind"] == "visible" else None
        except (ValueError, KeyError, TypeError):
            return
        if is_visible is not None:
            await in_background(self._see(is_visible=is_visible))

    def on_close(self) -> None:
        """Tell nothing any more."""
        super().on_close()
        self._is_open = False
        loop = asyncio.get_running_loop()
        self._leaving = loop.create_task(in_background(self._leave()))

    async def _see(self, *, is_visible: bool) -> None:
        self._workspace.jobs.see(self, is_visible=is_visible)

    async def _leave(self) -> None:
        self._workspace.watching.leave(self)
        self._workspace.jobs.leave(self)

    def _send(self, text: str) -> None:
        if not self._is_open:
            return
        if self._pending_bytes > _PENDING_BYTES:
            self._is_open = False
            self.close(_TOO_SLOW, "too slow")
            return
        self._pending_bytes += len(text)
        try:
            sent = self.write_message(text)
        except websocket.WebSocketClosedError:
            self._is_open = False
            return
        sent.add_done_callback(lambda done: self._sent(done, len(text)))

    def _sent(self, done: asyncio.Future[None], n_bytes: int) -> None:
        self._pending_bytes -= n_bytes
        if not done.cancelled() and done.exception() is not None:
            # Whoever closed meanwhile.
            self._is_open = False

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """Answer why there is no connection, as everywhere."""
        error = (kwargs.get("exc_info") or (None, None))[1]
        if isinstance(error, RayspaceError):
            status_code = status_of(error)
        self.set_status(status_code)
        self.set_header("Content-Type", "application/json")
        self.finish(json.dumps(error_body(error, status_code)))
