"""An interrupted notebook bears the marks that papermill gives to a failed one."""

from __future__ import annotations

import copy
from typing import Any

import nbformat
import papermill.execute
import pytest

from rayspace.core.jobs.interruption import ERROR_MARKER_TAG, mark_interrupted

SUMMARY = "Cell 2 was stopped & <b>lost</b>."


def cell(status: str | None, kind: str = "code", **changes: Any) -> dict[str, Any]:
    made: dict[str, Any] = {
        "cell_type": kind,
        "id": f"id-{status}-{kind}",
        "metadata": {"papermill": {"status": status, "exception": False}} if status else {},
        "source": "x",
    }
    if kind == "code":
        made |= {"outputs": [], "execution_count": None}
    return made | changes


def document(*cells: dict[str, Any], minor: int = 5) -> dict[str, Any]:
    return {
        "nbformat": 4,
        "nbformat_minor": minor,
        "metadata": {"papermill": {"exception": None}},
        "cells": list(cells),
    }


def snapshot(minor: int = 5) -> dict[str, Any]:
    cells = (
        cell("completed"),
        cell("pending", "markdown"),
        cell("running", execution_count=7),
        cell("pending"),
    )
    made = document(*copy.deepcopy(cells), minor=minor)
    if minor < 5:
        for item in made["cells"]:
            del item["id"]
    return made


def test_the_running_cell_is_marked_as_failed() -> None:
    """The cell that ran, and no other, failed."""
    before = snapshot()
    marked = mark_interrupted(before, SUMMARY)
    banner, first, text, anchor, failed, last = marked["cells"]
    assert failed["metadata"]["papermill"] == {"status": "failed", "exception": True}
    assert marked["metadata"]["papermill"]["exception"] is True
    assert failed["outputs"] == [
        {
            "output_type": "error",
            "ename": "Interrupted",
            "evalue": SUMMARY,
            "traceback": [f"Interrupted: {SUMMARY}"],
        }
    ]
    assert "In [7]" in banner["source"]
    assert "Cell 2 was stopped &amp; &lt;b&gt;lost&lt;/b&gt;." in anchor["source"]
    assert [first, text, last] == [before["cells"][0], before["cells"][1], before["cells"][3]]


def test_the_input_is_not_changed() -> None:
    """Marking makes a copy."""
    before = snapshot()
    mark_interrupted(before, SUMMARY)
    assert before == snapshot()


def test_the_marks_are_those_of_papermill() -> None:
    """Tag, anchor and style are papermill's own, so that its next run removes them."""
    banner, *_, anchor, _, _ = mark_interrupted(snapshot(), SUMMARY)["cells"]
    assert papermill.execute.ERROR_MARKER_TAG == ERROR_MARKER_TAG
    assert banner["source"] == papermill.execute.ERROR_MESSAGE_TEMPLATE % "7"
    assert anchor["source"].startswith(papermill.execute.ERROR_ANCHOR_MSG.partition(">")[0])
    node = nbformat.from_dict(mark_interrupted(snapshot(), SUMMARY))  # type: ignore[no-untyped-call]
    cleaned = papermill.execute.remove_error_markers(node)
    assert len(cleaned.cells) == 4


@pytest.mark.parametrize("minor", [4, 5])
def test_a_marked_notebook_is_valid(minor: int) -> None:
    """Cells have ids exactly where the format has them, and the ids are no one else's."""
    before = snapshot(minor)
    if minor == 5:
        before["cells"][0]["id"] = "rayspace-interrupted"
    marked = mark_interrupted(before, SUMMARY)
    nbformat.validate(marked)
    ids = [item.get("id") for item in marked["cells"]]
    if minor == 5:
        assert len(set(ids)) == len(ids) == 6
        assert ids[0] == "rayspace-interrupted-2"
    else:
        assert ids == [None] * 6


def test_marking_twice_is_marking_once() -> None:
    """A notebook that bears the marks is left as it is, and the result is always the same."""
    marked = mark_interrupted(snapshot(), SUMMARY)
    assert mark_interrupted(marked, "another") is marked
    assert mark_interrupted(snapshot(), SUMMARY) == marked


def test_without_a_running_cell_the_first_pending_one_is_marked() -> None:
    """A runner that was lost between two cells never began the next."""
    marked = mark_interrupted(document(cell("completed"), cell("pending")), SUMMARY)
    assert [item["metadata"].get("papermill", {}).get("status") for item in marked["cells"]] == [
        None,
        "completed",
        None,
        "failed",
    ]


@pytest.mark.parametrize(
    "cells", [(), (cell("completed"),), (cell(None),), (cell("pending", "markdown"),)]
)
def test_a_notebook_that_was_not_cut_off_is_left_alone(cells: tuple[dict[str, Any], ...]) -> None:
    """Where nothing ran or waited there is nothing to mark."""
    before = document(*cells)
    assert mark_interrupted(before, SUMMARY) is before


def test_an_error_that_is_there_already_stays_the_only_one() -> None:
    """The kernel's own error says more than ours."""
    error = {"output_type": "error", "ename": "ValueError", "evalue": "x", "traceback": []}
    marked = mark_interrupted(document(cell("running", outputs=[error])), SUMMARY)
    assert marked["cells"][2]["outputs"] == [error]
