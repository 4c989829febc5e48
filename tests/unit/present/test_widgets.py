"""What a long verb shows in a cell, in a real kernel: what stays in the notebook's file."""

from __future__ import annotations

import os

import nbformat
from jupyter_client.manager import start_new_kernel
from nbclient import NotebookClient

from rayspace.errors import ClusterStartError
from rayspace.model.problem import Evidence, Owner, Problem
from rayspace.model.wire import to_wire
from rayspace.present.cards import problems_in, why_cards

_CODE = """
from rayspace.errors import ClusterStartError
from rayspace.model.progress import Stage
from rayspace.present.widgets import MARK, CellOutputs, CellReporter
outputs = CellOutputs()
with CellReporter(outputs, is_long={is_long}) as report:
    for stage in {stages}:
        report(stage)
    {last}
"""
_STAGES = "[Stage('a', 'Going on', done=1, total=2), Stage('a', 'All is <well>', 'done')]"
_MISSING = Problem(
    "image_not_found",
    "The registry has no image <b>.",
    "Choose one: `rayspace cluster up x --image a`",
    Owner.ADMIN,
    (Evidence("Pod", "x-head", "manifest unknown"),),
    is_final=True,
)
_MARK = "application/vnd.rayspace.stages+json"


def outputs(*, is_long: bool, stages: str = _STAGES, last: str = "pass") -> list[dict]:
    code = _CODE.format(is_long=is_long, stages=stages, last=last)
    document = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code)])
    NotebookClient(document, kernel_name="python3", allow_errors=True, iopub_timeout=120).execute()
    return [output.get("data", output) for output in document.cells[0].outputs]


def test_what_is_finished_stays_readable_without_its_kernel():
    (data,) = outputs(is_long=True)
    assert "All is &lt;well&gt;" in data["text/html"]
    assert data["text/plain"] == "All is <well>"
    assert data[_MARK]["is_final"] is True


def test_what_goes_on_is_in_the_file_with_how_far_it_is():
    """Somebody may save, and lose the kernel."""
    code = (
        "from rayspace.model.progress import Stage\n"
        "from rayspace.present.widgets import CellOutputs, CellReporter\n"
        "report = CellReporter(CellOutputs(), is_long=True)\n"
        "report.begin()\n"
        "report(Stage('a', 'All is well', 'done'))\n"
        "report(Stage('b', 'Going on', done=1, total=2))"
    )
    document = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code)])
    NotebookClient(document, kernel_name="python3", iopub_timeout=120).execute()
    (output,) = document.cells[0].outputs
    assert "Going on" in output["data"]["text/html"]
    assert '<progress max="2" value="1">' in output["data"]["text/html"]
    assert output["data"][_MARK]["is_final"] is False


def test_a_quick_verb_shows_what_is_finished_and_nothing_where_there_is_nothing():
    (data,) = outputs(is_long=False)
    assert "All is &lt;well&gt;" in data["text/html"]
    assert outputs(is_long=False, stages="[Stage('a', 'Going on')]") == []


def test_why_something_did_not_come_up_stands_below_its_stages():
    error = ClusterStartError("No.", system="Ray", operation="start", details={
        "problems": to_wire([_MISSING])})  # fmt: skip
    last = (
        "raise ClusterStartError('No.', system='Ray', operation='start', "
        f"details={error.details!r})"
    )
    data, _traceback = outputs(is_long=True, last=last)
    assert data["text/html"].endswith(why_cards([_MISSING]))
    assert problems_in(error.details) == (_MISSING,)
    # Details of other errors have other problems.
    assert problems_in({"problems": [{"line": 1}, "code"]}) == ()


def test_what_a_card_says_is_not_said_again_by_the_error_below_it(tmp_path):
    line = "%ray_cluster up head-only --cpus 64 --on simulated"
    cells = [nbformat.v4.new_code_cell(text) for text in ("%load_ext rayspace", line)]
    document = nbformat.v4.new_notebook(cells=cells)
    client = NotebookClient(document, kernel_name="python3", allow_errors=True, iopub_timeout=120)
    client.execute(
        env={
            **os.environ,
            "HOME": str(tmp_path),
            "RAYSPACE_STATE_DIR": str(tmp_path),
            "RAYSPACE_SIMULATED": "1",
        }
    )
    card, error = document.cells[1].outputs
    for kind in ("text/html", "text/plain"):
        assert card.data[kind].count("the largest node has 16") == 1
    assert error.traceback == [
        "PreflightError: Why, and what to do, stands above.",
        "To try all the same: --force",
    ]


def test_a_card_says_what_helps_in_words_of_a_notebook():
    card = why_cards([_MISSING])
    assert "The registry has no image &lt;b&gt;." in card
    assert "<code>%ray_cluster up x --image a</code>" in card
    assert "An administrator can mend this." in card
    assert "manifest unknown" in card


def test_a_page_that_missed_something_is_told_once_more():
    """By the kernel's magics, for the outputs that it names; then it is let go."""
    manager, client = start_new_kernel(kernel_name="python3")
    try:
        code = (
            "%load_ext rayspace\n"
            "from rayspace.model.progress import Stage\n"
            "from rayspace.present.widgets import CellReporter\n"
            "magics = get_ipython().magics_manager.registry['RayMagics']\n"
            "with CellReporter(magics._cell_outputs, is_long=True) as report:\n"
            "    report(Stage('a', 'All is well', 'done'))"
        )
        seen: list[dict] = []
        reply = client.execute_interactive(code, output_hook=seen.append, timeout=60)
        assert reply["content"]["status"] == "ok", reply
        shown = [m for m in seen if "data" in m["content"]]
        first, last = shown[0], shown[-1]
        output_id = first["content"]["transient"]["display_id"]
        data = {"ids": [output_id, "of another kernel"]}
        content = {"comm_id": "c1", "target_name": "rayspace.stages", "data": data}
        asked = client.session.msg("comm_open", content)
        client.shell_channel.send(asked)
        told = []
        while not told or told[-1]["msg_type"] != "comm_close":
            message = client.get_iopub_msg(timeout=30)
            if message["parent_header"].get("msg_id") == asked["header"]["msg_id"]:
                told.append(message)
        (update,) = [m for m in told if m["msg_type"] == "update_display_data"]
        assert update["content"]["data"] == last["content"]["data"]
        assert update["content"]["data"][_MARK] == {"id": output_id, "is_final": True}
        assert told[-1]["content"]["comm_id"] == "c1"
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
