"""The pages of Jupyter Notebook: its shell is not JupyterLab's, the panel and the button are."""

from __future__ import annotations

import re

import pytest
import pytest_asyncio
from playwright.async_api import expect

from tests.browser.conftest import LOOP, write_settings
from tests.browser.lab_page import PATIENCE_MS
from tests.browser.notebooks import write_notebooks
from tests.server.jupyter_process import TOKEN, JupyterProcess


@pytest.fixture(scope="module")
def notebook_server(own_home, front_end, tmp_path_factory):
    """Start Jupyter Notebook in a project of its own."""
    root = tmp_path_factory.mktemp("classic", numbered=False)
    write_notebooks(root)
    home = tmp_path_factory.mktemp("notebook")
    write_settings(home / "config")
    server = JupyterProcess(
        root,
        home,
        tmp_path_factory.mktemp("state"),
        environ={"JUPYTER_PATH": front_end},
        extensions={"jupyterlab": True, "notebook": True},
    ).start()
    yield server
    server.stop(hard=True)


@pytest_asyncio.fixture(scope="module", loop_scope=LOOP)
async def page(notebook_server, browser):
    """Open a tab; a plugin of ours that can't start there fails the test."""
    context = await browser.new_context(viewport={"width": 1280, "height": 860})
    context.set_default_timeout(PATIENCE_MS)
    tab = await context.new_page()
    said: list[str] = []
    tab.on("console", lambda message: said.append(message.text))
    await tab.goto(f"{notebook_server.url}/tree?token={TOKEN}")
    yield tab
    await context.close()
    assert [text for text in said if "rayspace" in text and "failed to activate" in text] == []


async def choose(page, command: str) -> None:
    """Choose a command from the palette, which the menu opens."""
    await page.locator(".lm-MenuBar-itemLabel", has_text="View").click()
    await page.locator(".lm-Menu-itemLabel", has_text="Activate Command Palette").click()
    await page.locator(".lm-CommandPalette-input").fill(command)
    await page.locator(".lm-CommandPalette-item", has_text=command).first.click()


async def test_the_panel_is_beside_the_files(page):
    """By the palette or the menu of side bars; MLflow opens in a tab of the browser."""
    await expect(page.locator(".jp-DirListing-item", has_text="train.ipynb")).to_be_visible()
    await choose(page, "Show the Ray Panel")
    panel = page.locator("#rayspace-panel")
    await expect(panel).to_contain_text("No cluster runs.")
    await expect(panel).to_contain_text("cpu-small")
    await page.context.route(
        "**/rayspace/proxy/mlflow/**", lambda route: route.fulfill(body="the pages of MLflow")
    )
    async with page.context.expect_page() as opened:
        await choose(page, "Open MLflow")
    tab = await opened.value
    await expect(tab.get_by_text("the pages of MLflow")).to_be_visible()
    await tab.close()


async def test_a_notebook_is_begun_from_the_palette(page):
    """There is no launcher, so what is in JupyterLab's is found there."""
    async with page.context.expect_page() as opened:
        await choose(page, "Batch inference")
    tab = await opened.value
    await expect(tab).to_have_url(re.compile(r"/notebooks/batch-inference\.ipynb"))
    await tab.close()


async def test_a_notebook_is_run_on_ray_from_its_page(page, notebook_server):
    """The button is in its toolbar; the dialog knows its parameters."""
    await page.goto(f"{notebook_server.url}/notebooks/train.ipynb")
    await page.locator(".jp-NotebookPanel-toolbar").get_by_text("Run on Ray").click()
    dialog = page.locator(".jp-Dialog")
    await expect(dialog.get_by_label("lr")).to_have_value("0.1")
    await expect(dialog.locator(".rayspace-Magic code")).to_contain_text("%ray_job submit")
    await dialog.get_by_role("button", name="Cancel").click()
    await expect(dialog).to_have_count(0)
