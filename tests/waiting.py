"""Wait in a test for what another task, thread or process does: on a condition, with patience."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

#: No test is about this: a machine at work makes anything late. [s]
PATIENCE_S = 120.0
#: Nor about this, which Kubernetes may take for one thing on such a machine. [s]
SLOW_S = 400.0
#: Time between two looks: the first, and the longest after ever longer ones. [s]
_LOOK_S, _LONGEST_S = 0.01, 0.2


async def until(is_so: Callable[..., Any], what: str = "") -> Any:
    """Wait in a loop until a condition holds, and return what it gave."""
    give_up_s, pause_s = time.monotonic() + PATIENCE_S, _LOOK_S
    while not (value := is_so()):
        assert time.monotonic() < give_up_s, f"not after {PATIENCE_S:g} s: {what or is_so}"
        await asyncio.sleep(pause_s)
        pause_s = min(pause_s * 1.5, _LONGEST_S)
    return value


def wait_for(is_so: Callable[..., Any], what: str = "", patience_s: float = PATIENCE_S) -> Any:
    """Wait in a thread until a condition holds, and return what it gave."""
    give_up_s, pause_s = time.monotonic() + patience_s, _LOOK_S
    while not (value := is_so()):
        assert time.monotonic() < give_up_s, f"not after {patience_s:g} s: {what or is_so}"
        time.sleep(pause_s)
        pause_s = min(pause_s * 1.5, _LONGEST_S)
    return value


def waits_for(gate: Path) -> str:
    """Make the code of a cell that goes on until there is a file."""
    return f"import os, time\nwhile not os.path.exists({str(gate)!r}): time.sleep(0.02)\n"
