"""Mark a notebook that was interrupted the way papermill marks one that failed.

A runner that is killed, or whose kernel dies, leaves a snapshot in which a cell still "runs".
Readers of executed notebooks, and papermill when it runs the file again, know the marks that are
set here. Source of marks and texts: papermill/execute.py, raise_for_execution_errors, and
papermill/engines.py, NotebookExecutionManager.cell_exception.
"""

from __future__ import annotations

import copy
import html
from typing import Any

#: Both cells that are put in bear it; papermill removes cells with it when it runs a notebook.
ERROR_MARKER_TAG = "papermill-error-cell-tag"
_STYLE = (
    'style="color:red; font-family:Helvetica Neue, Helvetica, Arial, sans-serif; font-size:2em;"'
)
#: Cells have ids from notebook format 4.5 on.
_FIRST_MINOR_WITH_IDS = 5


def mark_interrupted(document: dict[str, Any], summary: str) -> dict[str, Any]:
    """Mark the cell at which an execution was cut off.

    That cell is the one that runs; where none does, the first code cell that is pending.

    Parameters
    ----------
    document
        An executed notebook, as parsed; it is not changed.
    summary
        Why it was cut off, one sentence; shown as plain text.

    Returns
    -------
    dict
        A marked copy; ``document`` itself where it bears the marks already, or holds no cell that
        was running or pending.
    """
    cells = document.get("cells") or []
    if any(ERROR_MARKER_TAG in (cell.get("metadata", {}).get("tags") or []) for cell in cells):
        return document
    index = _interrupted_cell(cells)
    if index is None:
        return document
    marked = copy.deepcopy(document)
    cell = marked["cells"][index]
    cell.setdefault("metadata", {}).setdefault("papermill", {}).update(
        status="failed", exception=True
    )
    marked.setdefault("metadata", {}).setdefault("papermill", {})["exception"] = True
    outputs = cell.setdefault("outputs", [])
    if not any(output.get("output_type") == "error" for output in outputs):
        outputs.append(
            {
                "output_type": "error",
                "ename": "Interrupted",
                "evalue": summary,
                # The HTML exporter shows nothing but the traceback.
                "traceback": [f"Interrupted: {summary}"],
            }
        )
    banner = (
        f"<span {_STYLE}>An Exception was encountered at "
        f"'<a href=\"#papermill-error-cell\">In [{cell.get('execution_count')}]</a>'.</span>"
    )
    anchor = (
        f'<span id="papermill-error-cell" {_STYLE}>'
        f"Execution was interrupted here and stopped: {html.escape(summary)}</span>"
    )
    # The anchor first: the banner moves all indices.
    marked["cells"].insert(index, _marker(marked, anchor, "rayspace-interrupted-here"))
    marked["cells"].insert(0, _marker(marked, banner, "rayspace-interrupted"))
    return marked


def _interrupted_cell(cells: list[dict[str, Any]]) -> int | None:
    for wanted in ("running", "pending"):
        for index, cell in enumerate(cells):
            status = (cell.get("metadata", {}).get("papermill") or {}).get("status")
            if cell.get("cell_type") == "code" and status == wanted:
                return index
    return None


def _marker(document: dict[str, Any], text: str, name: str) -> dict[str, Any]:
    cell: dict[str, Any] = {
        "cell_type": "markdown",
        "metadata": {"tags": [ERROR_MARKER_TAG]},
        "source": text,
    }
    if document.get("nbformat_minor", 0) >= _FIRST_MINOR_WITH_IDS:
        taken = {other.get("id") for other in document["cells"]}
        # The same input gives the same file: no random ids.
        candidates = (name, *(f"{name}-{number}" for number in range(2, len(taken) + 3)))
        cell["id"] = next(candidate for candidate in candidates if candidate not in taken)
    return cell
