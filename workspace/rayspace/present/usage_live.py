"""Draw what a cluster uses again and again: in place in a terminal, else one after the other."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

from rich.console import Group

from rayspace.errors import RayspaceError
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
            if isinstance(usage, RayspaceError):
                # Each line of the output is a look, so what is no look goes elsewhere.
                sys.stderr.write(f"{usage.message}\n")
                continue
            sys.stdout.write(json.dumps(to_wire(usage)) + "\n")
            sys.stdout.flush()
        return
    if not console.is_terminal:
        for usage in looks:
            if isinstance(usage, RayspaceError):
                console.print(usage.message, soft_wrap=True)
            else:
                console.print(clock_time(usage.read_ms))
                show_usage(usage, console)
            console.file.flush()
        return
    from rich.live import Live
    from rich.text import Text

    picture, read_ms = Group(), 0
    with Live(console=console, auto_refresh=False) as live:
        for usage in looks:
            if isinstance(usage, RayspaceError):
                old = Text(f"As of {clock_time(read_ms)}: {usage.message}", style="yellow")
                live.update(Group(picture, old), refresh=True)
            else:
                picture, read_ms = usage_picture(usage, console), usage.read_ms
                live.update(picture, refresh=True)
