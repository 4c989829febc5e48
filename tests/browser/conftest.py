"""A real JupyterLab in a real browser, over a real local Ray."""

from __future__ import annotations

import contextlib
import json
import os
from inspect import iscoroutinefunction
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

from rayspace.app import App
from rayspace.loop import run
from tests import extension_build
from tests.browser.lab_page import LabPage, started_browser
from tests.browser.notebooks import write_notebooks
from tests.server.jupyter_process import JupyterProcess

if TYPE_CHECKING:
    from pathlib import Path

#: Tests of one session of a browser share its loop.
LOOP = "session"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run coroutines of these tests in the loop that the browser lives in."""
    for item in items:
        is_coroutine = isinstance(item, pytest.Function) and iscoroutinefunction(item.function)
        if is_coroutine and "tests/browser/" in item.nodeid:
            item.add_marker(pytest.mark.asyncio(loop_scope=LOOP), append=False)


@pytest.fixture(scope="session")
def front_end() -> str:
    """Build the front end, or find it; return what ``JUPYTER_PATH`` is for it."""
    return str(extension_build.build())


@pytest.fixture(scope="session")
def jupyter(own_home, front_end, tmp_path_factory):
    """Start JupyterLab in a project of its own, and end the clusters that tests left."""
    root = tmp_path_factory.mktemp("churn", numbered=False)
    write_notebooks(root)
    home = tmp_path_factory.mktemp("jupyter")
    write_settings(home / "config")
    server = JupyterProcess(
        root,
        home,
        tmp_path_factory.mktemp("state"),
        environ={"JUPYTER_PATH": front_end},
        extensions={"jupyterlab": True},
    ).start()
    yield server
    # Jupyter may wait for threads of its own that wait for it. Kernels end with their server.
    server.stop(hard=True)
    app = App(root, {**os.environ, "RAYSPACE_STATE_DIR": str(server.state_dir)})
    for cluster in run(app.clusters.list()):
        run(app.clusters.down(cluster.name))


def write_settings(config: Path) -> None:
    """Let tests call commands by name, and let nothing pop up."""
    news = config / "lab/user-settings/@jupyterlab/apputils-extension"
    news.mkdir(parents=True)
    (news / "notification.jupyterlab-settings").write_text('{"fetchNews": "false"}')
    settings = {"LabApp": {"expose_app_in_browser": True}}
    (config / "jupyter_server_config.json").write_text(json.dumps(settings))


@pytest_asyncio.fixture(scope="session", loop_scope=LOOP)
async def browser():
    """Start the browser of the machine."""
    async with started_browser() as found:
        yield found


@pytest_asyncio.fixture(scope="session", loop_scope=LOOP)
async def lab_page(jupyter, browser):
    """Open JupyterLab with its panel, for tests that follow each other as a person would."""
    page = await LabPage.open(browser, jupyter)
    yield page
    await page.close()


@pytest_asyncio.fixture(loop_scope=LOOP)
async def open_page(jupyter, browser):
    """Return a function that opens another page, with another login."""
    async with contextlib.AsyncExitStack() as stack:

        async def open_one(**options) -> LabPage:
            page = await LabPage.open(browser, jupyter, **options)
            stack.push_async_callback(page.close)
            return page

        yield open_one
