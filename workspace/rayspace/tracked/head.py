"""Ask the head of a cluster from a thread, by whichever way this process reaches it.

Has the methods of `rayspace.runner.dashboard.Dashboard`, so that the runner's sampler works with
it; that one speaks to a head beside it, this one through the access gateway.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from rayspace.errors import RayspaceError
from rayspace.loop import run
from rayspace.runner.dashboard import time_of

if TYPE_CHECKING:
    from rayspace.gateways.ray_head.doors import HeadDoor
    from rayspace.model.cluster import HeadAddress

#: An answer takes milliseconds; thousands of nodes through an API server take seconds. [s]
_TIMEOUT_S = 15.0
_KNOCK_TIMEOUT_S = 5.0


class ReachedHead:
    """The head of a cluster.

    Parameters
    ----------
    door
        Reaches it.
    address
        Where it is.
    """

    def __init__(self, door: HeadDoor, address: HeadAddress) -> None:
        self._door = door
        self._address = address

    @property
    def is_known(self) -> bool:
        """Whether there is a head to ask: always."""
        return True

    def get_dated(self, path: str, timeout_s: float = _TIMEOUT_S) -> tuple[Any, float | None]:
        """Ask for a JSON document, and for the head's time.

        Parameters
        ----------
        path
            Path and query.
        timeout_s
            Longest wait. [s]

        Returns
        -------
        tuple
            The document, and the head's time as it answered, to a second; None when it does not
            tell. [s since 1970-01-01 UTC]

        Raises
        ------
        OSError
            If the head does not answer, or refuses.
        ValueError
            If the answer is no JSON.
        """
        try:
            text, date = run(self._get(path, timeout_s))
        except (RayspaceError, TimeoutError, RuntimeError) as exc:
            # The latter where the process ends, and its loop takes no more.
            raise ConnectionError(str(exc) or "no answer in time") from exc
        try:
            return json.loads(text), time_of(date)
        except RecursionError as exc:
            message = "the head's answer is nested too deeply"
            raise ValueError(message) from exc

    async def _get(self, path: str, timeout_s: float) -> tuple[str, str]:
        import aiohttp

        try:
            async with self._door.request(
                self._address, "GET", path, body=None, timeout_s=timeout_s
            ) as response:
                if response.status != 200:
                    message = f"the head answered {response.status}"
                    raise ConnectionError(message)
                return await response.text(errors="replace"), response.headers.get("Date", "")
        except aiohttp.ClientError as exc:
            raise ConnectionError(type(exc).__name__) from exc

    def session_name(self) -> str:
        """Return no name: a cluster that was suspended comes back as another session."""
        return ""

    def answers(self) -> bool:
        """Tell whether the head is there."""
        try:
            self.get_dated("/api/version", _KNOCK_TIMEOUT_S)
        except (OSError, ValueError):
            return False
        return True
