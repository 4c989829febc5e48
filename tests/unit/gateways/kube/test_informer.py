"""A copy of what an API server has, against a server that misbehaves."""

from __future__ import annotations

import asyncio
import contextlib
import json

import pytest
from aiohttp import web

from rayspace.errors import GatewayError, ObjectNotFoundError, RefusedError
from rayspace.gateways.kube.client import KubeClient
from rayspace.gateways.kube.informer import Informer
from rayspace.model.target import Target
from tests.waiting import until

PATH = "/apis/ray.io/v1/namespaces/n/rayclusters"


def item(name: str, version: int) -> dict:
    return {"metadata": {"name": name, "uid": name, "resourceVersion": str(version)}}


class ApiServer:
    """Answers lists and watches as a test says; counts them."""

    def __init__(self) -> None:
        #: What each list in turn gives; the last one is repeated.
        self.lists = [[item("a", 1)]]
        self.list_status = 200
        #: Lines of each watch in turn; the last one is repeated and stays open.
        self.watches: list[list[object]] = [[]]
        self.asked: list[dict[str, str]] = []

    async def answer(self, request: web.Request) -> web.StreamResponse:
        query = dict(request.query)
        self.asked.append(query)
        if "watch" not in query:
            items = self.lists[0] if len(self.lists) == 1 else self.lists.pop(0)
            body = {"metadata": {"resourceVersion": "1"}, "items": items}
            if self.list_status != 200:
                body = {"kind": "Status", "message": "no", "code": self.list_status}
            return web.json_response(body, status=self.list_status)
        response = web.StreamResponse()
        await response.prepare(request)
        is_last = len(self.watches) == 1
        lines = self.watches[0] if is_last else self.watches.pop(0)
        for line in lines:
            text = line if isinstance(line, str) else json.dumps(line)
            await response.write(text.encode() + b"\n")
        if not is_last:
            return response
        await asyncio.Event().wait()
        return response


@pytest.fixture
async def server(tmp_path):
    """Start an API server, and an informer that follows it."""
    api = ApiServer()
    app = web.Application()
    app.router.add_get(PATH, api.answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "c", "cluster": {"server": f"http://127.0.0.1:{port}"}}],
        "users": [{"name": "u", "user": {"token": "t"}}],
        "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
    }
    path = tmp_path / "kubeconfig"
    path.write_text(json.dumps(config))
    api.client = KubeClient(Target("x", "x", "n"), {"KUBECONFIG": str(path)})
    yield api
    await api.client.close()
    await runner.cleanup()


@contextlib.asynccontextmanager
async def following(server: ApiServer, path=PATH):
    informer = Informer(server.client, path, "RayClusters", lambda _: None)
    task = asyncio.create_task(informer.run())
    yield informer
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_what_changes_is_followed(server):
    """Added, changed and deleted; a bookmark only moves the place from which it goes on."""
    server.watches = [
        [
            {"type": "ADDED", "object": item("b", 2)},
            {"type": "MODIFIED", "object": item("b", 3)},
            {"type": "DELETED", "object": item("a", 4)},
            {"type": "BOOKMARK", "object": {"metadata": {"resourceVersion": "9"}}},
        ],
        [],
    ]
    async with following(server) as informer:
        await until(lambda: len(server.asked) == 3)
        assert sorted(informer.objects) == ["b"]
        assert informer.objects["b"]["metadata"]["resourceVersion"] == "3"
        assert [query.get("resourceVersion") for query in server.asked] == [None, "1", "9"]


@pytest.mark.parametrize(
    "line",
    [
        {"type": "ERROR", "object": {"kind": "Status", "code": 410, "message": "too old"}},
        "<html>",
        "[]",
        {"type": "ADDED", "object": {}},
    ],
    ids=["410", "a page", "a list", "no metadata"],
)
async def test_after_a_line_that_leads_nowhere_all_is_listed_anew(server, line):
    """Nothing that was missed stays missed."""
    server.watches = [[line], []]
    server.lists = [[item("a", 1)], [item("c", 7)]]
    async with following(server) as informer:
        await until(lambda: "c" in informer.objects)
        assert list(informer.objects) == ["c"]


@pytest.mark.parametrize("status", [401, 403, 404])
async def test_what_is_not_for_us_ends_the_waiting(server, status):
    """Whoever waits for the first list is told, and not kept."""
    server.list_status = status
    async with following(server) as informer, asyncio.timeout(20):
        await informer.settled.wait()
        assert informer.refused is not None
        assert isinstance(informer.refused, RefusedError) == (status != 404)


async def test_a_server_that_fails_is_trouble_until_it_answers(server):
    """The copy is called old meanwhile."""
    server.list_status = 500
    async with following(server) as informer:
        await until(lambda: informer.trouble is not None)
        assert isinstance(informer.trouble, GatewayError)
        assert not informer.settled.is_set()
        server.list_status = 200
        await until(informer.settled.is_set)
        assert informer.trouble is None


async def test_a_path_may_have_to_be_found_first(server):
    """That of a kind whose version only the server knows; without the kind there is nothing."""

    async def find() -> str:
        return PATH

    async def find_none() -> str:
        raise ObjectNotFoundError("There is no such group.")

    async with following(server, find) as informer:
        await until(lambda: len(server.asked) == 2)
        assert list(informer.objects) == ["a"]
    async with following(server, find_none) as informer, asyncio.timeout(20):
        await informer.settled.wait()
        assert isinstance(informer.refused, ObjectNotFoundError)


async def test_settings_that_are_wrong_are_told(server, tmp_path):
    """A certificate that is not there is no reason to wait for ever."""
    text = (tmp_path / "kubeconfig").read_text()
    broken = json.loads(text)
    broken["clusters"][0]["cluster"] = {
        "server": "https://127.0.0.1:1",
        "certificate-authority": "/nowhere/ca.crt",
    }
    (tmp_path / "kubeconfig").write_text(json.dumps(broken))
    async with following(server) as informer, asyncio.timeout(20):
        await informer.settled.wait()
        assert "can't be used" in informer.refused.message
