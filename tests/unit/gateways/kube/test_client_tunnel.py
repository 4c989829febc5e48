"""Ray Client's way to a head: what it needs, and how it is rid of a connection that is stuck."""

from __future__ import annotations

import asyncio

import pytest

from rayspace.gateways.kube.client_tunnel import FAREWELL_S, ClientTunnel
from rayspace.gateways.ray_head.token_file import TokenFile


class Forward:
    """A forwarded port that counts what it was told."""

    local_port = 5000
    failure = None

    def __init__(self) -> None:
        self.told: list[str] = []

    async def start(self) -> None:
        self.told.append("start")

    async def hang_up(self) -> None:
        self.told.append("hang up")

    async def close(self) -> None:
        self.told.append("close")


@pytest.mark.looptime
async def test_a_farewell_that_does_not_end_is_ended(tmp_path) -> None:
    """A short one is let be; nothing of it is left afterwards."""
    forward, closing = Forward(), [False]
    token = TokenFile.write(tmp_path, "secret")
    tunnel = ClientTunnel("one.svc:10001", forward, token, lambda: closing[0])
    await tunnel.open()
    assert (tunnel.host, tunnel.token_path) == ("127.0.0.1:5000", str(token.path))
    for _ in range(3):
        closing[0] = True
        await asyncio.sleep(FAREWELL_S - 1)
        closing[0] = False
        await asyncio.sleep(1)
    assert forward.told == ["start"]
    closing[0] = True
    await asyncio.sleep(FAREWELL_S + 1)
    assert forward.told[:2] == ["start", "hang up"]
    await tunnel.close()
    await tunnel.close()
    assert not token.path.exists()
    told = list(forward.told)
    await asyncio.sleep(FAREWELL_S + 1)
    assert forward.told == told


async def test_inside_of_kubernetes_there_is_nothing_to_break() -> None:
    """The head's own address, and no token where none is asked for."""
    tunnel = ClientTunnel("one.svc:10001", None, None, lambda: True)
    await tunnel.open()
    assert (tunnel.host, tunnel.token_path) == ("one.svc:10001", "")
    assert (tunnel.is_forwarded, tunnel.failure) == (False, None)
    await tunnel.close()
