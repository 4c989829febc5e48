"""The widget of a long verb, in a real kernel: what stays in the notebook's file."""

from __future__ import annotations

import nbformat
from nbclient import NotebookClient

_CODE = """
from rayspace.model.progress import Stage
from rayspace.present.widgets import WidgetReporter
with WidgetReporter(is_long={is_long}) as report:
    for stage in {stages}:
        report(stage)
"""
_STAGES = "[Stage('a', 'Going on', done=1, total=2), Stage('a', 'All is <well>', 'done')]"


def outputs(*, is_long: bool, stages: str = _STAGES) -> list[dict]:
    code = _CODE.format(is_long=is_long, stages=stages)
    document = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code)])
    NotebookClient(document, kernel_name="python3").execute()
    return [output["data"] for output in document.cells[0].outputs]


def test_what_is_finished_stays_readable_without_its_kernel():
    (data,) = outputs(is_long=True)
    assert "All is &lt;well&gt;" in data["text/html"]
    assert "Going on" not in data["text/html"]
    assert "application/vnd.jupyter.widget-view+json" not in data


def test_a_quick_verb_shows_what_is_finished_and_nothing_where_there_is_nothing():
    (data,) = outputs(is_long=False)
    assert "All is &lt;well&gt;" in data["text/html"]
    assert outputs(is_long=False, stages="[Stage('a', 'Going on')]") == []
