"""Start the watcher, and end it when Kubernetes asks."""

from __future__ import annotations

import os
import signal
import sys
import time
from typing import TYPE_CHECKING, Any

from rayspace.errors import SettingsError
from rayspace.units import format_duration
from rayspace.watcher.head import RayHead
from rayspace.watcher.own_cluster import OwnCluster
from rayspace.watcher.settings import WatcherSettings
from rayspace.watcher.watch import Watcher

if TYPE_CHECKING:
    from collections.abc import Mapping


def main(environment: Mapping[str, str] | None = None) -> int:
    """Watch the own cluster until asked to end.

    Parameters
    ----------
    environment
        What the program is told; that of the process if not given.

    Returns
    -------
    int
        Exit code: 2 if it is told too little to watch anything. [1]
    """
    # The first process of a container ignores what it does not handle.
    signal.signal(signal.SIGTERM, _end)
    signal.signal(signal.SIGINT, _end)
    try:
        settings = WatcherSettings.from_environment(
            os.environ if environment is None else environment
        )
    except SettingsError as error:
        _say(str(error))
        return 2
    _say(
        f"Watching RayCluster {settings.namespace}/{settings.cluster}: "
        f"idle {_allowed(settings.idle_s)}, lifetime {_allowed(settings.max_lifetime_s)}."
    )
    watcher = Watcher(
        RayHead(settings.dashboard_url, settings.ray_token),
        OwnCluster(settings),
        settings,
        _now_ms,
        _say,
    )
    while True:
        time.sleep(watcher.tick())


def _allowed(duration_s: float | None) -> str:
    return "without end" if duration_s is None else f"for {format_duration(duration_s)}"


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


def _say(text: str) -> None:
    try:
        sys.stderr.write(f"rayspace-watcher: {text}\n")
        sys.stderr.flush()
    except OSError:
        # Nobody reads the log; that is no reason to end.
        return


def _end(number: int, frame: Any) -> None:
    raise SystemExit(0)
