"""Times for people, in their time zone."""

from __future__ import annotations

import datetime as dt


def clock_time(time_ms: int) -> str:
    """Write a time for people, in their time zone; a dash for none. [ms since 1970-01-01 UTC]"""
    return _local(time_ms).strftime("%Y-%m-%d %H:%M") if time_ms else "-"


def short_time(time_ms: int, now_ms: int) -> str:
    """Write a time for a column of a table, as `clock_time` with as little as it takes.

    Parameters
    ----------
    time_ms
        The time; 0 for none. [ms since 1970-01-01 UTC]
    now_ms
        The time now. [ms since 1970-01-01 UTC]

    Returns
    -------
    str
        Such as ``"21:16"`` for today, ``"Nov 22 21:16"``, or ``"2025-11-22"`` for another year.
    """
    if not time_ms:
        return "-"
    time, now = _local(time_ms), _local(now_ms)
    if time.date() == now.date():
        return time.strftime("%H:%M")
    return time.strftime("%b %d %H:%M" if time.year == now.year else "%Y-%m-%d")


def _local(time_ms: int) -> dt.datetime:
    return dt.datetime.fromtimestamp(time_ms / 1000).astimezone()
