"""What the Ray of this process needs to reach a head on Kubernetes: an address and a token.

Open from `KubeHeadDoor.tunnel` until it is closed. A head that is replaced is followed, and after a
laptop slept connections are made anew; the address stays.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from rayspace.gateways.kube.port_forward import PortForward
    from rayspace.gateways.ray_head.token_file import TokenFile

#: How long a farewell that both sides want may take: a second, or a few on a busy head. [s]
FAREWELL_S = 5.0
_LOOK_S = 0.5


class ClientTunnel:
    """Ray Client's way to a head.

    Parameters
    ----------
    host
        ``host:port`` of the Ray Client server inside of Kubernetes, where that is the way.
    forward
        The forwarded port everywhere else.
    token_file
        The token; None where the head asks for none.
    is_closing
        Tells whether the Ray of this process wants to end its connection.
    """

    def __init__(
        self,
        host: str,
        forward: PortForward | None,
        token_file: TokenFile | None,
        is_closing: Callable[[], bool],
    ) -> None:
        self._host = host
        self._forward = forward
        self._token_file = token_file
        self._is_closing = is_closing
        self._task: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Listen, where the way is a forwarded port."""
        if self._forward is not None:
            await self._forward.start()
            self._task = asyncio.create_task(self._hang_up_when_stuck(self._forward))

    @property
    def is_forwarded(self) -> bool:
        """Whether the way is one that may break for a while."""
        return self._forward is not None

    @property
    def host(self) -> str:
        """``host:port`` for Ray Client."""
        return self._host if self._forward is None else f"127.0.0.1:{self._forward.local_port}"

    @property
    def token_path(self) -> str:
        """The file of the token; empty where the head asks for none."""
        return str(self._token_file.path) if self._token_file else ""

    @property
    def failure(self) -> Exception | None:
        """Why the last connection found no head; None if it did."""
        return self._forward.failure if self._forward else None

    async def close(self) -> None:
        """End the forwarded port, and remove the token; may be done twice."""
        if self._token_file is not None:
            self._token_file.close()
        if self._task is not None:
            self._task.cancel()
        if self._forward is not None:
            await self._forward.close()

    async def _hang_up_when_stuck(self, forward: PortForward) -> None:
        """End a connection for Ray that it can't end by itself.

        A head that could not start what serves a client says so, and then keeps the connection for
        as long as it would wait for the client to come back; Ray waits with it.
        Source: ray/util/client/server/proxier.py of Ray 2.60, ``DataServicerProxy.Datapath``.
        """
        waited_s = 0.0
        while True:
            await asyncio.sleep(_LOOK_S)
            waited_s = waited_s + _LOOK_S if self._is_closing() else 0.0
            if waited_s >= FAREWELL_S:
                await forward.hang_up()
                waited_s = 0.0
