"""Stages of a long verb in a notebook: one output that changes, and that outlives its page.

It is HTML which is shown anew with each change, so that the file holds what was shown last,
whatever becomes of the kernel: a widget would leave "model not found" there. A page that was loaded
anew in the middle is told of no output of a cell that runs already. It finds this one by the mark
that it bears, takes its changes, and asks the kernel for the end if it missed that
(``extension/src/outputs``). A kernel that works answers nobody, so what goes on is told again and
again.
"""

from __future__ import annotations

import secrets
import threading
import time
from typing import TYPE_CHECKING, Any

from IPython.display import display, update_display

from rayspace.errors import RayspaceError
from rayspace.present.cards import problems_in, why_cards
from rayspace.present.html import stage_line
from rayspace.present.reporters import Reporter
from rayspace.present.words import in_notebook_words
from rayspace.units import format_duration

if TYPE_CHECKING:
    from collections.abc import Callable

    from rayspace.model.progress import Stage

    Faces = dict[str, Any]

#: Marks an output as one of ours; holds the id by which it is found again.
MARK = "application/vnd.rayspace.stages+json"
#: What a page opens to be told of outputs that it missed.
COMM_TARGET = "rayspace.stages"
#: Between two counts of one stage that are shown. [s]
_PAUSE_S = 0.2
#: Between two times that what goes on is told, if nothing changes. [s]
_REPEAT_S = 2.0
#: So many outputs can be told of once more. [1]
_KEPT = 50


class CellOutputs:
    """The outputs of a kernel that pages may have missed changes of."""

    def __init__(self) -> None:
        self._last: dict[str, Faces] = {}

    def show(self, output_id: str, faces: Faces) -> None:
        """Show an output, below the cell whose thread calls."""
        self._keep(output_id, faces)
        display(faces, raw=True, display_id=output_id)

    def update(self, output_id: str, faces: Faces) -> None:
        """Show an output anew, from any thread."""
        self._keep(output_id, faces)
        update_display(faces, raw=True, display_id=output_id)

    def answer(self, comm: Any, message: dict[str, Any]) -> None:
        """Tell a page once more of the outputs that it names, and let it go.

        Parameters
        ----------
        comm
            What the page has opened.
        message
            How it did, as Jupyter sends it; its data names the outputs.
        """
        for output_id in message["content"]["data"].get("ids", []):
            if faces := self._last.get(output_id):
                update_display(faces, raw=True, display_id=output_id)
        comm.close()

    def _keep(self, output_id: str, faces: Faces) -> None:
        self._last[output_id] = faces
        while len(self._last) > _KEPT:
            del self._last[next(iter(self._last))]


class CellReporter(Reporter):
    """Finished stages stay as lines, the one that goes on has a bar if it can be counted.

    It is shown by the thread that enters, since output of other threads has no cell.

    Parameters
    ----------
    outputs
        The outputs of this kernel.
    is_long
        Whether the verb takes so long that its stages are worth a place from the begin; else only
        what is finished is shown, at the end, and nothing where there is nothing to tell.
    """

    def __init__(self, outputs: CellOutputs, *, is_long: bool) -> None:
        self._outputs = outputs
        self._is_long = is_long
        self._id = secrets.token_hex(8)
        self._done: list[tuple[Stage, str]] = []
        self._current: Stage | None = None
        self._began_s = self._shown_s = 0.0
        self._has_ended = threading.Event()
        # Nothing that goes on may be told after the end.
        self._lock = threading.Lock()

    def __call__(self, stage: Stage) -> None:
        """Show a stage."""
        now_s, before = time.monotonic(), self._current
        # Other words are shown at once: nobody knows whether more will come soon.
        is_count = before is not None and (before.key, before.text) == (stage.key, stage.text)
        if stage.state == "doing":
            self._current = stage
        else:
            elapsed = format_duration(now_s - self._began_s) if stage.state == "done" else ""
            self._done.append((stage, elapsed))
            self._current = None
        is_soon = stage.state == "doing" and is_count and now_s - self._shown_s < _PAUSE_S
        if self._is_long and not is_soon:
            self._update()

    def begin(self) -> None:
        """Show the output."""
        self._began_s = time.monotonic()
        if self._is_long:
            self._outputs.show(self._id, self._faces())
            threading.Thread(target=self._repeat, name="rayspace-stages", daemon=True).start()

    def end(self) -> None:
        """Leave only what is finished."""
        with self._lock:
            self._has_ended.set()
        self._current = None
        show: Callable[[str, Faces], None] | None = None
        if self._is_long:
            show = self._outputs.update
        elif self._done or self.told:
            show = self._outputs.show
        if show is not None:
            show(self._id, self._faces(is_final=True))

    def __exit__(self, *error: object) -> None:
        # A traceback is text, and is lost to a page that is loaded anew.
        if isinstance(error[1], RayspaceError):
            self.told = problems_in(error[1].details)
        self.end()

    def _repeat(self) -> None:
        while not self._has_ended.wait(_REPEAT_S):
            self._update()

    def _update(self) -> None:
        with self._lock:
            if not self._has_ended.is_set():
                self._shown_s = time.monotonic()
                self._outputs.update(self._id, self._faces())

    def _faces(self, *, is_final: bool = False) -> Faces:
        shown = list(self._done)
        if (current := self._current) is not None:
            elapsed_s = time.monotonic() - self._began_s
            shown.append((current, format_duration(elapsed_s) if elapsed_s > 1 else ""))
        reasons = (in_notebook_words(f"{told.summary} {told.hint}".strip()) for told in self.told)
        return {
            "text/html": "".join(stage_line(*line) for line in shown) + why_cards(self.told),
            "text/plain": "\n".join((*(stage.text for stage, _ in shown), *reasons)),
            MARK: {"id": self._id, "is_final": is_final},
        }
