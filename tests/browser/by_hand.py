"""A notebook as a person runs it: Shift+Enter, look, Shift+Enter."""

from __future__ import annotations

import json
import re
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from playwright.async_api import expect

from tests.browser.lab_page import RAY_PATIENCE_MS

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from playwright.async_api import Locator

    from tests.browser.lab_page import LabPage
    from tests.server.jupyter_process import JupyterProcess

    Look = Callable[[LabPage], Awaitable[None]]

#: The longest that one cell may take on a machine that does other things as well. [ms]
CELL_PATIENCE_MS = 600_000
#: What stands before a cell that has run.
_HAS_RUN = re.compile(r"\[\d+\]:")
_IS_ACTIVE = re.compile(r"\bjp-mod-active\b")
#: Whether keys go to a notebook.
_HAS_FOCUS = "() => Boolean(document.activeElement?.closest('.jp-Notebook'))"
#: What stands where a widget should be.
_NO_WIDGET = re.compile(r"Loading widget|Error displaying widget|\b(VBox|HTML)\(")
#: Whether a cell of the notebook in front shows an error; what it prints to stderr looks the same.
_HAS_FAILED = (
    "index => { const { outputs } = jupyterapp.shell.currentWidget.content.widgets[index].model;"
    " return [...Array(outputs.length).keys()].some(n => outputs.get(n).type === 'error') }"
)
_SHUT_DOWN = "() => jupyterapp.shell.currentWidget.sessionContext.shutdown()"


@dataclass
class Seen:
    """What a person saw.

    Parameters
    ----------
    texts
        What each code cell shows, by its id.
    failed
        The cells that show an error.
    meant_to_fail
        The cells that say that they do.
    seconds
        How long it took. [s]
    """

    texts: dict[str, str] = field(default_factory=dict)
    failed: set[str] = field(default_factory=set)
    meant_to_fail: set[str] = field(default_factory=set)
    seconds: float = 0.0


async def run_by_hand(
    lab: LabPage,
    server: JupyterProcess,
    path: str,
    meanwhile: Mapping[str, Look] | None = None,
    afterwards: Mapping[str, Look] | None = None,
) -> Seen:
    """Open a notebook, and run its cells one after the other; one that fails unmeant ends it.

    Parameters
    ----------
    lab
        JupyterLab.
    server
        Its server.
    path
        The notebook, below the root folder.
    meanwhile, afterwards
        What is looked at while a cell runs, and when it has, by its id.
    """
    began_s = time.monotonic()
    seen = Seen()
    page = lab.page
    await lab.close_all()
    await lab.command("docmanager:open", path=path)
    await expect(lab.tab(path.rpartition("/")[2])).to_be_visible()
    panel = page.locator(".jp-NotebookPanel:visible")
    idle = panel.locator(".jp-Notebook-ExecutionIndicator[data-status='idle']")
    await expect(idle).to_be_visible(timeout=RAY_PATIENCE_MS)
    cells = panel.locator(".jp-Notebook .jp-Cell")
    contents = json.loads((server.root / path).read_text("utf-8"))["cells"]
    await expect(cells).to_have_count(len(contents))
    await cells.first.click()
    for index, content in enumerate(contents):
        cell, name = cells.nth(index), content["id"]
        # A key that is pressed before the page has come to the next cell goes nowhere.
        await expect(cell).to_have_class(_IS_ACTIVE, timeout=RAY_PATIENCE_MS)
        await page.wait_for_function(_HAS_FOCUS, timeout=RAY_PATIENCE_MS)
        await page.keyboard.press("Shift+Enter")
        if content["cell_type"] != "code":
            continue
        if meanwhile and name in meanwhile:
            await meanwhile[name](lab)
        # The next cell is read while this one runs, and run when it is done.
        prompt = cell.locator(".jp-InputArea-prompt")
        await expect(prompt).to_have_text(_HAS_RUN, timeout=CELL_PATIENCE_MS)
        # Its number may come before its last outputs, which come before this.
        await expect(idle).to_be_visible(timeout=RAY_PATIENCE_MS)
        if "raises-exception" in content["metadata"].get("tags", []):
            seen.meant_to_fail.add(name)
        if await page.evaluate(_HAS_FAILED, index):
            seen.failed.add(name)
        seen.texts[name] = await _shown(cell)
        assert seen.failed <= seen.meant_to_fail, seen.texts[name]
        if afterwards and name in afterwards:
            await afterwards[name](lab)
    seen.seconds = time.monotonic() - began_s
    # Each holds some hundred MB with Ray and MLflow in it.
    await page.evaluate(_SHUT_DOWN)
    return seen


async def _shown(cell: Locator) -> str:
    """Read what a cell shows, as a person does; widgets are there."""
    area = cell.locator(".jp-Cell-outputArea")
    await expect(area.filter(has_text=_NO_WIDGET)).to_have_count(0)
    return "\n".join(await area.all_inner_texts())
