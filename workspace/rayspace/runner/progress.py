"""How far a notebook is, as the engine tells it and as others read it, from any thread."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any

from rayspace.model.job import Progress

if TYPE_CHECKING:
    from collections.abc import Sequence

#: The tag of the cell that papermill adds. Source: papermill/parameterize.py of papermill 2.7.
_INJECTED = "injected-parameters"
#: As much as fits a table in a terminal. [1]
_PREVIEW_LENGTH = 60


class ProgressMeter:
    """Counts the code cells of a notebook as its author knows it: not the one papermill adds.

    Parameters
    ----------
    started_s
        When the runner began, on the monotonic clock. [s]
    """

    def __init__(self, started_s: float) -> None:
        self._started_s = started_s
        self._lock = threading.Lock()
        self._numbers: dict[int, int] = {}
        self._added: set[int] = set()
        self._n_done = 0
        self._is_counted = True
        self._cell_number = 0
        self._preview = ""
        self._cell_started_s: float | None = None

    def begin(self, cells: Sequence[Any]) -> None:
        """Learn which cells there are: those of the notebook that is executed."""
        with self._lock:
            code = [index for index, cell in enumerate(cells) if cell["cell_type"] == "code"]
            tagged = (i for i in code if _INJECTED in cells[i]["metadata"].get("tags", ()))
            # A cell alone is counted whatever its tags.
            self._added = set(tagged) if len(code) > 1 else set()
            number = 0
            for index in code:
                number += index not in self._added
                # What was added belongs to the cell before it.
                self._numbers[index] = max(number, 1)

    @property
    def n_cells(self) -> int:
        """How many code cells there are. [1]"""
        return len(self._numbers) - len(self._added)

    def cell_started(self, index: int, source: str) -> None:
        """Note that a code cell begins."""
        with self._lock:
            self._cell_number = self._numbers[index]
            self._is_counted = index not in self._added
            self._preview = preview(source)
            self._cell_started_s = time.monotonic()

    def cell_finished(self) -> None:
        """Note that the code cell is done."""
        with self._lock:
            self._n_done += self._is_counted

    def number(self, index: int) -> int:
        """Return the number of a code cell, from 1; 0 if it is none. [1]"""
        return self._numbers.get(index, 0)

    def read(self) -> Progress | None:
        """Return the progress; None before the cells are known."""
        with self._lock:
            if not self._numbers:
                return None
            now_s = time.monotonic()
            cell_s = 0.0 if self._cell_started_s is None else now_s - self._cell_started_s
            return Progress(
                n_done=self._n_done,
                n_cells=self.n_cells,
                cell_number=self._cell_number,
                cell_preview=self._preview,
                elapsed_s=round(now_s - self._started_s, 1),
                cell_elapsed_s=round(cell_s, 1),
            )


def preview(source: str) -> str:
    """Return the first line of a cell that says something, shortened."""
    first = next((line.strip() for line in source.splitlines() if line.strip()), "")
    return first if len(first) <= _PREVIEW_LENGTH else first[: _PREVIEW_LENGTH - 1] + "…"
