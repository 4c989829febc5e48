"""What long verbs show in cells, in a real browser and kernel: after a reload, and for good."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest
from playwright.async_api import expect

from tests.laboratory import notebook_json

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

#: A verb that goes on when a test says so, on the outputs of this kernel's magics.
VERB = """\
import pathlib, time
from rayspace.errors import ClusterStartError
from rayspace.model.problem import Evidence, Owner, Problem
from rayspace.model.progress import Stage
from rayspace.model.wire import to_wire
from rayspace.present.widgets import CellReporter
%load_ext rayspace
magics = get_ipython().magics_manager.registry["RayMagics"]

def gate(name):
    while not pathlib.Path(name).exists():
        time.sleep(0.05)

missing = Problem(
    "image_not_found", "The registry has no image <b>x</b>.",
    "Choose one: `rayspace cluster up x --image y`", Owner.ADMIN,
    (Evidence("Pod", "x-head", "manifest unknown"),), is_final=True,
)
with CellReporter(magics._cell_outputs, is_long=True) as report:
    report(Stage("a", "Checked", "done"))
    report(Stage("b", "Pulls the image", "doing", 3, 10))
    gate("first")
    report(Stage("b", "Image is there", "done"))
    report(Stage("c", "Starts the head"))
    gate("second")
    raise ClusterStartError("No.", system="Ray", operation="start",
                            details={"problems": to_wire([missing])})
"""


@pytest.fixture
def verb(jupyter) -> Iterator[Path]:
    """Return a notebook with such a verb; it is taken away again, for others ship this project."""
    path = jupyter.root / "verb.ipynb"
    path.write_text(json.dumps(notebook_json(VERB)))
    yield path
    for name in ("verb.ipynb", "first", "second"):
        (jupyter.root / name).unlink(missing_ok=True)


async def test_progress_goes_on_after_a_reload_and_stays_without_its_kernel(verb, open_page):
    """A page that was loaded anew shows what comes, also what came while it was not there."""
    page = await open_page()
    await page.open_file("verb.ipynb")
    output = page.page.locator(".jp-OutputArea-output", has_text="Checked")
    await page.run_cells()
    await expect(output.get_by_role("progressbar")).to_have_attribute("value", "3")
    await page.command("docmanager:save")

    await page.reload("verb.ipynb")
    await expect(output).to_contain_text("Pulls the image")
    verb.with_name("first").touch()
    # It goes on in this page, that has not run the cell.
    await expect(output).to_contain_text("Starts the head")
    await expect(output).to_contain_text(re.compile(r"✓ Image is there"))
    await page.command("docmanager:save")

    await page.page.goto("about:blank")
    verb.with_name("second").touch()
    await page.reload("verb.ipynb")
    # Its end came while nobody looked, and the cell has failed.
    card = output.locator("details", has_text="manifest unknown")
    await expect(card).to_have_count(1)
    await expect(output).to_contain_text("The registry has no image <b>x</b>.")
    await expect(output.locator("code")).to_have_text("%ray_cluster up x --image y")
    await expect(output).not_to_contain_text("Starts the head")
    await page.command("docmanager:save")

    kept = json.loads(verb.read_text())["cells"][0]["outputs"]
    assert "manifest unknown" in "".join(kept[0]["data"]["text/html"])
    await page.command("kernelmenu:shutdown")
    await page.reload("verb.ipynb")
    await expect(output).to_contain_text("The registry has no image")
    await expect(page.page.locator(".jp-OutputArea").first).not_to_contain_text("not found")
