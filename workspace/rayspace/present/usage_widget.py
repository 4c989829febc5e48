"""What a cluster uses, in a notebook: a picture that goes on while cells run, until it is stopped.

A cell that drew it again and again would keep all other cells from running.
"""

from __future__ import annotations

import asyncio
from html import escape
from typing import TYPE_CHECKING, Any

import ipywidgets
from IPython.display import display

from rayspace.errors import RayspaceError
from rayspace.loop import run
from rayspace.present.usage_html import usage_page

if TYPE_CHECKING:
    from rayspace.usage_verbs import Frames

#: Errors in a row after which the cluster counts as gone. [1]
_MAX_FAILURES = 30
#: The pictures that go on, by cluster: another one of the same takes the place of the first.
_going: dict[tuple[str, str], UsageWidget] = {}


class UsageWidget:
    """A picture with a button that stops it.

    Parameters
    ----------
    frames
        What is drawn.
    """

    def __init__(self, frames: Frames) -> None:
        self._frames = frames
        self._page = ipywidgets.HTML()
        self._note = ipywidgets.HTML()
        self._button = ipywidgets.Button(description="Stop", icon="stop")
        self._button.layout.width = "80px"
        self._button.on_click(lambda _: self.stop())
        self._box = ipywidgets.VBox([self._page, ipywidgets.HBox([self._button, self._note])])
        self._task: asyncio.Task[None] | None = None
        self._key = ("", "")
        self._loop: asyncio.AbstractEventLoop | None = None

    def show(self) -> None:
        """Draw the first picture, so that an error is the cell's, and go on in the background."""
        usage = run(self._frames.looker.look())
        self._page.value = usage_page(usage)
        self._key = (usage.target, usage.name)
        earlier = _going.pop(self._key, None)
        if earlier is not None:
            earlier.stop()
        _going[self._key] = self
        display(self._box)
        run(self._begin())

    def stop(self) -> None:
        """Draw no more; the last picture stays."""
        if self._loop is not None and self._task is not None:
            self._loop.call_soon_threadsafe(self._task.cancel)
        self._end("")

    async def _begin(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._task = self._loop.create_task(self._go_on())

    async def _go_on(self) -> None:
        n_failures = 0
        while n_failures < _MAX_FAILURES:
            await asyncio.sleep(self._frames.interval_s)
            try:
                self._page.value = usage_page(await self._frames.looker.look())
            except RayspaceError as exc:
                n_failures += 1
                self._note.value = f"<i>{escape(exc.message)}</i>"
            else:
                if n_failures:
                    self._note.value = ""
                n_failures = 0
        self._end("It is looked at no more.")

    def _end(self, note: str) -> None:
        if _going.get(self._key) is self:
            del _going[self._key]
        self._button.layout.display = "none"
        if note:
            self._note.value += f" <i>{escape(note)}</i>"


def show_live(frames: Any) -> None:
    """Show a picture that goes on until its button is pressed, or the kernel ends."""
    UsageWidget(frames).show()
