"""A newcomer's first minutes in JupyterLab: the guide by hand, the starters, and what is played."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

import nbformat
import pytest
import pytest_asyncio
from papermill.iorw import load_notebook_node
from papermill.parameterize import parameterize_notebook
from playwright.async_api import expect

from rayspace.app import App
from rayspace.loop import run
from tests.browser.by_hand import run_by_hand
from tests.browser.conftest import LOOP, write_settings
from tests.browser.lab_page import PATIENCE_MS, RAY_PATIENCE_MS, LabPage
from tests.guide import GUIDE, ROOT, copy_guide
from tests.laboratory import notebook_json
from tests.server.jupyter_process import JupyterProcess

if TYPE_CHECKING:
    from tests.browser.by_hand import Look

pytestmark = pytest.mark.timeout(900)
PICTURES = Path(__file__).resolve().parents[2] / "extension" / "screenshots"


#: What cells of each notebook show: regular expressions by their ids.
SHOWN = {
    "00-first-cluster": {
        "start": "laptop is ready",
        "work": "17,984 primes below 200,000",
        "nodes": r"head\s.*alive",
    },
    "01-ship-a-notebook": {
        "dry": r"bundle\s+\d+ files",
        "submit": r"phase\s+succeeded",
        "files": r"pi\.html",
        "log": r"\[5/5\] cell 5",
        "run": r"'n_darts': '100000'.*'pi': 3\.1",
        "list": r"pi-\w+\s+succeeded",
    },
    "02-parameters-and-sweeps": {
        "wrong-name": "no parameter 'n_dart'",
        "wrong-type": "'many', expected int",
        "sweep": "✓ 4 of 4 trials.*4 of 4 trials",
        "again": "succeeded already",
    },
    "03-gpus-and-metrics": {
        "metrics": "system/head/cpu_utilization_percentage",
        "summary": r"head: CPU \d+% in use",
        "gpu-cluster": "This is simulated",
        "gpu-table": r"NVIDIA-L4 \(simulated\)",
        "gpu-nodes": r"NVIDIA-L4 \(simulated\): \d+% busy",
    },
    "04-to-kubernetes": {
        "dry": "kind: RayCluster",
        "up": "This is simulated.*Its queue has let it in.*guide is ready",
        "status": "of simulated",
        "nodes": r"head\s.*alive",
        "work": "is simulated: there is no Ray",
        "result": "succeeded on laptop of local",
    },
    "05-when-something-is-wrong": {
        "typo": r"trouble\.ipynb",
        "parameter": "no parameter 'knid'",
        "cell-result": "ZeroDivisionError",
        "memory-result": "died",
        "slow-result": "its limit of 3",
        "too-large": "could ever hold",
        "image": "has no image",
        "image-why": "has no image.*--image IMAGE",
        "image-problems": "image_not_found",
        "nobody": "cpu-small",
    },
    "06-your-teams-profiles": {
        "again": r"ours: .*\(project\)",
        "slip": "line 2: the key 'wokers'",
        "proof": "1 CPU, 1 thread",
        "limits": "no limits",
    },
}
#: Starters that no other test runs: values that suit two cores, a cell, and what it shows.
STARTERS = {
    "batch-inference": ({"n_shards": 12, "rows_per_shard": 1000}, "model", r"9[0-9]\.\d% right"),
    "data-preparation": ({}, "split", r"train: 35[34] patients.*\ntest: 8[89] patients"),
    "distributed-training": ({}, "training", "right on 9[5-9]"),
}


def cluster_is(name: str, phase: str, text: str = "") -> Look:
    """Look for a cluster in the panel."""

    async def look(lab: LabPage) -> None:
        row = lab.row("clusters", name)
        await expect(row).to_have_attribute("data-phase", phase, timeout=RAY_PATIENCE_MS)
        await expect(row).to_contain_text(text)

    return look


def cluster_was(name: str, phase: str) -> Look:
    """Look for a phase of a cluster in the panel that passes by itself."""

    async def look(lab: LabPage) -> None:
        await lab.has_said(name, f"^{phase} ")

    return look


def cluster_is_gone(name: str) -> Look:
    """Look for a cluster in the panel that is there no more."""

    async def look(lab: LabPage) -> None:
        await expect(lab.row("clusters", name)).to_have_count(0, timeout=RAY_PATIENCE_MS)

    return look


def job_counts(notebook: str, what: str) -> Look:
    """Look at a job in the panel that goes on, or went on a moment ago."""

    async def look(lab: LabPage) -> None:
        await lab.has_said(notebook, f"^running {what}")

    return look


def job_is(notebook: str, phase: str, run_phase: str, metric: str = "") -> Look:
    """Look at the job that was submitted last in the panel, and at its run or its newest trial."""

    async def look(lab: LabPage) -> None:
        shown = await lab.page.locator(".jp-NotebookPanel:visible .jp-OutputArea").all_inner_texts()
        name = re.findall(r"(\S+) was accepted", "\n".join(shown))[-1]
        run = lab.section("runs").locator(".rayspace-Row").first
        await expect(run.locator(".rayspace-Row-title")).to_have_text(re.compile(f"^{name}"))
        await expect(run).to_have_attribute("data-phase", run_phase)
        await expect(lab.row("jobs", notebook)).to_have_attribute("data-phase", phase)
        if metric:
            # By its name, and with its value.
            await expect(run.locator(".rayspace-Row-facts")).to_contain_text("·pi")
            await expect(run.locator(".rayspace-Metric")).to_have_text(re.compile(metric))

    return look


async def evidence(lab: LabPage) -> None:
    """Open the words of Kubernetes in the last cell that has some."""
    cell = lab.page.locator(".jp-NotebookPanel:visible .jp-CodeCell", has_text="Evidence").last
    await cell.locator("summary", has_text="Evidence").last.click()
    await expect(cell.get_by_text("Pod guide-image").last).to_be_visible()
    # What is clicked is the active cell.
    await lab.page.keyboard.press("ArrowDown")


async def save(lab: LabPage) -> None:
    """Save the notebook, as JupyterLab does now and then: it travels with a job."""
    await lab.command("docmanager:save")


#: What is looked at in the panel while cells run, and after them.
LOOKS: dict[str, tuple[dict[str, Look], dict[str, Look]]] = {
    "00-first-cluster": ({}, {"start": cluster_is("laptop", "ready", "head only")}),
    "01-ship-a-notebook": (
        {"submit": job_counts("pi.ipynb", r"cell \d of 5")},
        {"submit": job_is("pi.ipynb", "succeeded", "FINISHED", r"^3\.1")},
    ),
    "02-parameters-and-sweeps": (
        {"sweep": job_counts("pi.ipynb", "trial [0-3] of 4")},
        {
            "sweep": job_is("pi.ipynb", "succeeded", "FINISHED", r"^\d"),
            "figure": save,
        },
    ),
    "03-gpus-and-metrics": (
        {"job": job_counts("pi.ipynb", r"cell \d of 5")},
        {
            "job": job_is("pi.ipynb", "succeeded", "FINISHED", r"^3\.1"),
            "gpu-cluster": cluster_is("guide-gpu", "ready", "2/2 workers · 2 GPU"),
            "gpu-end": cluster_is_gone("guide-gpu"),
        },
    ),
    "04-to-kubernetes": (
        {"up": cluster_was("guide", "queued"), "ship": job_counts("pi.ipynb", r"cell \d of 5")},
        {
            "up": cluster_is("guide", "ready", "simulated"),
            "scale": cluster_is("guide", "ready", "1/1 worker"),
            "ship": job_is("pi.ipynb", "succeeded", "FINISHED", r"^3\.1"),
            "suspend": cluster_is_gone("guide"),
        },
    ),
    "05-when-something-is-wrong": (
        {},
        {
            "cell": job_is("trouble.ipynb", "failed", "FAILED"),
            "memory": job_is("trouble.ipynb", "failed", "FAILED"),
            "slow": job_is("trouble.ipynb", "failed", "FAILED"),
            "mended": job_is("trouble.ipynb", "succeeded", "FINISHED"),
            "image": cluster_is("guide-image", "failed", "no image"),
            "image-why": evidence,
            "image-end": cluster_is_gone("guide-image"),
        },
    ),
    "06-your-teams-profiles": (
        {},
        {"up": cluster_is("ours", "ready"), "down": cluster_is_gone("ours")},
    ),
}


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


@pytest.mark.parametrize("name", SHOWN)
async def test_a_notebook_of_the_guide_is_run_by_hand(newcomer, server, request, name):
    """Each cell shows what it should, none fails but those meant to, and the panel tells it too."""
    meanwhile, afterwards = LOOKS.get(name, ({}, {}))
    await newcomer.remember_rows()
    seen = await run_by_hand(newcomer, server, f"{name}.ipynb", meanwhile, afterwards)
    assert seen.failed == seen.meant_to_fail
    for cell, pattern in SHOWN[name].items():
        assert re.search(pattern, seen.texts[cell], re.DOTALL), (cell, seen.texts[cell])
    print(f"{name} took {seen.seconds:.0f} s")
    if name.startswith("00") and request.config.getoption("--screenshots"):
        await newcomer.page.screenshot(path=PICTURES / "guide.png")


def test_every_notebook_of_the_guide_is_run():
    """None is left out: those without a number are what the others ship."""
    assert {path.stem for path in GUIDE.glob("[0-9]*.ipynb")} == set(SHOWN)


@pytest.mark.parametrize("name", STARTERS)
async def test_a_starter_has_a_real_result(newcomer, server, name):
    """Outside of a job it starts its run itself, and ends it."""
    parameters, cell, pattern = STARTERS[name]
    notebook = load_notebook_node(str(ROOT / "templates" / "notebooks" / f"{name}.ipynb"))
    if parameters:
        notebook = parameterize_notebook(notebook, parameters)
    nbformat.write(notebook, server.root / f"{name}.ipynb")
    seen = await run_by_hand(newcomer, server, f"{name}.ipynb")
    assert seen.failed == set()
    assert re.search(pattern, seen.texts[cell]), seen.texts[cell]
    print(f"{name} took {seen.seconds:.0f} s")


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
    # The one that was run by hand is still open beside it.
    await expect(newcomer.tab("distributed-training.ipynb").last).to_be_visible()
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
