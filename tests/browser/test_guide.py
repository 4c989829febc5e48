"""A newcomer's first minutes in JupyterLab: the guide by hand, the starters, and what is played."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import expect

from rayspace.app import App
from rayspace.loop import run
from tests.browser.conftest import LOOP, write_settings
from tests.browser.lab_page import PATIENCE_MS, RAY_PATIENCE_MS, LabPage
from tests.guide import copy_guide
from tests.laboratory import notebook_json
from tests.server.jupyter_process import JupyterProcess

FIRST = "00-first-cluster.ipynb"
#: What stands before a cell that has run.
_HAS_RUN = re.compile(r"\[\d+\]:")
_IS_ACTIVE = re.compile(r"\bjp-mod-active\b")
#: Whether keys go to a notebook.
_HAS_FOCUS = "() => Boolean(document.activeElement?.closest('.jp-Notebook'))"
PICTURES = Path(__file__).resolve().parents[2] / "extension" / "screenshots"


@pytest.fixture(scope="module")
def server(own_home, front_end, tmp_path_factory):
    """Start JupyterLab on the guide, as Binder does: with the target that is played."""
    folder = copy_guide(tmp_path_factory.mktemp("newcomer"))
    home = tmp_path_factory.mktemp("jupyter")
    write_settings(home / "config")
    environ = {"JUPYTER_PATH": front_end, "RAYSPACE_SIMULATED": "1"}
    state = tmp_path_factory.mktemp("state")
    made = JupyterProcess(folder, home, state, environ=environ, extensions={"jupyterlab": True})
    yield made.start()
    made.stop(hard=True)
    app = App(folder, {**os.environ, **environ, "RAYSPACE_STATE_DIR": str(state)})
    for cluster in run(app.clusters.list()):
        run(app.clusters.down(cluster.name))


@pytest_asyncio.fixture(scope="module", loop_scope=LOOP)
async def newcomer(server, browser):
    """Open JupyterLab with the panel in view."""
    page = await LabPage.open(browser, server)
    yield page
    await page.close()


async def test_the_first_notebook_is_run_by_hand(newcomer, server, request):
    """Shift+Enter, look, Shift+Enter: each cell runs, and the panel tells of the cluster."""
    await newcomer.open_file(FIRST)
    page = newcomer.page
    panel = page.locator(".jp-NotebookPanel:visible")
    await expect(
        panel.locator(".jp-Notebook-ExecutionIndicator[data-status='idle']")
    ).to_be_visible(timeout=RAY_PATIENCE_MS)
    cells = panel.locator(".jp-Notebook .jp-Cell")
    kinds = [cell["cell_type"] for cell in json.loads((server.root / FIRST).read_text())["cells"]]
    await expect(cells).to_have_count(len(kinds))
    await cells.first.click()
    shown = ""
    for index, kind in enumerate(kinds):
        # A key that is pressed before the page has come to the next cell goes nowhere.
        await expect(cells.nth(index)).to_have_class(_IS_ACTIVE, timeout=RAY_PATIENCE_MS)
        await page.wait_for_function(_HAS_FOCUS, timeout=RAY_PATIENCE_MS)
        await page.keyboard.press("Shift+Enter")
        if kind != "code":
            continue
        # The next cell is read while this one runs, and run when it is done.
        prompt = cells.nth(index).locator(".jp-InputArea-prompt")
        await expect(prompt).to_have_text(_HAS_RUN, timeout=RAY_PATIENCE_MS)
        await expect(cells.nth(index).locator("[data-mime-type*='error']")).to_have_count(0)
        shown += await cells.nth(index).locator(".jp-Cell-outputArea").inner_text()
        if "is ready" in shown:
            row = newcomer.row("clusters", "laptop")
            await expect(row).to_have_attribute("data-phase", "ready")
    assert "17,984 primes below 200,000" in shown
    if request.config.getoption("--screenshots"):
        await page.screenshot(path=PICTURES / "guide.png")


async def test_the_launcher_offers_starters(newcomer, server):
    """A card makes a copy in the folder of the launcher, and opens it."""
    page = newcomer.page
    (server.root / "mine").mkdir()
    await newcomer.command("filebrowser:go-to-path", path="mine")
    await newcomer.command("launcher:create", cwd="mine")
    launcher = page.locator(".jp-Launcher:visible")
    for title in (
        "Hyperparameter search",
        "Batch inference",
        "Data preparation",
        "Distributed training",
    ):
        await expect(launcher.locator(".jp-LauncherCard", has_text=title)).to_have_count(1)
    await launcher.locator(".jp-LauncherCard", has_text="Distributed training").click()
    await expect(newcomer.tab("distributed-training.ipynb")).to_be_visible()
    await expect(page.locator(".jp-NotebookPanel:visible h1").first).to_contain_text(
        "Distributed training"
    )
    assert (server.root / "mine" / "distributed-training.ipynb").is_file()


async def test_a_kubernetes_is_played_in_the_panel(newcomer, request):
    """The dialog says that nothing runs there, the row waits in its queue, and has GPUs at last."""
    page = newcomer.page
    await newcomer.show_panel()
    await newcomer.tool("Start a cluster").click()
    dialog = newcomer.dialog
    await dialog.get_by_label("Profile").select_option(label="gpu-small")
    await dialog.get_by_label("Where").select_option(label="simulated (nothing runs there)")
    await expect(dialog).to_contain_text("The target is simulated: nothing would run.")
    await newcomer.accept()
    row = newcomer.row("clusters", "gpu-small")
    await expect(row).to_have_attribute("data-phase", "ready", timeout=RAY_PATIENCE_MS)
    body = await newcomer.open_row(row)
    await expect(body).to_contain_text("Simulated: nothing of it runs.")
    await expect(body).to_contain_text("NVIDIA-L4 (simulated)", timeout=PATIENCE_MS)
    if request.config.getoption("--screenshots"):
        await newcomer.at_rest()
        await page.screenshot(path=PICTURES / "simulated.png")


async def test_gpus_are_drawn_live_in_a_cell_until_that_is_stopped(newcomer, server, request):
    """The picture goes on beside other cells; a click ends it, and the last one stays."""
    (server.root / "gpus.ipynb").write_text(
        json.dumps(
            notebook_json(
                "%load_ext rayspace",
                "%ray_cluster up gpu-small --name live --on simulated",
                "%ray_cluster gpus live --watch --interval 1s",
                "print(6 * 7)",
            )
        )
    )
    await newcomer.close_all()
    await newcomer.open_file("gpus.ipynb")
    await newcomer.run_cells()
    page = newcomer.page
    cells = page.locator(".jp-NotebookPanel:visible .jp-CodeCell")
    await expect(cells.nth(3)).to_contain_text("42", timeout=RAY_PATIENCE_MS)
    live = cells.nth(2).locator(".jp-OutputArea")
    await expect(live).to_contain_text("NVIDIA-L4 (simulated)")
    drawn = await live.locator("svg").first.inner_html()
    await expect(live.locator("svg").first).not_to_have_js_property("innerHTML", drawn)
    if request.config.getoption("--screenshots"):
        await live.scroll_into_view_if_needed()
        await page.screenshot(path=PICTURES / "live.png")
    await live.get_by_role("button", name="Stop").click()
    await expect(live.get_by_role("button", name="Stop")).to_be_hidden()
    await expect(live).to_contain_text("NVIDIA-L4 (simulated)")
