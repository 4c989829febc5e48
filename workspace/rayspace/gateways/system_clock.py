"""The real clock."""

from __future__ import annotations

import asyncio
import time


class SystemClock:
    """Tells the system's time."""

    def now_ms(self) -> int:
        """Return the time. [ms since 1970-01-01 UTC]"""
        return time.time_ns() // 1_000_000

    def monotonic_s(self) -> float:
        """Return a time that never goes back. [s]"""
        return time.monotonic()

    async def sleep(self, duration_s: float) -> None:
        """Wait. [s]"""
        await asyncio.sleep(duration_s)
