"""Read the end of a growing text file."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from rayspace.gateways.contracts import Clock

#: Time between two looks at a file that is followed. [s]
_POLL_S = 0.3


def last_lines(path: Path, count: int) -> list[str]:
    """Return the last lines of a file, none if it does not exist.

    Parameters
    ----------
    path
        The file.
    count
        At most so many. [1]
    """
    try:
        with path.open(encoding="utf-8", errors="replace") as stream:
            return list(deque(stream, maxlen=count))
    except FileNotFoundError:
        return []


async def follow_file(
    path: Path, clock: Clock, *, is_live: Callable[[], bool]
) -> AsyncIterator[str]:
    """Yield the lines of a file, and those still to come while ``is_live`` says so."""
    if not path.exists():
        return
    with path.open(encoding="utf-8", errors="replace") as stream:
        pending = ""
        while True:
            live = is_live()
            while piece := stream.readline():
                pending += piece
                if pending.endswith("\n"):
                    yield pending.rstrip("\n")
                    pending = ""
            if not live:
                break
            await clock.sleep(_POLL_S)
        if pending:
            yield pending
