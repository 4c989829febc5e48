"""What the Ray of this process needs to reach a head on Kubernetes: an address and a token.

Open from `KubeHeadDoor.tunnel` until it is closed. A head that is replaced is followed, and after a
laptop slept connections are made anew; the address stays.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rayspace.gateways.kube.port_forward import PortForward
    from rayspace.gateways.token_file import TokenFile


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
    """

    def __init__(
        self, host: str, forward: PortForward | None, token_file: TokenFile | None
    ) -> None:
        self._host = host
        self._forward = forward
        self._token_file = token_file

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
        if self._forward is not None:
            await self._forward.close()
