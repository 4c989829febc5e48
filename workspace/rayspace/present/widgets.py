"""Stages of a long verb as a widget: in a notebook, updated from the thread that works."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import ipywidgets
from IPython.display import HTML, display

from rayspace.present.html import stage_line
from rayspace.present.reporters import Reporter
from rayspace.units import format_duration

if TYPE_CHECKING:
    from IPython.display import DisplayHandle

    from rayspace.model.progress import Stage


class WidgetReporter(Reporter):
    """Finished stages stay as lines, the one that goes on has a bar if it can be counted.

    It is shown by the thread that enters, since output of other threads has no cell.

    Parameters
    ----------
    is_long
        Whether the verb takes so long that a widget is worth its place; else only what is finished
        is shown, at the end, and nothing where there is nothing to tell.
    """

    def __init__(self, *, is_long: bool) -> None:
        self._is_long = is_long
        self._lines = ipywidgets.HTML()
        self._current = ipywidgets.HTML()
        self._bar = ipywidgets.IntProgress(layout=ipywidgets.Layout(width="240px"))
        self._bar.layout.display = "none"
        self._box = ipywidgets.VBox([self._lines, self._bar, self._current])
        self._done: list[str] = []
        self._began_s = 0.0
        self._shown: DisplayHandle | None = None

    def __call__(self, stage: Stage) -> None:
        """Show a stage."""
        elapsed = format_duration(time.monotonic() - self._began_s)
        if stage.state == "doing":
            self._current.value = stage_line(stage, "")
        else:
            self._done.append(stage_line(stage, elapsed if stage.state == "done" else ""))
            self._lines.value = "".join(self._done)
            self._current.value = ""
        counted = stage.state == "doing" and bool(stage.total)
        if counted:
            self._bar.max, self._bar.value = stage.total or 1, stage.done or 0
        self._bar.layout.display = "" if counted else "none"

    def begin(self) -> None:
        """Show the widget."""
        self._began_s = time.monotonic()
        if not self._is_long:
            return
        self._shown = display(self._box, display_id=True)

    def end(self) -> None:
        """Leave only what is finished."""
        page = HTML("".join(self._done))
        if self._shown is not None:
            # A page stays readable in the file; a widget dies with its kernel.
            self._shown.update(page)
            for part in (self._box, self._lines, self._bar, self._current):
                part.close()
        elif self._done:
            display(page)
