"""Who waits for the next change of a cluster."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

import pytest

from rayspace.gateways.kube.namespace_watch import NamespaceWatch


@pytest.mark.parametrize("n_steps", range(6))
async def test_who_stops_waiting_is_heard_also_as_a_change_comes(n_steps):
    """Whatever the loop has done of the change by then."""
    watch = SimpleNamespace(
        _wakers=set(),
        clusters=SimpleNamespace(refused=None),
        snapshot=lambda name: SimpleNamespace(name=name),
    )

    async def wait() -> None:
        async for _ in NamespaceWatch.snapshots(watch, "one", at_least_every_s=60):
            pass

    waiting = asyncio.create_task(wait())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    (waker,) = watch._wakers
    waker.set()
    for _ in range(n_steps):
        await asyncio.sleep(0)
    waiting.cancel()
    done, _ = await asyncio.wait({waiting}, timeout=120)
    waiting.cancel()
    assert done
    assert waiting.cancelled()
