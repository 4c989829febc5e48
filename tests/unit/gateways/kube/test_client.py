"""Requests to an API server that is away, busy, or silent: which are sent again."""

from __future__ import annotations

import asyncio
import gc

import pytest
import yaml
from aiohttp import web

from rayspace.errors import GatewayTimeoutError, GatewayUnavailableError
from rayspace.gateways.kube.client import KubeClient
from rayspace.model.target import Target


class Server:
    """Answers each request by the next of its moods; well when there are none left."""

    def __init__(self) -> None:
        self.moods: list[str] = []
        self.n_requests = 0
        #: Time that goes by for who waits for an answer. [s]
        self.skipped_s = 0.0
        #: Connections by which it was asked.
        self.peers: set[str] = set()

    async def answer(self, request: web.Request) -> web.Response:
        self.n_requests += 1
        self.peers.add(str(request.transport.get_extra_info("peername")))
        mood = self.moods.pop(0) if self.moods else "well"
        if mood == "silent":
            self.skipped_s += 60.0
            await asyncio.Event().wait()
        status = {"well": 200, "silent": 200, "busy": 429, "away": 503}[mood]
        headers = {"Retry-After": "0"} if status != 200 else {}
        return web.json_response({"kind": "Status", "metadata": {}}, status=status, headers=headers)


@pytest.fixture
async def server(tmp_path, monkeypatch):
    """Serve in a loop whose time flies while the server is silent, and only then."""
    made, loop = Server(), asyncio.get_running_loop()
    real_s = loop.time
    monkeypatch.setattr(loop, "time", lambda: real_s() + made.skipped_s)
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", made.answer)
    runner = web.AppRunner(application, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    config = {
        "clusters": [
            {"name": "c", "cluster": {"server": f"http://127.0.0.1:{runner.addresses[0][1]}"}}
        ],
        "users": [{"name": "u", "user": {"token": "login"}}],
        "contexts": [{"name": "dev", "context": {"cluster": "c", "user": "u"}}],
    }
    (tmp_path / "config").write_text(yaml.safe_dump(config))
    made.client = KubeClient(Target("dev", "dev", "team"), {"KUBECONFIG": f"{tmp_path}/config"})
    yield made
    await made.client.close()
    await runner.cleanup()


@pytest.mark.parametrize(
    ("method", "moods", "n_requests", "error"),
    [
        ("GET", [], 1, None),
        ("GET", ["away", "busy", "away"], 4, None),
        ("GET", ["away"] * 9, 4, GatewayUnavailableError),
        # A connection that died while a laptop slept; a server that is silent is told.
        ("GET", ["silent"], 2, None),
        ("PATCH", ["silent"], 2, None),
        ("GET", ["silent"] * 9, 2, GatewayTimeoutError),
        # What may have been heard is not said twice.
        ("POST", ["silent"], 1, GatewayTimeoutError),
        ("POST", ["away"], 1, GatewayUnavailableError),
        ("POST", ["busy"], 2, None),
    ],
)
async def test_only_what_does_no_harm_is_sent_again(server, method, moods, n_requests, error):
    """So often, and no more."""
    server.moods = list(moods)
    asking = server.client.request(method, "/api", operation="ask", body={})
    if error is None:
        await asking
    else:
        with pytest.raises(error):
            await asking
    assert server.n_requests == n_requests


async def test_each_loop_has_connections_of_its_own_which_end_with_it(server, caplog):
    """As in a notebook that awaits, and has magics: neither takes or leaves what is the other's."""
    await server.client.request("GET", "/api", operation="ask")
    await asyncio.to_thread(asyncio.run, server.client.request("GET", "/api", operation="ask"))
    await server.client.request("GET", "/api", operation="ask")
    gc.collect()
    assert caplog.messages == []
    assert len(server.peers) == 2
    assert list(server.client._sessions._open) == [asyncio.get_running_loop()]
    await server.client.close()
    assert server.client._sessions._open == {}
    await server.client.request("GET", "/api", operation="ask")
    assert len(server.peers) == 3
