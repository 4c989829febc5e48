"""One notebook as it was read: what a submission needs to know of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

#: papermill injects the values behind the first cell that bears it.
#: Source: papermill/parameterize.py, parameterize_notebook.
PARAMETERS_TAG = "parameters"


@dataclass(frozen=True)
class CodeCell:
    """One code cell.

    Parameters
    ----------
    cell_index
        Its place among all cells, from 0. [1]
    cell_number
        Its place among the code cells, from 1, as people count. [1]
    source
        Its text.
    tags
        Its tags.
    """

    cell_index: int
    cell_number: int
    source: str
    tags: tuple[str, ...] = ()


@dataclass(frozen=True)
class Notebook:
    """A notebook that was read and found sound.

    Parameters
    ----------
    name
        What it is called in messages.
    document
        The parsed file, left as it was; not shown and not sent.
    code_cells
        Its code cells, in order.
    kernel_name
        The Jupyter kernel it asks for.
    language
        Its programming language, in lower case.
    """

    name: str
    document: dict[str, Any] = field(repr=False)
    code_cells: tuple[CodeCell, ...]
    kernel_name: str = "python3"
    language: str = "python"

    @property
    def n_code_cells(self) -> int:
        """Number of its code cells [1]."""
        return len(self.code_cells)

    @property
    def parameters_source(self) -> str | None:
        """Text of the first cell tagged ``parameters``; None where there is none."""
        tagged = (cell.source for cell in self.code_cells if PARAMETERS_TAG in cell.tags)
        return next(tagged, None)
