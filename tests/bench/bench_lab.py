"""Measure what the extension costs JupyterLab, and how soon a page shows a change.

The start of JupyterLab with the extension is compared with one without, in the same run, each time
in a browser without a cache. A change goes from a thousand clusters that exist in memory only to
ten tabs, and counts when it has been painted. It prints figures and asserts little:
``python -m tests.bench.bench_lab [start] [pixels]``.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from rayspace.loop import run
from rayspace.model.cluster import ClusterPhase, ClusterSpec
from rayspace.model.progress import silent
from tests import extension_build
from tests.browser.conftest import write_settings
from tests.browser.lab_page import LabPage, started_browser
from tests.server.jupyter_process import TOKEN, JupyterProcess
from tests.server.twin import FAR, TwinServer

if TYPE_CHECKING:
    from playwright.async_api import Browser, CDPSession, Page

_N_STARTS, _N_TABS, _N_CLUSTERS, _N_CHANGES = 9, 10, 1000, 60
#: Time between two changes. [s]
_PAUSE_S = 0.25
#: What Chromium tells of a page's main thread.
_SPENT = ("TaskDuration", "ScriptDuration", "RecalcStyleDuration", "LayoutDuration")
#: Notes when the page is told of a cluster.
_NOTE_MESSAGES = """
  window.told = {};
  const Plain = window.WebSocket;
  window.WebSocket = class extends Plain {
    constructor(...args) {
      super(...args);
      this.addEventListener('message', ({data}) => {
        const now = performance.timeOrigin + performance.now();
        if (typeof data === 'string' && data.includes('"kind":"cluster"')) {
          window.told[JSON.parse(data).data.name] ??= now;
        }
      });
    }
  };
"""
#: Notes when a row of another phase has been painted: when the browser comes to its next task.
_NOTE_PAINTS = """() => {
  window.painted = {};
  const section = document.querySelector('#rayspace-section-clusters');
  new MutationObserver(records => {
    const names = records.map(r => r.target.querySelector('.rayspace-Row-title')?.textContent);
    requestAnimationFrame(() => {
      const channel = new MessageChannel();
      channel.port1.onmessage = () => {
        const now = performance.timeOrigin + performance.now();
        for (const name of names) window.painted[name] ??= now;
      };
      channel.port2.postMessage(0);
    });
  }).observe(section, {subtree: true, attributes: true, attributeFilter: ['data-phase']});
}"""


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", default=["start", "pixels"])
    parser.add_argument("--tabs", type=int, default=_N_TABS, help="tabs that show the panel")
    args = parser.parse_args()
    parts = args.parts
    with tempfile.TemporaryDirectory() as directory:
        os.environ["JUPYTER_PATH"] = str(extension_build.build())
        # What is built belongs to the person; what is measured begins with nothing.
        os.environ |= {"HOME": directory, "MLFLOW_DISABLE_TELEMETRY": "true"}
        if "start" in parts:
            asyncio.run(_starts(Path(directory)))
        if "pixels" in parts:
            write_settings(Path(directory) / "twin" / "config")
            with TwinServer(Path(directory) / "twin", with_lab=True) as twin:
                asyncio.run(_pixels(twin, args.tabs))
    return 0


async def _starts(home: Path) -> None:
    """Print how long JupyterLab takes until it is there, with and without the extension."""
    servers = {name: _server(home / name, with_ours=name == "with") for name in ("without", "with")}
    took_s: dict[str, list[float]] = {name: [] for name in servers}
    try:
        for server in servers.values():
            await asyncio.to_thread(server.start)
        async with started_browser() as browser:
            for index in range(_N_STARTS + 1):
                # In turn, so that noise meets both; the first of each warms the server.
                for name, server in servers.items():
                    elapsed_s = await _start(browser, server, has_ours=name == "with")
                    if index:
                        took_s[name].append(elapsed_s)
    finally:
        for server in servers.values():
            server.stop(hard=True)
    medians = {name: statistics.median(times) for name, times in took_s.items()}
    for name, median_s in medians.items():
        print(f"JupyterLab {name:<8} the extension    {median_s * 1000:7.0f} ms, median")
    pairs = zip(took_s["with"], took_s["without"], strict=True)
    ratio = statistics.median(one / other for one, other in pairs)
    print(f"with : without, of medians          {medians['with'] / medians['without']:7.3f}")
    print(f"with : without, median of pairs     {ratio:7.3f}")


def _server(home: Path, *, with_ours: bool) -> JupyterProcess:
    root = home / "root"
    root.mkdir(parents=True)
    write_settings(home / "config")
    if not with_ours:
        labconfig = home / "config" / "labconfig"
        labconfig.mkdir()
        (labconfig / "page_config.json").write_text(
            json.dumps({"disabledExtensions": {"rayspace": True}})
        )
    extensions = {"jupyterlab": True, "rayspace.server": with_ours}
    return JupyterProcess(root, home, home / "state", extensions=extensions)


async def _start(browser: Browser, server: JupyterProcess, *, has_ours: bool) -> float:
    """Open JupyterLab in a browser that has seen nothing, and return how long it took. [s]"""
    context = await browser.new_context(viewport={"width": 1280, "height": 860})
    page = await context.new_page()
    began_s = time.perf_counter()
    await page.goto(f"{server.url}/lab?token={TOKEN}&reset")
    await page.wait_for_function("window.jupyterapp")
    await page.evaluate("jupyterapp.restored")
    await page.locator(".jp-Launcher").wait_for()
    elapsed_s = time.perf_counter() - began_s
    assert await page.locator("[data-id=rayspace-panel]").count() == int(has_ours)
    await context.close()
    return elapsed_s


async def _pixels(twin: TwinServer, n_tabs: int) -> None:
    """Print how long a change takes until it is painted, in each of the tabs."""
    # So many are on Kubernetes; of those on this machine the panel asks which GPUs are idle.
    for index in range(_N_CLUSTERS):
        run(twin.gateways[FAR].create(ClusterSpec(f"c{index:04}", "laptop"), silent))
    world, changed_ms = twin.worlds[FAR], {}
    async with started_browser() as browser:
        tabs = [await LabPage.open(browser, twin, before=_listen) for _ in range(n_tabs)]
        for tab in tabs:
            rows = tab.section("clusters").locator(".rayspace-Row")
            await rows.nth(_N_CLUSTERS - 1).wait_for(state="attached")
            await tab.page.evaluate(_NOTE_PAINTS)
        await asyncio.sleep(5)
        for tab in tabs:
            await tab.page.evaluate("window.told = {}")
        session = await tabs[0].page.context.new_cdp_session(tabs[0].page)
        await session.send("Performance.enable")
        before = await _spent_s(session)
        for index in range(_N_CHANGES):
            name = f"c{(index * 37) % _N_CLUSTERS:04}"
            world.clusters[name].phase = ClusterPhase.LOST
            changed_ms[name] = time.time() * 1000
            world.stir()
            await asyncio.sleep(_PAUSE_S)
        await asyncio.sleep(5)
        spent_s = await _spent_s(session)
        told = [await tab.page.evaluate("window.told") for tab in tabs]
        painted = [await tab.page.evaluate("window.painted") for tab in tabs]
        for tab in tabs:
            await tab.page.context.close()
    for what, total_s in spent_s.items():
        of_each_ms = (total_s - before[what]) * 1000 / _N_CHANGES
        print(f"{what:<20} of a tab        {of_each_ms:7.1f} ms a change")
    print(f"changes painted                     {sum(map(len, painted))} of {_N_CHANGES * n_tabs}")
    _show("change to page", [page[name] - at for page in told for name, at in changed_ms.items()])
    pairs = zip(told, painted, strict=True)
    _show("page to pixels", [there[n] - here[n] for here, there in pairs for n in changed_ms])
    _show("change to pixels", [p[name] - at for p in painted for name, at in changed_ms.items()])


async def _spent_s(session: CDPSession) -> dict[str, float]:
    """Return what a page has spent on its main thread since it was opened. [s]"""
    said = (await session.send("Performance.getMetrics"))["metrics"]
    told = {metric["name"]: metric["value"] for metric in said}
    return {what: told[what] for what in _SPENT}


async def _listen(page: Page) -> None:
    await page.add_init_script(_NOTE_MESSAGES)


def _show(what: str, took_ms: list[float]) -> None:
    cuts = statistics.quantiles(took_ms, n=100)
    middle, most = statistics.median(took_ms), max(took_ms)
    print(f"{what:<18} median {middle:6.0f} ms, p95 {cuts[94]:6.0f} ms, longest {most:6.0f} ms")


if __name__ == "__main__":
    sys.exit(main())
