"""Stages as a terminal and a pipe show them."""

from __future__ import annotations

import io

from rich.console import Console

from rayspace.model.progress import Stage
from rayspace.present.reporters import reporter_for

PASSING = Stage("tracking", "Opening the tracking database", is_passing=True)


def shown(*stages: Stage, is_terminal: bool) -> str:
    """Report stages and return what was written."""
    file = io.StringIO()
    with reporter_for(Console(file=file, force_terminal=is_terminal, width=80)) as report:
        for stage in stages:
            report(stage)
    return file.getvalue()


def test_a_terminal_says_at_once_what_takes_time_and_leaves_nothing_of_it() -> None:
    """A line that changes in place, and is gone at the end."""
    text = shown(PASSING, is_terminal=True)
    assert "Opening the tracking database" in text
    assert text.endswith("\x1b[2K")


def test_a_pipe_is_spared_what_is_of_no_interest_later() -> None:
    """Only what was done is kept."""
    done = Stage("job", "a-bcdfg was accepted", "done")
    assert shown(PASSING, done, is_terminal=False) == "  done  a-bcdfg was accepted\n"
