"""HTTP sessions, each of the event loop that it was opened in, and ended with it.

A notebook has two: its own, for ``await rayspace.aio…``, and that behind the magics.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

    import aiohttp


class LoopSessions:
    """Keeps one session for each event loop."""

    def __init__(self) -> None:
        self._kept: WeakKeyDictionary[
            asyncio.AbstractEventLoop, AsyncGenerator[aiohttp.ClientSession]
        ] = WeakKeyDictionary()
        self._open: WeakKeyDictionary[asyncio.AbstractEventLoop, aiohttp.ClientSession] = (
            WeakKeyDictionary()
        )

    async def get(self, make: Callable[[], aiohttp.ClientSession]) -> aiohttp.ClientSession:
        """Return the session of the running loop, made if there is none that is open.

        Parameters
        ----------
        make
            Makes one.
        """
        loop = asyncio.get_running_loop()
        session = self._open.get(loop)
        if session is None or session.closed:
            # A loop closes the generators that began in it: `asyncio.run` leaves nothing behind.
            keeper = _keeper(make())
            self._open[loop] = session = await anext(keeper)
            self._kept[loop] = keeper
        return session

    async def close(self) -> None:
        """Close the session of the running loop; those of others end with their loops."""
        loop = asyncio.get_running_loop()
        self._open.pop(loop, None)
        if (keeper := self._kept.pop(loop, None)) is not None:
            await keeper.aclose()


async def _keeper(session: aiohttp.ClientSession) -> AsyncGenerator[aiohttp.ClientSession]:
    async with session:
        yield session
