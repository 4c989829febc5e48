"""What the panel shows in states that real parts don't take at will; and whether all can use it."""

from __future__ import annotations

import asyncio
import re
from dataclasses import replace
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import expect

from rayspace.model.cluster import ClusterPhase
from rayspace.model.profile import Profile
from rayspace.model.wire import to_wire
from tests import extension_build
from tests.browser import states
from tests.browser.conftest import LOOP
from tests.browser.lab_page import LabPage
from tests.browser.notebooks import EVIL

SCREENSHOTS = Path(__file__).parents[2] / "extension" / "screenshots"
#: Rows that are opened to look at all there is.
OPENED = (("clusters", "sweep"), ("clusters", "train-gpu"), ("jobs", "train.ipynb"))
THEMES = {"light": "JupyterLab Light", "dark": "JupyterLab Dark"}


@pytest_asyncio.fixture(scope="module", loop_scope=LOOP)
async def told_page(jupyter, browser):
    """Open JupyterLab whose stream tells what the tests say."""
    told = states.Told()

    async def before(tab) -> None:
        await told.answer(tab)
        # A dialog waits a moment for its content. On a machine at work that moment is too short.
        await tab.add_init_script(
            "const wait = window.setTimeout; window.setTimeout = (act, ms, ...given) =>"
            " wait(act, ms === 800 ? 120000 : ms, ...given)"
        )

    page = await LabPage.open(browser, jupyter, before=before)
    page.told = told
    await expect(page.row("clusters", "train-gpu")).to_be_visible()
    yield page
    await page.close()


async def test_an_image_that_is_not_there_shows_why(told_page):
    """The row says it in a line; open, it has the hint, the evidence, and a command to copy."""
    page = told_page
    row = page.row("clusters", "sweep")
    await expect(row.locator(".rayspace-Row-why")).to_have_text(states.IMAGE_MISSING.summary)
    body = await page.open_row(row)
    await expect(body).to_contain_text("Choose one that exists")
    await body.get_by_text("Evidence").click()
    await expect(body).to_contain_text("manifest unknown")
    await body.get_by_role("button", name="Copy the command").click()
    copied = await page.page.evaluate("navigator.clipboard.readText()")
    assert copied == "rayspace cluster up sweep --image rayproject/ray:2.60.0-py312"
    await row.locator(".rayspace-Row-main").click()


async def test_rows_tell_sizes_prices_and_when_a_cluster_stops(told_page):
    """Workers that are there of those wanted, GPUs, what it costs, and what its nodes do."""
    page = told_page
    row = page.row("clusters", "train-gpu")
    await expect(row.locator(".rayspace-Row-side")).to_have_text("3/4 workers · 8 GPU")
    facts = row.locator(".rayspace-Row-facts")
    await expect(facts).to_have_text(
        re.compile(r"^ready·team-a·\d min·idle for 1\d min·suspends in 1\d min·7\.20 per hour$")
    )
    body = await page.open_row(row)
    await expect(body.locator("tbody tr")).to_have_count(7)
    await expect(body).to_contain_text("Not in use since")
    await expect(body).to_contain_text("; suspends itself at")
    await row.locator(".rayspace-Row-main").click()


async def test_a_row_tells_whether_a_cluster_is_used(told_page):
    """Work takes the place of the idle time, and moves nothing; what nobody knows is not said."""
    page = told_page
    row = page.row("clusters", "train-gpu")
    facts = row.locator(".rayspace-Row-facts")
    (before,) = [c for c in page.told.clusters if c.name == "train-gpu"]
    height = (await row.bounding_box())["height"]

    def say(**changes) -> None:
        seen = replace(before.activity, acts_at_ms=None, idle_since_ms=None, **changes)
        page.told.say("cluster", replace(before, activity=seen))

    say(active=("job train-x",))
    await expect(facts).to_have_text(re.compile(r"^ready·team-a·\d min·in use·7\.20 per hour$"))
    assert (await row.bounding_box())["height"] == height
    body = await page.open_row(row)
    await expect(body).to_contain_text("In use: job train-x")
    say(active=("nobody knows",), is_known=False)
    await expect(facts).to_have_text(re.compile(r"^ready·team-a·\d min·7\.20 per hour$"))
    await expect(body).to_contain_text("Its head does not tell what runs on it")
    await row.locator(".rayspace-Row-main").click()
    page.told.say("cluster", before)
    await expect(facts).to_contain_text("idle for")


async def test_a_start_says_what_it_replaces_before_it_does(told_page):
    """Its name and its phase; nothing is asked of the server before that is accepted."""
    page, asked = told_page, states.Asked()
    why = "sweep is failed and is made anew; it had another image"
    starts = re.compile(r"/rayspace/clusters(\?.*)?$")

    async def plan(route) -> None:
        answer = await route.fetch()
        replaced = {"name": "sweep", "phase": "failed", "why": why}
        given = replaced if route.request.post_data_json["name"] == "sweep" else None
        await route.fulfill(json={**await answer.json(), "replaced": given})

    await page.page.route(re.compile("/rayspace/clusters/plan"), plan)
    await page.page.route(starts, asked.answer)
    await page.tool("Start a cluster").first.click()
    await page.dialog.get_by_label("Name").fill("sweep")
    await expect(page.dialog).to_contain_text(why)
    await page.dialog.locator("button.jp-mod-accept").click()
    await expect(page.dialog).to_contain_text("Replace the cluster sweep?")
    await expect(page.dialog).to_contain_text("sweep is failed. It is deleted first")
    await page.cancel()
    assert asked.count == 0
    await page.tool("Start a cluster").first.click()
    await page.dialog.get_by_label("Name").fill("sweep")
    # The plan of what was typed last counts, also for who types fast.
    await page.dialog.locator("button.jp-mod-accept").click()
    await page.dialog.get_by_role("button", name="Replace it").click()
    assert (await asked.until("clusters"))["force"] is True
    await page.tool("Start a cluster").first.click()
    await page.dialog.get_by_label("Name").fill("another")
    asked.forget()
    await page.accept()
    assert (await asked.until("clusters"))["force"] is False
    await page.page.unroute(re.compile("/rayspace/clusters/plan"))
    await page.page.unroute(starts)


async def test_a_team_s_profiles_are_shown_and_started_where_they_are(told_page):
    """Below those of this machine; the dialog begins with profile and namespace."""
    page = told_page

    async def answer(route) -> None:
        team = Profile("team-gpu", layer="namespace")
        await route.fulfill(json={"profiles": [to_wire(team)]})

    await page.page.route(re.compile("/rayspace/profiles.*target=team-a"), answer)
    await page.tool("Read the profiles anew").click()
    section = page.section("profiles")
    await expect(section.locator(".rayspace-Group")).to_have_text("Of team-a")
    await page.act(page.row("profiles", "team-gpu"), "Start")
    await expect(page.dialog.get_by_label("Profile")).to_have_value("team-gpu")
    await expect(page.dialog.get_by_label("Where")).to_have_value("team-a")
    await page.cancel()


async def test_other_peoples_words_are_text(told_page):
    """An exception that is HTML stays what it says."""
    page = told_page
    body = await page.open_row(page.row("jobs", "prepare.ipynb"))
    await expect(body).to_contain_text(EVIL)
    assert await page.page.evaluate("window.evil") is None
    await page.row("jobs", "prepare.ipynb").locator(".rayspace-Row-main").click()


async def test_a_cluster_is_suspended_and_kept_from_its_row(told_page):
    """What is asked of the server, and what the row offers next."""
    page = told_page
    row, asked = page.row("clusters", "train-gpu"), states.Asked()
    await page.page.route(
        re.compile("/rayspace/clusters/[^/]+/[^/]+/(suspend|extend)"), asked.answer
    )
    body = await page.open_row(row)
    await body.get_by_role("button", name="Keep").click()
    assert (await asked.until("extend"))["duration_s"] > 0
    await body.get_by_role("button", name="Suspend", exact=True).click()
    assert "duration_s" not in await asked.until("suspend")
    (before,) = [c for c in page.told.clusters if c.name == "train-gpu"]
    page.told.say("cluster", replace(before, phase=ClusterPhase.SUSPENDED))
    await expect(body.get_by_role("button", name="Resume")).to_be_visible()
    page.told.say("cluster", before)
    await expect(row).to_have_attribute("data-phase", "ready")


async def test_gpus_that_idle_are_told_of_on_a_closed_row_and_freed_by_one_click(told_page):
    """One of four has done nothing for longer than the setting allows; its cluster suspends."""
    page = told_page
    row, asked = page.row("clusters", "train-gpu"), states.Asked()
    await page.page.route(re.compile("/rayspace/clusters/[^/]+/[^/]+/suspend"), asked.answer)
    idle = row.locator(".rayspace-Idle")
    await expect(idle).to_contain_text("1 of its 4 GPUs has been idle for 47 min.")
    await idle.get_by_role("button", name="Suspend it").click()
    await asked.until("suspend")
    body = await page.open_row(row)
    # Head, two workers and four GPUs, each with the minutes before.
    await expect(body.locator(".rayspace-Spark")).to_have_count(7)
    await row.locator(".rayspace-Row-main").click()


async def test_the_launcher_and_the_palette_lead_to_both_dialogs(told_page):
    page = told_page
    # Where nothing is open, JupyterLab shows its launcher.
    await page.close_all()
    cards = page.page.locator(".jp-LauncherCard:visible")
    await cards.filter(has_text="Start a Ray Cluster").click()
    await expect(page.dialog.get_by_label("Profile")).to_be_visible()
    await page.cancel()
    await cards.filter(has_text="Run on Ray").click()
    # No notebook is in front: it is asked for.
    await expect(page.dialog).to_contain_text("Which notebook shall run on Ray?")
    await page.cancel()
    await page.command("apputils:activate-command-palette")
    await page.page.locator(".lm-CommandPalette-input").fill("Start a Ray")
    item = page.page.locator(".lm-CommandPalette-item", has_text="Start a Ray Cluster")
    await item.click()
    await expect(page.dialog.get_by_label("Profile")).to_be_visible()
    await page.cancel()


async def test_the_panel_is_used_by_keyboard_alone(told_page):
    """One stop of the tab key for each list; arrows move, open and close; actions follow."""
    page, keyboard = told_page, told_page.page.keyboard
    first = page.row("clusters", "laptop").locator(".rayspace-Row-main")
    await first.focus()
    await keyboard.press("ArrowDown")
    second = page.row("clusters", "nightly").locator(".rayspace-Row-main")
    await expect(second).to_be_focused()
    await keyboard.press("End")
    last = page.row("clusters", "train-gpu").locator(".rayspace-Row-main")
    await expect(last).to_be_focused()
    await keyboard.press("ArrowRight")
    await expect(last).to_have_attribute("aria-expanded", "true")
    await keyboard.press("ArrowLeft")
    await expect(last).to_have_attribute("aria-expanded", "false")
    await keyboard.press("Tab")
    connect = page.row("clusters", "train-gpu").get_by_role("button", name=re.compile("^Connect"))
    await expect(connect).to_be_focused()
    await expect(connect).to_have_css("opacity", "1")
    await keyboard.press("Shift+Tab")
    await expect(last).to_be_focused()
    # One stop leads back out of the list.
    await keyboard.press("Shift+Tab")
    assert not await page.page.evaluate(
        "document.activeElement.classList.contains('rayspace-Row-main')"
    )
    start = page.tool("Start a cluster").first
    await start.focus()
    await keyboard.press("Enter")
    await expect(page.dialog.get_by_label("Profile")).to_be_focused()
    await keyboard.press("Escape")
    await expect(page.dialog).to_have_count(0)


@pytest.mark.parametrize("theme", THEMES)
async def test_axe_finds_nothing_serious(told_page, theme):
    """In the panel with open rows, and in both dialogs; in both themes."""
    page = told_page
    script = extension_build.package("axe-core/axe.min.js").read_text("utf-8")
    await page.theme(THEMES[theme])
    for section, title in OPENED:
        await page.open_row(page.row(section, title))
    found = await page.axe(script, "#rayspace-panel")
    await page.tool("Start a cluster").first.click()
    await expect(page.dialog.locator(".rayspace-Magic code")).to_contain_text("%ray_cluster")
    found += await page.axe(script, ".jp-Dialog .rayspace-Dialog")
    await page.cancel()
    await page.run_on_ray("train.ipynb", "laptop")
    found += await page.axe(script, ".jp-Dialog .rayspace-Dialog")
    await page.cancel()
    assert found == []


async def test_nothing_overflows_a_narrow_panel(told_page):
    """All rows stay within the panel, at its least width and at a large one."""
    page = told_page
    panel = page.page.locator("#rayspace-panel")
    for width in (210, 480, 300):
        await page.widen(width)
        wide = await panel.locator(".rayspace-Section-body").evaluate_all(
            "bodies => bodies.filter(body => body.scrollWidth > body.clientWidth + 1)"
            ".map(body => body.innerText)"
        )
        assert wide == []


async def test_trouble_told_above_the_sections_hides_none_of_them(jupyter, browser):
    """What is below the header gives way when that grows."""
    told, may_answer = states.Told(), asyncio.Event()
    trouble = {"code": "settings", "message": "The settings can't be read. " * 9, "hint": ""}

    async def health(route) -> None:
        answer = await route.fetch()
        await may_answer.wait()
        await route.fulfill(json={**await answer.json(), "problems": [{**trouble, "details": {}}]})

    async def before(tab) -> None:
        await told.answer(tab)
        await tab.route(re.compile("/rayspace/health"), health)

    page = await LabPage.open(browser, jupyter, before=before)
    await expect(page.section("profiles")).to_be_visible()
    await page.fills_the_panel("profiles")
    may_answer.set()
    await expect(page.page.locator(".rayspace-Header .rayspace-Card")).to_be_visible()
    await page.fills_the_panel("profiles")
    await page.close()


async def test_a_thousand_clusters_are_drawn_and_one_of_them_changed(jupyter, browser):
    """No other row is touched by a change of one of them."""
    # Their age is told in hours, which stays so while the test looks for what is drawn anew.
    began = {"started_ms": states.now_ms() - 9_000_000}
    many = [states.cluster(f"c{index:04}", 1, 2, **began) for index in range(1000)]
    told = states.Told(many)
    page = await LabPage.open(browser, jupyter, before=told.answer)
    row = page.row("clusters", "c0003")
    await expect(row).to_have_attribute("data-phase", "ready")
    await expect(page.section("clusters").locator(".rayspace-Row")).to_have_count(1000)
    await page.page.evaluate(
        "() => { window.touched = new Set(); new MutationObserver(seen => seen.forEach(change => {"
        " const at = change.target.parentElement?.closest('.rayspace-Row') ?? change.target;"
        " window.touched.add(at.closest('.rayspace-Row')?.innerText.split('\\n')[0] ?? 'list') }"
        ")).observe(document.querySelector('#rayspace-section-clusters .rayspace-Rows'),"
        " {attributes: true, childList: true, characterData: true, subtree: true}) }"
    )
    told.say("cluster", states.cluster("c0003", 0, 2, phase=ClusterPhase.LOST, **began))
    await expect(row).to_have_attribute("data-phase", "lost")
    assert await page.page.evaluate("[...window.touched]") == ["c0003"]
    await page.close()


@pytest.mark.parametrize("theme", THEMES)
async def test_screenshots(told_page, theme, request):
    """Take a picture of each section, where that is asked for."""
    if not request.config.getoption("--screenshots"):
        pytest.skip("Pictures are taken only when asked for: pytest --screenshots.")
    page = told_page
    SCREENSHOTS.mkdir(exist_ok=True)
    await page.close_all()
    await page.theme(THEMES[theme])
    await page.page.set_viewport_size({"width": 1280, "height": 1040})
    await page.open_file("train.ipynb")
    for section, title in OPENED:
        row = page.row(section, title)
        if await row.get_attribute("data-open"):
            await row.locator(".rayspace-Row-main").click()
    await page.at_rest()
    await page.page.screenshot(path=SCREENSHOTS / f"panel-{theme}.png")
    await page.page.set_viewport_size({"width": 1280, "height": 3400})
    for title in ("train-gpu", "sweep"):
        await page.open_row(page.row("clusters", title))
    await expect(page.row("clusters", "train-gpu").locator("tbody tr")).to_have_count(7)
    await page.at_rest()
    for section in ("clusters", "jobs", "runs", "profiles"):
        shown = page.section(section).locator(".rayspace-State")
        await shown.screenshot(path=SCREENSHOTS / f"{section}-{theme}.png")
    await page.page.set_viewport_size({"width": 1280, "height": 1040})
    await page.row("clusters", "sweep").locator(".rayspace-Row-main").click()
    await page.tool("Start a cluster").first.click()
    await expect(page.dialog.locator(".rayspace-Magic code")).to_contain_text("%ray_cluster")
    dialog = page.page.locator(".jp-Dialog-content")
    await dialog.screenshot(path=SCREENSHOTS / f"start-{theme}.png")
    await page.cancel()
    await page.run_on_ray("train.ipynb", "laptop")
    await dialog.screenshot(path=SCREENSHOTS / f"run-{theme}.png")
    await page.cancel()
