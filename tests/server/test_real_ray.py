"""The whole path on a real local Ray: seen, shipped, followed, fetched, stopped."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import aiohttp

from tests.laboratory import notebook_json
from tests.server.jupyter_process import TOKEN
from tests.waiting import waits_for


def write(server, name: str, *sources: str, **options) -> str:
    (server.root / name).write_text(json.dumps(notebook_json(*sources, **options)), "utf-8")
    return name


async def shipped(server, name: str, **wish) -> str:
    wish = {"path": name, "cluster": "lab", **wish}
    operation = await server.done(await server.post("/rayspace/jobs", wish, status=202))
    assert operation["state"] == "done", operation
    return operation["name"]


async def tail(server, job: str) -> str:
    """Follow a log as Ray's dashboard does in a pane."""
    url = f"{server.url}/rayspace/proxy/ray/local/lab/api/jobs/{job}/logs/tail"
    text = ""
    async with (
        aiohttp.ClientSession(headers={"Authorization": f"token {TOKEN}"}) as session,
        session.ws_connect(url) as socket,
    ):
        async for message in socket:
            text += message.data if message.type is aiohttp.WSMsgType.TEXT else ""
    return text


async def test_the_cluster_is_seen_with_its_nodes(lab_jupyter):
    listed = await lab_jupyter.get("/rayspace/clusters")
    detail = await lab_jupyter.get("/rayspace/clusters/local/lab")
    cell = await lab_jupyter.get("/rayspace/clusters/local/lab/connect")
    log = await lab_jupyter.get("/rayspace/clusters/local/lab/logs?lines=5")

    assert "lab" in [cluster["name"] for cluster in listed["clusters"]]
    assert detail["cluster"]["phase"] == "ready"
    assert [node["is_head"] for node in detail["nodes"]] == [True]
    assert detail["nodes"][0]["memory_total_bytes"] > 2**30
    assert detail["dashboard"] == "rayspace/proxy/ray/local/lab/"
    assert "%ray_cluster use lab --on local" in cell["code"]
    assert len(log["text"].splitlines()) == 5


async def test_a_notebook_is_shipped_followed_and_fetched(lab_jupyter, tmp_path):
    gate = tmp_path / "seen"
    name = write(
        lab_jupyter,
        "ship.ipynb",
        "for i in range(3):\n    print('epoch', i, flush=True)",
        waits_for(gate),
        "import mlflow\nmlflow.log_metric('loss', lr)",
        parameters="lr: float = 0.5  # learning rate",
    )
    plan = await lab_jupyter.post(
        "/rayspace/jobs/plan", {"path": name, "cluster": "lab", "parameters": {"lr": "0.25"}}
    )
    assert plan["fields"][0]["kind"] == "float"
    assert plan["parameters"] == {"lr": 0.25}
    assert plan["magic"] == "%ray_job submit ship.ipynb -p lr 0.25 --cluster lab"
    assert plan["bundle"]["n_files"] >= 1

    async with lab_jupyter.stream() as tab:
        await tab.next()
        job = await shipped(lab_jupyter, name, parameters={"lr": 0.25})
        n_done = 0
        while not n_done:
            shown = (await tab.until("job", name=job, phase="running"))["data"]
            n_done = (shown["progress"] or {}).get("n_done", 0)
        gate.touch()
        text, offset, is_complete = "", 0, False
        while not is_complete:
            piece = await lab_jupyter.get(f"/rayspace/jobs/{job}/logs?offset={offset}&wait_s=20")
            text, offset = text + piece["text"], piece["offset"]
            is_complete = piece["is_complete"]
        await tab.until("job", name=job, phase="succeeded", timeout_s=60)
        counts = {
            m["data"]["progress"]["n_done"]
            for m in tab.seen
            if m["kind"] == "job" and m["data"]["name"] == job and m["data"]["progress"]
        }

    assert "epoch 2" in text
    assert len(text) == offset
    assert "epoch 2" in await tail(lab_jupyter, job), "by the WebSocket of Ray's dashboard too"
    assert len(counts) > 1, "the cell count was seen to move"
    paths = await lab_jupyter.post(f"/rayspace/jobs/{job}/fetch")
    assert paths["contents"]["notebook"] == f"ship.runs/{job}/ship.ipynb"
    assert paths["contents"]["source"] == "ship.ipynb"
    assert Path(paths["notebook"]).exists()
    contents = await lab_jupyter.ask("GET", f"/api/contents/{paths['contents']['notebook']}")
    assert contents.status == 200
    runs = await lab_jupyter.get("/rayspace/runs")
    (mine,) = [item for item in runs["runs"] if item["job"] == job]
    assert mine["metrics"] == [{"key": "loss", "value": 0.25, "points": [[0, 0.25]]}], "no others"
    assert mine["link"].startswith("rayspace/proxy/mlflow/local/#/experiments/")


async def test_a_failing_one_says_where(lab_jupyter):
    name = write(lab_jupyter, "fail.ipynb", "x = 1", "raise ValueError('<b>no</b>\\x1b[31m')")
    async with lab_jupyter.stream() as tab:
        await tab.next()
        job = await shipped(lab_jupyter, name)
        ended = await tab.until("job", name=job, phase="failed", timeout_s=60)

    paths = await lab_jupyter.post(f"/rayspace/jobs/{job}/fetch")
    executed = json.loads(Path(paths["notebook"]).read_text("utf-8"))
    failed = executed["cells"][paths["failed_cell"]]
    assert "raise ValueError" in "".join(failed["source"])
    assert ended["data"]["failed_cell"] == paths["failed_cell"]
    # What it printed stays the text it is: nothing is made of it, and nothing taken away.
    assert "<b>no</b>" in (await lab_jupyter.get(f"/rayspace/jobs/{job}"))["reason"]


async def test_one_is_stopped_and_run_again(lab_jupyter):
    name = write(lab_jupyter, "long.ipynb", "import time\nprint('on', flush=True)\ntime.sleep(600)")
    async with lab_jupyter.stream() as tab:
        await tab.next()
        job = await shipped(lab_jupyter, name)
        await tab.until("job", name=job, phase="running", timeout_s=60)
        again = await lab_jupyter.ask("POST", f"/rayspace/jobs/{job}/retry", {})
        refused = await lab_jupyter.done(again.json)
        operation = await lab_jupyter.post(f"/rayspace/jobs/{job}/stop", status=202)
        await tab.until("job", name=job, phase="stopped", timeout_s=60)

    assert (await lab_jupyter.done(operation))["state"] == "done"
    assert refused["error"]["code"] == "phase"


async def test_what_a_kernel_does_appears(lab, lab_jupyter):
    async with lab_jupyter.stream() as tab:
        await tab.next()
        await asyncio.to_thread(
            lambda: lab.app.record_store.save(_renamed(lab.app.record_store.load("lab"), "twin"))
        )
        await tab.until("cluster", name="twin")
        lab.app.record_store.remove("twin")
        await tab.until("cluster_gone", name="twin")


def _renamed(record, name: str):
    import dataclasses

    from rayspace.model.cluster import Origin

    spec = dataclasses.replace(record.spec, name=name)
    return dataclasses.replace(record, spec=spec, origin=Origin.ADOPTED)
