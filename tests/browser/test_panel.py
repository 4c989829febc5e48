"""The panel of JupyterLab in a real browser, over a real local Ray: as a person would use it.

These tests follow each other: the first starts the cluster that the last one ends.
"""

from __future__ import annotations

import asyncio
import json
import re

from playwright.async_api import expect

from tests.browser.lab_page import RAY_PATIENCE_MS
from tests.browser.notebooks import EVIL, gate_of
from tests.server.jupyter_process import TOKEN


async def test_a_cluster_starts_from_the_panel(lab_page):
    """What is typed shows the line that does the same; the row goes from starting to ready."""
    page = lab_page
    clusters = page.section("clusters")
    await expect(clusters).to_contain_text("No cluster runs.")
    await clusters.get_by_role("button", name="Start a cluster").click()
    magic = page.dialog.locator(".rayspace-Magic code")
    await expect(magic).to_have_text("%ray_cluster up laptop")
    await page.dialog.get_by_label("Workers", exact=True).fill("99")
    await expect(page.dialog.get_by_role("alert")).to_contain_text("Give 0 to 16")
    await page.dialog.get_by_label("Workers", exact=True).fill("")
    await page.dialog.get_by_label("Name").fill("bench")
    await expect(magic).to_have_text("%ray_cluster up laptop --name bench")
    await page.dialog.get_by_role("button", name="Copy as magic").click()
    assert await page.page.evaluate("navigator.clipboard.readText()") == await magic.text_content()
    await page.remember_rows()
    await page.accept()
    row = page.row("clusters", "bench")
    await page.has_said("bench", "^starting ")
    await expect(row).to_have_attribute("data-phase", "ready", timeout=RAY_PATIENCE_MS)
    await expect(row).to_have_count(1)
    body = await page.open_row(row)
    await expect(body.locator(".rayspace-Nodes")).to_contain_text("head")
    await expect(body).to_contain_text("Ray 2.60.0")
    await expect(page.page.locator(".rayspace-Status")).to_contain_text("bench")


async def test_a_cluster_is_scaled_from_its_row(lab_page):
    """The number is asked for once it stands still."""
    page = lab_page
    row = page.row("clusters", "bench")
    body = await page.open_row(row)
    await body.get_by_role("button", name="One worker more").click()
    await body.get_by_role("button", name="Scale").click()
    side = row.locator(".rayspace-Row-side")
    await expect(side).to_have_text("1/1 worker", timeout=RAY_PATIENCE_MS)
    await expect(body.get_by_role("button", name="Scale")).to_have_count(0)
    await body.get_by_role("button", name="One worker less").click()
    await body.get_by_role("button", name="Scale").click()
    await expect(side).to_have_text("head only", timeout=RAY_PATIENCE_MS)


async def test_a_notebook_runs_from_its_toolbar(lab_page, jupyter):
    """Parameters have typed fields; the row says which cell runs; the result opens beside it."""
    page = lab_page
    await page.run_on_ray("train.ipynb")
    form = page.dialog
    await expect(form.get_by_label("shuffle")).to_be_checked()
    await expect(form.get_by_label("lr")).to_have_value("0.1")
    await expect(form).to_contain_text("learning rate · float")
    await form.get_by_label("layers").fill("[64")
    await expect(form).to_contain_text("Give a list")
    await form.get_by_label("layers").fill("[8, 8]")
    await form.get_by_label("lr").fill("0.5")
    await expect(form.locator(".rayspace-Magic code")).to_contain_text("-p lr 0.5")
    await expect(form.locator(".rayspace-Bundle summary")).to_contain_text("3 files travel along")
    await page.accept()
    row = page.row("jobs", "train.ipynb")
    side = row.locator(".rayspace-Row-side")
    await expect(side).to_have_text("cell 8 of 9", timeout=RAY_PATIENCE_MS)
    gate_of(jupyter.root, "train").touch()
    await expect(row).to_have_attribute("data-phase", "succeeded", timeout=RAY_PATIENCE_MS)
    await page.act(row, "Open the executed notebook")
    executed = page.page.locator(".rayspace-Executed")
    await expect(executed).to_contain_text("lr = 0.5")
    source = page.page.locator(".jp-NotebookPanel:not(.rayspace-Executed)")
    await expect(source).to_be_visible()
    left, right = await source.bounding_box(), await executed.bounding_box()
    assert right["x"] >= left["x"] + left["width"]
    editor = executed.locator(".jp-CodeCell .cm-content").first
    await expect(editor).to_have_attribute("aria-readonly", "true")
    # Nobody is asked to save it.
    tab = page.page.locator(".lm-TabBar-tab[title*='train.runs']")
    await expect(tab).to_have_count(1)
    await expect(tab).not_to_have_class(re.compile("jp-mod-dirty"))
    run = page.section("runs").locator(".rayspace-Row").first
    await expect(run).to_contain_text("accuracy")
    await expect(run.get_by_role("img", name="Course of accuracy")).to_be_visible()


async def test_a_job_is_cloned_with_its_parameters(lab_page):
    """The form begins with what the job ran with."""
    page = lab_page
    body = await page.open_row(page.row("jobs", "train.ipynb"))
    await expect(body.locator(".rayspace-Details")).to_contain_text("train.runs")
    await body.get_by_role("button", name="Run with other parameters").click()
    form = page.dialog
    await expect(form.get_by_label("lr")).to_have_value("0.5")
    await expect(form.get_by_label("layers")).to_have_value(re.compile(r"\[8, ?8\]"))
    await form.get_by_label("lr").fill("0.25")
    await expect(form.locator(".rayspace-Magic code")).to_contain_text("-p lr 0.25")
    await page.cancel()


async def test_a_failing_notebook_opens_at_its_cell(lab_page):
    """From the file browser; what the exception says is text, wherever it is shown."""
    page = lab_page
    await page.page.locator("[data-id=filebrowser]").click()
    item = page.page.locator(".jp-DirListing-item", has_text="broken.ipynb")
    await item.click(button="right")
    await page.page.locator(".lm-Menu-itemLabel", has_text="Run on Ray").click()
    await expect(page.dialog).to_contain_text("This notebook has no parameters")
    await expect(page.dialog.locator(".rayspace-Magic code")).to_contain_text("%ray_job")
    await page.accept()
    row = page.row("jobs", "broken.ipynb")
    await expect(row).to_have_attribute("data-phase", "failed", timeout=RAY_PATIENCE_MS)
    body = await page.open_row(row)
    await expect(body.locator(".rayspace-Card")).to_contain_text(EVIL)
    await page.act(row, "Open the executed notebook")
    cell = page.page.locator(".rayspace-FailedCell")
    await expect(cell).to_contain_text("ValueError")
    await expect(cell).to_be_in_viewport()
    await page.act(row, "Show the log")
    await expect(page.page.get_by_role("log")).to_contain_text(EVIL)
    assert await page.page.evaluate("window.evil") is None


async def test_a_job_is_run_once_more(lab_page):
    """It is another job, with the files of the first."""
    page = lab_page
    rows = page.section("jobs").locator(".rayspace-Row", has_text="broken.ipynb")
    await expect(rows).to_have_count(1)
    await page.act(rows.first, "Run broken")
    await expect(rows).to_have_count(2, timeout=RAY_PATIENCE_MS)
    await expect(rows.first).to_have_attribute("data-phase", "failed", timeout=RAY_PATIENCE_MS)


async def test_a_job_is_stopped_in_one_tab_and_seen_in_another(lab_page, open_page):
    """Both tabs show the same."""
    page, other = lab_page, await open_page()
    await page.run_on_ray("long.ipynb")
    await page.accept()
    row, theirs = page.row("jobs", "long.ipynb"), other.row("jobs", "long.ipynb")
    for shown in (row, theirs):
        await expect(shown.locator(".rayspace-Row-side")).to_have_text(
            "cell 3 of 3", timeout=RAY_PATIENCE_MS
        )
    await page.act(row, "Show the log")
    log = page.page.get_by_role("log").last
    # Its colours are taken out, its HTML is text.
    await expect(log).to_contain_text(re.compile(rf"^.*{re.escape(EVIL)}$", re.MULTILINE))
    await other.act(theirs, "Stop")
    for shown in (row, theirs):
        await expect(shown).to_have_attribute("data-phase", "stopped", timeout=RAY_PATIENCE_MS)
    await expect(page.page.locator(".rayspace-Log-note").last).to_have_text("The end of the log.")


async def test_the_panel_is_right_again_after_a_restart_of_the_server(lab_page, jupyter):
    """What is shown is old meanwhile and says so; the job goes on."""
    page = lab_page
    await page.run_on_ray("long.ipynb")
    gate = gate_of(jupyter.root, "long")
    await page.dialog.get_by_label("until").fill(str(gate))
    await page.accept()
    row = page.row("jobs", "long.ipynb")
    await expect(row).to_have_attribute("data-phase", "running", timeout=RAY_PATIENCE_MS)
    await asyncio.to_thread(jupyter.stop, hard=True)
    stale = page.page.locator(".rayspace-Stale")
    await expect(stale).to_contain_text("The server does not answer")
    await expect(row).to_have_attribute("data-phase", "running")
    await asyncio.to_thread(jupyter.start)
    gate.touch()
    await expect(stale).to_have_count(0)
    await expect(row).to_have_attribute("data-phase", "succeeded", timeout=RAY_PATIENCE_MS)
    await expect(page.row("clusters", "bench")).to_have_attribute("data-phase", "ready")


async def test_a_notebook_is_connected_from_the_panel(lab_page):
    """The cell is inserted and run."""
    page = lab_page
    await page.open_file("train.ipynb")
    await page.act(page.row("clusters", "bench"), "Connect this notebook")
    panel = page.page.locator(".jp-NotebookPanel:visible", has_text="%ray_cluster connect")
    await expect(panel).to_have_count(1)
    await expect(panel.locator(".jp-OutputArea", has_text="bench").last).to_be_visible(
        timeout=RAY_PATIENCE_MS
    )


async def test_dashboards_open_as_panes(lab_page):
    """Through the server: no token in an address, nor in what the browser keeps."""
    page = lab_page
    await page.act(page.row("clusters", "bench"), "Open the Ray dashboard")
    ray = page.page.frame_locator("iframe[title='Ray: bench']")
    await expect(ray.get_by_text("Cluster utilization")).to_be_visible(timeout=RAY_PATIENCE_MS)
    run = page.section("runs").locator(".rayspace-Row").last
    name = await run.locator(".rayspace-Row-title").text_content()
    await page.act(run, "Open")
    mlflow = page.page.frame_locator(f"iframe[title='MLflow: {name}']")
    await expect(mlflow.get_by_text(name).first).to_be_visible(timeout=RAY_PATIENCE_MS)
    kept = await page.page.evaluate(
        "JSON.stringify([{...localStorage}, {...sessionStorage}, location.href,"
        " ...[...document.querySelectorAll('iframe')].map(frame => frame.src)])"
    )
    assert "/rayspace/proxy/ray/local/bench/" in json.loads(kept)[3:][0]
    assert TOKEN not in kept


async def test_the_cluster_ends_from_the_panel(lab_page):
    """What will end is said before; then the next step is shown."""
    page = lab_page
    await page.act(page.row("clusters", "bench"), "End")
    await expect(page.dialog).to_contain_text("This will:")
    await page.dialog.get_by_role("button", name="End it").click()
    await expect(page.section("clusters")).to_contain_text(
        "No cluster runs.", timeout=RAY_PATIENCE_MS
    )
    await expect(page.page.locator(".rayspace-Status")).to_have_count(0)
