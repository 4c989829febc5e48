"""Look as long as somebody listens: begun by the first tab, ended a while after the last."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from rayspace.server.hub import Hub

#: A page that is loaded anew comes back within this time. [s]
_LINGER_S = 30.0
#: Proxies cut connections on which nothing comes for a minute. [s]
_PING_S = 10.0
#: Before a watcher that stumbled begins anew. [s]
_PAUSE_S = 1.0
_log = logging.getLogger(__name__)


class Watcher(Protocol):
    """Looks at one kind of thing and tells the hub."""

    async def run(self) -> None:
        """Look until it is cancelled."""
        ...


async def ended(tasks: Iterable[asyncio.Task[None]]) -> None:
    """Cancel tasks, and wait until they have ended.

    Parameters
    ----------
    tasks
        The tasks; one that swallows that it was cancelled is told again.
    """
    left = set(tasks)
    while left:
        for task in left:
            task.cancel()
        _, left = await asyncio.wait(left, timeout=_PAUSE_S)


async def supervised(watcher: Watcher) -> None:
    """Keep a watcher going until it is cancelled, whatever it stumbles over."""
    while True:
        try:
            await watcher.run()
        except Exception:  # noqa: BLE001  see below
            # A defect of ours, which must not leave all tabs with what is old.
            _log.exception("%s stumbled, and begins anew", type(watcher).__name__)
        await asyncio.sleep(_PAUSE_S)


class Watching:
    """Keeps all watchers going while somebody listens.

    Parameters
    ----------
    hub
        What they tell.
    watchers
        What looks.
    """

    def __init__(self, hub: Hub, watchers: Sequence[Watcher]) -> None:
        self._hub = hub
        self._watchers = watchers
        self._tasks: list[asyncio.Task[None]] = []
        self._ending: asyncio.Task[None] | None = None

    def enter(self, key: object, tell: Callable[[str], None], after: int, epoch: str) -> None:
        """Let somebody listen; see `Hub.listen`. The number is ``after`` [1]."""
        if self._ending is not None:
            self._ending.cancel()
            self._ending = None
        self._hub.listen(key, tell, after, epoch)
        if not self._tasks:
            loop = asyncio.get_running_loop()
            runs = [supervised(watcher) for watcher in self._watchers]
            self._tasks = [loop.create_task(run) for run in (*runs, self._ping())]

    def leave(self, key: object) -> None:
        """Let somebody go; after the last one nothing is looked at after a while."""
        self._hub.leave(key)
        if not self._hub.n_listeners and self._ending is None and self._tasks:
            self._ending = asyncio.get_running_loop().create_task(self._end_later())

    @property
    def is_going(self) -> bool:
        """Whether anything is looked at."""
        return bool(self._tasks)

    async def close(self) -> None:
        """Look no more."""
        tasks, self._tasks = self._tasks, []
        await ended(tasks)

    async def _end_later(self) -> None:
        await asyncio.sleep(_LINGER_S)
        self._ending = None
        await self.close()
        if not self._hub.n_listeners:
            # What is not looked at only gets older: who comes later begins anew.
            self._hub.forget()

    async def _ping(self) -> None:
        while True:
            await asyncio.sleep(_PING_S)
            self._hub.ping()
