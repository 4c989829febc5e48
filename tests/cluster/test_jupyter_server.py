"""A Jupyter server whose clusters are on a real Kubernetes."""

from __future__ import annotations

import asyncio
from urllib.parse import quote

import pytest

from tests.cluster.test_product import Person
from tests.server.jupyter_process import JupyterProcess
from tests.waiting import SLOW_S


@pytest.fixture
def seat(cluster, namespace, tmp_path, own_home):
    """Return a person, and the Jupyter server of their laptop."""
    person = Person(cluster, namespace, tmp_path)
    home = tmp_path / "jupyter"
    home.mkdir()
    environ = {"KUBECONFIG": person.environ["KUBECONFIG"]}
    server = JupyterProcess(
        person.app.project, home, person.app.state_dir, "/user/alice/", environ=environ
    ).start()
    yield person, server
    server.stop(hard=True)


async def test_a_cluster_from_the_panel_to_its_dashboard(seat):
    """Every step is told to a tab; the dashboard comes through the API server, with its token."""
    person, server = seat
    where = quote(person.target, safe="")
    wish = {"profile": "tiny", "target": person.target, "name": "one"}
    plan = await server.post("/rayspace/clusters/plan", wish)
    async with server.stream() as tab:
        await tab.next()
        await tab.until("target", name=person.target, state="answers")
        operation = await server.post("/rayspace/clusters", wish, status=202)
        await tab.until("cluster", name="one", phase="ready", timeout_s=SLOW_S)
        ended = await server.done(operation)
        version = await server.get(f"/rayspace/proxy/ray/{where}/one/api/version")
        page = await server.ask("GET", f"/rayspace/proxy/ray/{where}/one/")
        while not (detail := await server.get(f"/rayspace/clusters/{where}/one"))["nodes"]:
            # A head that answers lists itself some seconds later.
            await asyncio.sleep(0.5)
        down = await server.post(f"/rayspace/clusters/{where}/one/down", status=202)
        await tab.until("cluster_gone", name="one", timeout_s=SLOW_S)

    assert "kind: RayCluster" in plan["yaml"]
    assert plan["problems"] == []
    assert ended["result"]["owner"] == "scientist"
    assert version["ray_version"] == "2.60.0"
    assert "<title>Ray Dashboard</title>" in page.text
    assert detail["cluster"]["phase"] == "ready"
    assert [node["is_head"] for node in detail["nodes"]][:1] == [True]
    assert (await server.done(down))["state"] == "done"
    assert "Bearer" not in server.log


async def test_why_a_cluster_does_not_come_up_is_told(seat):
    person, server = seat
    where = quote(person.target, safe="")
    wish = {"profile": "tiny", "target": person.target, "name": "bad", "force": True,
            "image": "registry.invalid/nobody/ray:2.60.0-py311"}  # fmt: skip
    async with server.stream() as tab:
        await tab.next()
        operation = await server.post("/rayspace/clusters", wish, status=202)
        problem = {"code": ""}
        while problem["code"] != "pull_failing":
            message = await tab.until("cluster", name="bad", timeout_s=SLOW_S)
            problem = next(iter(message["data"]["problems"]), problem)
    detail = await server.get(f"/rayspace/clusters/{where}/bad")
    plan = await server.post(
        "/rayspace/clusters/plan", {**wish, "name": "huge", "memory": "900GiB"}
    )
    goes_on = await server.get(f"/rayspace/operations/{operation['id']}")

    assert "registry.invalid" in problem["summary"]
    assert problem["hint"]
    assert detail["cluster"]["problems"][0]["code"] == problem["code"]
    # An image may yet be pushed: who waits goes on waiting, and sees what for.
    assert goes_on["state"] == "running"
    # This person may not read the nodes, so what they hold is not known, and that is said.
    assert "may not read the nodes" in " ".join(plan["notes"])
