"""JupyterLab as a person uses it: where things are is named here once."""

from __future__ import annotations

import contextlib
import re
import shutil
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from playwright.async_api import async_playwright, expect

from tests.server.jupyter_process import TOKEN

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from playwright.async_api import Browser, Locator, Page

    from tests.server.jupyter_process import JupyterProcess

#: Longest wait for what a page shows, and for what Ray does. [ms]
PATIENCE_MS, RAY_PATIENCE_MS = 120_000, 300_000
expect.set_options(timeout=PATIENCE_MS)
#: Of JupyterLab and its other extensions.
_FOREIGN_ERRORS = re.compile(r"reading 'kernel'|ResizeObserver")
#: By the title of a row: each pair of its phase and what it counts that was shown.
_REMEMBER = """() => {
  const isNew = window.rowsSaid === undefined;
  window.rowsSaid = new Map();
  const look = () => {
    for (const row of document.querySelectorAll('#rayspace-panel .rayspace-Row')) {
      const title = row.querySelector('.rayspace-Row-title')?.textContent ?? '';
      const said = window.rowsSaid.get(title) ?? [];
      const side = row.querySelector('.rayspace-Row-side')?.textContent ?? '';
      said.push(`${row.dataset.phase} ${side}`);
      window.rowsSaid.set(title, said);
    }
  };
  look();
  const all = {attributes: true, childList: true, characterData: true, subtree: true};
  if (isNew) {
    new MutationObserver(look).observe(document.querySelector('#rayspace-panel'), all);
  }
}"""


@contextlib.asynccontextmanager
async def started_browser() -> AsyncIterator[Browser]:
    """Start the browser of the machine; none is downloaded."""
    program = shutil.which("chromium") or shutil.which("google-chrome")
    assert program, "These tests need the Debian package chromium."
    async with async_playwright() as playwright:
        found = await playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield found
        await found.close()


@dataclass
class LabPage:
    """One tab of a browser with JupyterLab.

    Parameters
    ----------
    page
        The tab.
    errors
        What went wrong in the page.
    told
        What answers in place of the server, where something does.
    url
        Where it is, with the token.
    """

    page: Page
    errors: list[str] = field(default_factory=list)
    told: Any = None
    url: str = ""

    @classmethod
    async def open(
        cls,
        browser: Browser,
        jupyter: JupyterProcess,
        *,
        before: Callable[[Page], Awaitable[None]] | None = None,
        **options: Any,
    ) -> LabPage:
        """Log in and show the panel; ``before`` is called with the tab while it is empty."""
        options = {"viewport": {"width": 1280, "height": 860}, **options}
        context = await browser.new_context(**options)
        context.set_default_timeout(PATIENCE_MS)
        await context.grant_permissions(["clipboard-read", "clipboard-write"])
        lab = cls(await context.new_page())
        lab.page.on("pageerror", lab._note)
        lost = lab.dialog.filter(has_text="Server Connection Error")
        # JupyterLab's own word on a server that is away.
        await lab.page.add_locator_handler(lost, lab.dismiss)
        if before is not None:
            await before(lab.page)
        # In a workspace of its own: tabs of other tests are not opened again.
        lab.url = f"{jupyter.url}/lab/workspaces/t{id(lab)}?token={TOKEN}&reset"
        await lab.page.goto(lab.url)
        await lab.show_panel()
        return lab

    async def reload(self, path: str) -> None:
        """Load the page anew, and open a notebook."""
        await self.page.goto(self.url)
        await self.show_panel()
        await self.open_file(path)

    async def run_cells(self) -> None:
        """Run all cells of the notebook in front, and don't wait for them."""
        await self.page.evaluate(
            "async () => { const { context, sessionContext } = jupyterapp.shell.currentWidget;"
            " await context.ready; await sessionContext.ready;"
            " void jupyterapp.commands.execute('notebook:run-all-cells') }"
        )

    def _note(self, error: Any) -> None:
        if not _FOREIGN_ERRORS.search(str(error)):
            self.errors.append(str(error))

    async def close(self) -> None:
        """Close the tab; what went wrong in it fails the test."""
        await self.page.context.close()
        assert self.errors == []

    async def show_panel(self) -> None:
        """Show the panel."""
        if not await self.page.locator("#rayspace-panel").is_visible():
            await self.page.locator("[data-id=rayspace-panel]").click()
        await expect(self.page.locator("#rayspace-panel")).to_be_visible()

    async def command(self, name: str, **args: str) -> None:
        """Do what a menu of JupyterLab would."""
        await self.page.evaluate(
            "async ([name, args]) => { await jupyterapp.commands.execute(name, args) }",
            [name, args],
        )

    async def close_all(self) -> None:
        """Close all tabs of the main area, without a word about what is not saved."""
        await self.page.evaluate(
            "() => [...jupyterapp.shell.widgets('main')].forEach(widget => widget.dispose())"
        )

    async def open_file(self, path: str) -> None:
        """Open a notebook."""
        await self.command("docmanager:open", path=path)
        await expect(self.tab(path)).to_be_visible()

    async def at_rest(self) -> None:
        """Let nothing be pointed at, and show each section from its begin."""
        await self.page.mouse.move(1000, 700)
        await self.page.evaluate(
            "() => { document.activeElement?.blur();"
            " document.querySelectorAll('.rayspace-Section-body').forEach(body => {"
            " body.scrollTop = 0 }) }"
        )

    async def widen(self, width: int) -> None:
        """Make the side bar so wide. [px]"""
        panel = await self.page.locator("#rayspace-panel").bounding_box()
        assert panel is not None
        height = panel["y"] + panel["height"] / 2
        await self.page.mouse.move(panel["x"] + panel["width"] + 2, height)
        await self.page.mouse.down()
        await self.page.mouse.move(panel["x"] + width + 2, height, steps=4)
        await self.page.mouse.up()

    def tab(self, label: str) -> Locator:
        """Return the tab of the main area that bears a label."""
        return self.page.locator("#jp-main-dock-panel .lm-TabBar-tab", has_text=label)

    def section(self, name: str) -> Locator:
        """Return a section of the panel: clusters, jobs, runs or profiles."""
        return self.page.locator(f"#rayspace-section-{name}")

    async def fills_the_panel(self, name: str) -> None:
        """Wait until the panel and a section, its last one, end at the same height."""
        await self.page.wait_for_function(
            "name => { const bottom = id => document.getElementById(id)"
            ".getBoundingClientRect().bottom; return"
            " Math.abs(bottom('rayspace-panel') - bottom(`rayspace-section-${name}`)) < 2 }",
            arg=name,
        )

    def tool(self, name: str) -> Locator:
        """Return a button of a section's title."""
        return self.page.locator("#rayspace-panel").get_by_title(name, exact=True)

    def row(self, section: str, title: str) -> Locator:
        """Return the newest row of a section with a title."""
        rows = self.section(section).locator(".rayspace-Row")
        return rows.filter(
            has=self.page.locator(".rayspace-Row-title", has_text=re.compile(rf"^{title}$"))
        ).first

    async def remember_rows(self) -> None:
        """Keep what rows of the panel say from here on: it may pass while nobody looks."""
        await self.page.evaluate(_REMEMBER)

    async def has_said(self, title: str, pattern: str) -> None:
        """Wait until a row has said something since then, as its phase and what it counts."""
        await self.page.wait_for_function(
            "([title, pattern]) => (window.rowsSaid.get(title) ?? [])"
            ".some(said => new RegExp(pattern).test(said))",
            arg=[title, pattern],
            timeout=RAY_PATIENCE_MS,
        )

    async def act(self, row: Locator, name: str) -> None:
        """Point at a row, and click one of its actions."""
        await row.locator(".rayspace-Row-main").hover()
        await row.get_by_role("button", name=re.compile(f"^{name}")).click()

    async def open_row(self, row: Locator) -> Locator:
        """Open a row, and return what is below it."""
        main = row.locator(".rayspace-Row-main")
        if await main.get_attribute("aria-expanded") != "true":
            await main.click()
        return row.locator(".rayspace-Row-body")

    @property
    def dialog(self) -> Locator:
        """The dialog in front."""
        return self.page.locator(".jp-Dialog")

    async def dismiss(self, _: Any = None) -> None:
        """Dismiss the dialog in front."""
        await self.page.keyboard.press("Escape")

    async def cancel(self) -> None:
        """Cancel the dialog in front."""
        await self.dialog.get_by_role("button", name="Cancel").click()
        await expect(self.dialog).to_have_count(0)

    async def accept(self) -> None:
        """Accept the dialog in front."""
        await self.dialog.locator("button.jp-mod-accept").click()
        await expect(self.dialog).to_have_count(0)

    async def run_on_ray(self, path: str, place: str = "") -> None:
        """Open a notebook alone, and its dialog from the toolbar; choose where it runs."""
        await self.close_all()
        await self.open_file(path)
        panel = self.page.locator(".jp-NotebookPanel:visible")
        await panel.get_by_text("Run on Ray").click()
        if place:
            await self.dialog.get_by_label("Run on", exact=True).select_option(label=place)
        await expect(self.dialog.locator(".rayspace-Magic code")).to_contain_text("%ray_job")

    async def axe(self, script: str, selector: str) -> list[str]:
        """Return what axe finds serious or critical below a selector."""
        if not await self.page.evaluate("'axe' in window"):
            await self.page.add_script_tag(content=script)
        found = await self.page.evaluate(
            # The buttons of JupyterLab's toolbars are its own.
            "selector => axe.run({include: [selector], exclude: ['jp-button']},"
            " {resultTypes: ['violations']})",
            selector,
        )
        return [
            f"{item['id']}: {node['html']} ({node['failureSummary']})"
            for item in found["violations"]
            if item["impact"] in {"serious", "critical"}
            for node in item["nodes"]
        ]

    async def theme(self, name: str) -> None:
        """Change the theme: ``JupyterLab Light`` or ``JupyterLab Dark``."""
        await self.command("apputils:change-theme", theme=name)
        is_light = "true" if "Light" in name else "false"
        await expect(self.page.locator("body")).to_have_attribute("data-jp-theme-light", is_light)
