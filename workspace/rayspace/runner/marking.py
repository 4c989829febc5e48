"""Mark the executed notebook where it ended, as papermill marks a cell that raised.

A cell that raised gets papermill's own two cells; for every other end the core knows the marks.
Source: papermill/execute.py, raise_for_execution_errors, of papermill 2.7.
"""

from __future__ import annotations

import copy
import uuid
from typing import Any

from rayspace.core.jobs.interruption import ERROR_MARKER_TAG, mark_interrupted
from rayspace.model.job import JobPhase, Verdict

_STYLE = (
    'style="color:red; font-family:Helvetica Neue, Helvetica, Arial, sans-serif; font-size:2em;"'
)
#: Cells have ids from notebook format 4.5 on.
_FIRST_MINOR_WITH_IDS = 5


def marked(document: dict[str, Any], verdict: Verdict) -> dict[str, Any]:
    """Return a notebook with the marks of its end.

    Parameters
    ----------
    document
        The notebook as it ended; it is not changed.
    verdict
        How the job ended.
    """
    if verdict.phase is JobPhase.SUCCEEDED:
        return document
    index = failed_cell(document)
    if index >= 0:
        return _with_marks(document, index)
    return mark_interrupted(document, verdict.summary)


def failed_cell(document: dict[str, Any]) -> int:
    """Return the index of the cell that failed; -1 if none did. [1]"""
    for index, cell in enumerate(document["cells"]):
        if (cell["metadata"].get("papermill") or {}).get("status") == "failed":
            return index
    return -1


def _with_marks(document: dict[str, Any], index: int) -> dict[str, Any]:
    if any(ERROR_MARKER_TAG in cell["metadata"].get("tags", []) for cell in document["cells"]):
        return document
    with_marks = copy.copy(document)
    cells = list(document["cells"])
    count = cells[index].get("execution_count")
    anchor = (
        f'<span id="papermill-error-cell" {_STYLE}>'
        "Execution using papermill encountered an exception here and stopped:</span>"
    )
    banner = (
        f"<span {_STYLE}>An Exception was encountered at "
        f"'<a href=\"#papermill-error-cell\">In [{count}]</a>'.</span>"
    )
    # The anchor first: the banner moves all indices.
    cells.insert(index, _marker(document, anchor))
    cells.insert(0, _marker(document, banner))
    with_marks["cells"] = cells
    return with_marks


def _marker(document: dict[str, Any], text: str) -> dict[str, Any]:
    cell: dict[str, Any] = {
        "cell_type": "markdown",
        "metadata": {"tags": [ERROR_MARKER_TAG]},
        "source": text,
    }
    if document.get("nbformat_minor", 0) >= _FIRST_MINOR_WITH_IDS:
        cell["id"] = uuid.uuid4().hex[:8]
    return cell
