"""Draw what a cluster uses again and again: in place in a terminal, else one after the other."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

from rayspace.loop import iterate
from rayspace.present.times import clock_time
from rayspace.present.usage_text import show_usage, usage_picture

if TYPE_CHECKING:
    from rich.console import Console

    from rayspace.usage_verbs import Frames


def show_frames(frames: Frames, console: Console, *, as_json: bool) -> None:
    """Draw until somebody presses Ctrl-C.

    Parameters
    ----------
    frames
        What is drawn.
    console
        Where to.
    as_json
        Whether each look is one line of JSON.
    """
    looks = iterate(frames.looker.looks(frames.interval_s))
    if as_json:
        from rayspace.model.wire import to_wire

        for usage in looks:
            sys.stdout.write(json.dumps(to_wire(usage)) + "\n")
            sys.stdout.flush()
        return
    if not console.is_terminal:
        for usage in looks:
            console.print(clock_time(usage.read_ms))
            show_usage(usage, console)
            console.file.flush()
        return
    from rich.live import Live

    with Live(console=console, auto_refresh=False) as live:
        for usage in looks:
            live.update(usage_picture(usage, console), refresh=True)
