"""The line between a laptop and its cluster, which a test can cut or let go dead."""

from __future__ import annotations

import asyncio
import contextlib
import math
import socket
import threading
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_CHUNK_BYTES = 1 << 18


class Line:
    """A port of this machine that leads to another, as long as nothing is wrong.

    Parameters
    ----------
    port
        The port that it leads to. [1]
    limit_bytes
        So much is sent there, and what is more is lost on the way. [bytes]
    """

    def __init__(self, port: int, limit_bytes: float = math.inf) -> None:
        self._to = port
        self._left_bytes = limit_bytes
        self.port = 0
        self._server: asyncio.Server | None = None
        self._held: socket.socket | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._dead: set[asyncio.Task[None]] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def cut(self) -> None:
        """End all connections, and refuse new ones."""
        self._call(self._cut)

    def mend(self) -> None:
        """Let new connections through, on the same port."""
        self._call(self._mend)

    def go_dead(self) -> None:
        """Let connections stand that carry nothing any more: a laptop woke up elsewhere."""
        self._call(self._go_dead)

    def _call(self, act: Callable[[], Any]) -> None:
        asyncio.run_coroutine_threadsafe(act(), self._loop).result(60)

    async def _mend(self) -> None:
        self._server = await asyncio.start_server(self._serve, sock=self._held or self._bound())
        self._held = None

    def _bound(self) -> socket.socket:
        made = socket.socket()
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind(("127.0.0.1", self.port))
        self.port = made.getsockname()[1]
        return made

    async def _cut(self) -> None:
        server, self._server = self._server, None
        if server is not None:
            server.close()
            # Bound and deaf: connections are refused, and nobody else gets the port.
            self._held = self._bound()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _go_dead(self) -> None:
        self._dead |= self._tasks

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._to)
            try:
                await asyncio.gather(
                    self._carry(task, reader, far_writer, writer),
                    self._carry(task, far_reader, writer, writer),
                )
            finally:
                far_writer.transport.abort()
        except (OSError, asyncio.CancelledError):
            # Whoever cut it knows.
            return
        finally:
            self._tasks.discard(task)
            writer.transport.abort()

    async def _carry(
        self,
        task: asyncio.Task[None],
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        back: asyncio.StreamWriter,
    ) -> None:
        while data := await reader.read(_CHUNK_BYTES):
            if writer is not back:
                self._left_bytes -= len(data)
            if task in self._dead or self._left_bytes < 0:
                # Read and lost: nobody is told.
                continue
            writer.write(data)
            await writer.drain()
        if task in self._dead:
            await asyncio.Event().wait()
        writer.write_eof()

    @contextlib.contextmanager
    def standing(self) -> Iterator[Line]:
        """Keep the line from here to the end of the block."""
        self._thread.start()
        self.mend()
        try:
            yield self
        finally:
            self.cut()
            if self._held is not None:
                self._held.close()
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(10)
            self._loop.close()
