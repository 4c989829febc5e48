"""The credentials of one target while the server accepts them."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from rayspace.gateways.kube.credentials import Credentials, load_credentials

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rayspace.model.target import Target


class Login:
    """Reads credentials when they are first needed, and again after they were refused.

    Two event loops may ask at once; each has a lock of its own, as asyncio wants it.

    Parameters
    ----------
    target
        The target.
    environ
        The environment, for the kubeconfig.
    """

    def __init__(self, target: Target, environ: Mapping[str, str]) -> None:
        self._target = target
        self._environ = environ
        self._read: Credentials | None = None
        self._locks: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Lock]
        self._locks = WeakKeyDictionary()

    async def credentials(self) -> Credentials:
        """Return the credentials, read if they are not yet."""
        async with self._lock():
            credentials = self._read
            if credentials is None:
                credentials = self._read = await load_credentials(self._target, self._environ)
            return credentials

    async def forget(self, refused: Credentials) -> None:
        """Have credentials read anew, unless they have been since."""
        async with self._lock():
            if self._read is refused:
                self._read = None

    def _lock(self) -> asyncio.Lock:
        return self._locks.setdefault(asyncio.get_running_loop(), asyncio.Lock())
