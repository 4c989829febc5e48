"""HTTP sessions, each of the event loop that it was opened in, and ended with it.

A notebook has two: its own, for ``await rayspace.aio…``, and that behind the magics.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

    import aiohttp


class LoopSessions:
    """Keeps one session for each event loop."""

    def __init__(self) -> None:
        self._open: dict[asyncio.AbstractEventLoop, aiohttp.ClientSession] = {}
        self._keepers: dict[asyncio.AbstractEventLoop, AsyncGenerator[None]] = {}

    async def get(self, make: Callable[[], aiohttp.ClientSession]) -> aiohttp.ClientSession:
        """Return the session of the running loop, made if there is none.

        Parameters
        ----------
        make
            Makes one.
        """
        loop = asyncio.get_running_loop()
        if loop not in self._open:
            # A loop closes the generators that began in it: `asyncio.run` leaves nothing behind.
            self._keepers[loop] = keeper = self._keep(loop, make())
            await anext(keeper)
        return self._open[loop]

    async def close(self) -> None:
        """Close the session of the running loop; those of others end with their loops."""
        keeper = self._keepers.get(asyncio.get_running_loop())
        if keeper is not None:
            await keeper.aclose()

    async def _keep(
        self, loop: asyncio.AbstractEventLoop, session: aiohttp.ClientSession
    ) -> AsyncGenerator[None]:
        self._open[loop] = session
        try:
            yield
        finally:
            # At once: nobody shall take one that is about to be closed.
            del self._open[loop], self._keepers[loop]
            await session.close()
