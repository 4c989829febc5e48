"""One connection to a port of a pod, carried by a WebSocket through the API server.

Each message begins with a byte that names its channel: 0 carries data, 1 the error that ended it.
The first message of each channel from there is the port, in two bytes. The protocol has no word for
"I have nothing more to say": a program here that is done sending is given time for its answer, and
the connection then ends as a whole. One WebSocket carries one connection, so that a program that
does not read holds up nobody else.

Sources: k8s.io/kubelet/pkg/cri/streaming/portforward/websocket.go and
k8s.io/apimachinery/pkg/util/httpstream/wsstream/conn.go, v0.35.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket as sockets
import struct
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import aiohttp

#: Name of the protocol.
PROTOCOL = "v4.channel.k8s.io"
#: Most that is taken from a program here at once. [bytes]
CHUNK_BYTES = 256 * 1024
#: Silence after which the other side is asked whether it is there, and for how long it may take.
#: Balancers drop connections that are silent for a minute. [s]
_SILENCE_S = 20.0
#: How long an answer may pause once the program here is done sending. [s]
_LINGER_S = 5.0
_DATA, _ERROR = 0, 1
_PORT_BYTES = 2
#: Status of a WebSocket that ended as it should: none, or normal closure (RFC 6455, 7.4.1). [1]
_FAREWELLS = {0, 1000}
#: SO_LINGER on, with no time: close() then sends RST.
_RESET = struct.pack("ii", 1, 0)
_log = logging.getLogger(__name__)


class PortChannel:
    """Carries what two sides say to each other until one of them ends it.

    Parameters
    ----------
    reader, writer
        The program here.
    socket
        The WebSocket, opened with `PROTOCOL` and without answers of its own to pings.
    silence_s
        After how much silence the other side is asked whether it is there. [s]
    linger_s
        How long an answer may pause once the program here is done sending. [s]
    """

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        socket: aiohttp.ClientWebSocketResponse,
        *,
        silence_s: float = _SILENCE_S,
        linger_s: float = _LINGER_S,
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._socket = socket
        self._silence_s = silence_s
        self._linger_s = linger_s
        self._n_signs = 0
        self._n_pieces = 0
        self._is_sending = False
        self._is_delivering = False

    async def run(self) -> None:
        """Carry data both ways; returns when the connection has ended, and why is logged.

        A connection that broke is reset here, so that nobody takes half an answer for a whole one.
        """
        import aiohttp

        tasks = [
            asyncio.create_task(part) for part in (self._send(), self._receive(), self._watch())
        ]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            ends = await asyncio.gather(*tasks, return_exceptions=True)
        reason = ""
        for end in ends:
            if isinstance(end, OSError | aiohttp.ClientError):
                reason = reason or str(end) or type(end).__name__
            elif isinstance(end, Exception):
                raise end
        if reason:
            _log.debug("a forwarded connection broke: %s", reason)
            reset(self._writer)
            return
        self._writer.close()
        with contextlib.suppress(OSError):
            await self._writer.wait_closed()

    async def _send(self) -> None:
        while data := await self._reader.read(CHUNK_BYTES):
            self._is_sending = True
            await self._socket.send_bytes(b"\0" + data)
            self._is_sending = False
        seen = -1
        while seen != self._n_pieces or self._is_delivering:
            seen = self._n_pieces
            await asyncio.sleep(self._linger_s)

    async def _receive(self) -> None:
        import aiohttp

        begun = {_DATA: False, _ERROR: False}
        while True:
            message = await self._socket.receive()
            self._n_signs += 1
            if message.type is aiohttp.WSMsgType.BINARY:
                data = message.data
                channel = data[0] if data else -1
                if channel not in begun:
                    continue
                if not begun[channel]:
                    begun[channel] = True
                    data = data[_PORT_BYTES:]
                if channel == _ERROR and len(data) > 1:
                    raise ConnectionAbortedError(data[1:].decode("utf-8", "replace").strip())
                if channel == _DATA and len(data) > 1:
                    await self._deliver(memoryview(data)[1:])
            elif message.type is aiohttp.WSMsgType.PING:
                await self._socket.pong(message.data)
            elif message.type is not aiohttp.WSMsgType.PONG:
                if message.type is aiohttp.WSMsgType.CLOSE and message.data in _FAREWELLS:
                    return
                raise ConnectionAbortedError(f"the API server hung up: {message.data or 'lost'}")

    async def _deliver(self, data: Any) -> None:
        self._n_pieces += 1
        self._writer.write(data)
        self._is_delivering = True
        await self._writer.drain()
        self._is_delivering = False

    async def _watch(self) -> None:
        """Find out that nobody is there any more, as after a laptop slept; raises then."""
        asked, seen = False, -1
        while True:
            await asyncio.sleep(self._silence_s)
            if seen != self._n_signs or self._is_sending or self._is_delivering:
                # Who is held up can't hear a pong: the other side reads pings after what it was
                # sent before, and we read pongs after what we have not delivered yet.
                asked, seen = False, self._n_signs
            elif asked:
                raise ConnectionAbortedError(f"no sign of the pod for {self._silence_s:g} s")
            else:
                await self._socket.ping()
                asked = True


def reset(writer: asyncio.StreamWriter) -> None:
    """End a connection of a program here as one that broke."""
    connection = writer.get_extra_info("socket")
    with contextlib.suppress(OSError):
        connection.setsockopt(sockets.SOL_SOCKET, sockets.SO_LINGER, _RESET)
    writer.transport.abort()
