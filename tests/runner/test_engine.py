"""The engine by itself: as papermill calls it, and what it does with what a kernel displays."""

from __future__ import annotations

import json

import nbformat
import papermill
import pytest
from papermill.exceptions import PapermillExecutionError

from rayspace.core.jobs.interruption import ERROR_MARKER_TAG
from rayspace.runner.engine import ENGINE_NAME, register
from tests.runner.workshop import notebook


@pytest.fixture
def execute(tmp_path, workshop):
    """Return papermill with our engine, which gives the executed notebook, failed or not."""
    register()

    def run(document, **options):
        nbformat.write(document, tmp_path / "in.ipynb")
        papermill.execute_notebook(
            str(tmp_path / "in.ipynb"),
            str(tmp_path / "out.ipynb"),
            engine_name=ENGINE_NAME,
            progress_bar=False,
            **options,
        )

    def result():
        return nbformat.read(tmp_path / "out.ipynb", as_version=4)

    return run, result


def test_papermill_itself_can_use_the_engine(execute):
    run, result = execute
    run(notebook("print(lr)", parameters="lr = 1"), parameters={"lr": 2})
    assert result().cells[-1].outputs[0].text == "2\n"
    assert result().metadata.papermill.exception is None
    assert result().metadata.language_info.name == "python"


@pytest.mark.parametrize(
    ("code", "options"),
    [("import os; os._exit(1)", {}), ("import time; time.sleep(600)", {"execution_timeout": 1})],
)
def test_papermill_itself_marks_what_it_would_miss(execute, code, options):
    run, result = execute
    with pytest.raises(PapermillExecutionError):
        # The first one is empty, since no limit is too short for it.
        run(notebook("", code, "3"), **options)
    cells = result().cells
    assert ERROR_MARKER_TAG in cells[0].metadata.tags
    statuses = [cell.metadata.get("papermill", {}).get("status") for cell in cells]
    assert statuses == [None, "completed", "completed", None, "failed", "pending"]


async def test_the_engine_works_where_a_loop_runs_already(execute):
    run, result = execute
    run(notebook("print(1)"))
    assert result().cells[-1].outputs[0].text == "1\n"


def test_what_is_displayed_later_in_an_earlier_cell_is_kept(workshop):
    record = workshop.submit(
        notebook(
            "h = display('early', display_id=True)",
            "h.update('late')",
            "from IPython.display import *; print('gone'); clear_output(); print('stays')",
            "import time; time.sleep(2.2)",
            "h.update('latest')",
        )
    )
    result = workshop.attempt(record)
    cells = [cell for cell in result.notebook.cells if cell.cell_type == "code"]
    assert cells[0].outputs[0].data["text/plain"] == "'latest'"
    assert [output.text for output in cells[2].outputs] == ["stays\n"]


def test_widgets_are_kept(workshop):
    pytest.importorskip("ipywidgets")
    code = "import ipywidgets; w = ipywidgets.IntSlider(value=3); display(w)"
    result = workshop.attempt(workshop.submit(notebook(code)))
    state = result.notebook.metadata.widgets["application/vnd.jupyter.widget-state+json"]["state"]
    assert "IntSliderModel" in {model["model_name"] for model in state.values()}


def test_the_file_is_what_jupyter_would_write(workshop):
    result = workshop.attempt(workshop.submit(notebook("print('a\\nb')", "'ü'")))
    written = result.files["results/train.ipynb"].read_text("utf-8")
    assert written == nbformat.writes(result.notebook) + "\n"
    assert json.loads(written)["cells"][1]["outputs"][0]["text"] == ["a\n", "b\n"]
    nbformat.validate(result.notebook)
