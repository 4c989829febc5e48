"""Show the stages of a long verb: one line that changes in a terminal, plain lines when piped."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Self

from rayspace.units import format_duration

if TYPE_CHECKING:
    from rich.console import Console
    from rich.status import Status

    from rayspace.model.problem import Problem
    from rayspace.model.progress import Stage
    from rayspace.present.rows import PlainConsole

_MARKS = {"doing": "...", "done": "done", "failed": "failed", "note": "note"}
_COLOURS = {"done": "green", "failed": "red", "note": "cyan"}


class Reporter:
    """Takes stages while a verb works, and shows nothing: the base of all, and for JSON.

    A context manager, so that what it draws is tidied up whatever happens.

    Attributes
    ----------
    told
        The problems of the error that ended it, where it has shown them by itself.
    """

    told: tuple[Problem, ...] = ()

    def __call__(self, stage: Stage) -> None:
        """Show a stage."""

    def begin(self) -> None:
        """Make ready to show."""

    def end(self) -> None:
        """Leave only what is finished."""

    def __enter__(self) -> Self:
        self.begin()
        return self

    def __exit__(self, *error: object) -> None:
        self.end()


def bar(stage: Stage, width: int = 20) -> str:
    """Draw how far a counted stage is; empty for one that is not counted.

    Parameters
    ----------
    stage
        The stage.
    width
        Characters of the whole. [1]

    Returns
    -------
    str
        The bar and a space.
    """
    if stage.done is None or not stage.total:
        return ""
    filled = round(width * stage.done / stage.total)
    return "█" * filled + "░" * (width - filled) + " "


class TerminalReporter(Reporter):
    """Finished stages stay as lines; the one that goes on changes in place.

    Parameters
    ----------
    console
        Where to.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._status: Status | None = None
        self._began_s = time.monotonic()

    def __call__(self, stage: Stage) -> None:
        """Show a stage."""
        from rich.text import Text

        if stage.state == "doing":
            text = Text(f"{bar(stage)}{stage.text}")
            if self._status is None:
                self._status = self._console.status(text, spinner="dots")
                self._status.start()
            else:
                self._status.update(text)
            return
        self._clear()
        mark = Text(f"{_MARKS[stage.state]:>6}  ", style=_COLOURS[stage.state])
        elapsed = format_duration(time.monotonic() - self._began_s)
        words = [mark, Text(stage.text)]
        if stage.state == "done":
            words.append(Text(f"  {elapsed}", style="dim"))
        self._console.print(*words, sep="", soft_wrap=True)

    def begin(self) -> None:
        """Start the clock."""
        self._began_s = time.monotonic()

    def end(self) -> None:
        """Take the changing line away."""
        self._clear()

    def _clear(self) -> None:
        if self._status is not None:
            self._status.stop()
            self._status = None


class PlainReporter(Reporter):
    """One line for each stage, for pipes and files.

    Parameters
    ----------
    console
        Where to.
    """

    def __init__(self, console: Console | PlainConsole) -> None:
        self._console = console
        self._last = ""

    def __call__(self, stage: Stage) -> None:
        """Show a stage that differs from the one before."""
        if stage.is_passing:
            return
        line = f"{_MARKS[stage.state]:>6}  {stage.text}"
        if line != self._last:
            self._console.print(line, soft_wrap=True, markup=False, highlight=False)
        self._last = line


def reporter_for(console: Console) -> Reporter:
    """Choose how stages are shown on a console."""
    return TerminalReporter(console) if console.is_terminal else PlainReporter(console)
