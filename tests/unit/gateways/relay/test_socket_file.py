"""The socket file that leads to a server: what goes through it, and what does not."""

from __future__ import annotations

import asyncio
import stat

import aiohttp
import pytest
from aiohttp import web

from rayspace.gateways.relay.pane_ways import UrlWay
from rayspace.gateways.relay.socket_file import UnixRelay


class Behind:
    """The server behind a relay."""

    def __init__(self) -> None:
        self.seen: list[web.Request] = []
        self.gate = asyncio.Event()

    async def serve(self, request: web.Request) -> web.StreamResponse:
        self.seen.append(request)
        if request.path == "/socket":
            socket = web.WebSocketResponse()
            await socket.prepare(request)
            async for message in socket:
                await socket.send_str(f"heard {message.data}")
            return socket
        if request.path == "/slow":
            response = web.StreamResponse()
            await response.prepare(request)
            await response.write(b"first")
            await self.gate.wait()
            await response.write(b"last")
            return response
        if request.path == "/away":
            raise web.HTTPFound("/there?a=1#b")
        headers = {"Set-Cookie": "a=b", "X-Secret": "s", "ETag": '"1"'}
        return web.Response(body=b"x" * 1000, headers=headers)


@pytest.fixture
async def behind():
    server = Behind()
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", server.serve)
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    server.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield server
    server.gate.set()
    await runner.cleanup()


@pytest.fixture
async def relay(behind):
    relay = UnixRelay(UrlWay(behind.url, "Bearer theirs"), frozenset({"GET", "HEAD"}))
    await relay.start()
    yield relay
    await relay.close()
    assert not relay.path.exists()


@pytest.fixture
async def through(relay):
    connector = aiohttp.UnixConnector(str(relay.path))
    async with aiohttp.ClientSession("http://localhost", connector=connector) as session:
        yield session


async def test_only_its_owner_may_enter(relay):
    assert stat.S_IMODE(relay.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(relay.path.parent.stat().st_mode) == 0o700


async def test_nothing_of_jupyters_goes_through_and_no_cookie_comes_back(behind, through):
    ours = {
        "Cookie": "jupyter=1",
        "Authorization": "token ours",
        "Origin": "http://x",
        "Referer": "http://x/?token=1",
        "X-XSRFToken": "t",
        "If-None-Match": '"1"',
    }
    async with through.get("/page", headers=ours) as answer:
        assert len(await answer.read()) == 1000
        returned = answer.headers

    (request,) = behind.seen
    assert request.headers["Authorization"] == "Bearer theirs"
    assert request.headers["If-None-Match"] == '"1"'
    for name in ("Cookie", "Origin", "Referer", "X-XSRFToken"):
        assert name not in request.headers
    assert "Set-Cookie" not in returned
    assert "X-Secret" not in returned
    assert returned["ETag"] == '"1"'


async def test_what_comes_bit_by_bit_goes_through_bit_by_bit(behind, through):
    async with through.get("/slow") as answer:
        assert await asyncio.wait_for(answer.content.readany(), 120) == b"first"
        behind.gate.set()
        assert await answer.content.read() == b"last"


async def test_a_redirection_stays_here(through):
    async with through.get("/away", allow_redirects=False) as answer:
        assert answer.headers["Location"] == "/there?a=1#b"


async def test_websockets_go_through(through):
    async with through.ws_connect("/socket") as socket:
        await socket.send_str("me")
        assert (await socket.receive(120)).data == "heard me"


async def test_what_changes_something_does_not(behind, through):
    async with through.post("/page", data=b"x") as answer:
        assert answer.status == 405
    assert not behind.seen


async def test_a_server_that_is_away_is_told(through, behind):
    relay = UnixRelay(UrlWay("http://127.0.0.1:9"), frozenset({"GET"}))
    await relay.start()
    connector = aiohttp.UnixConnector(str(relay.path))
    async with (
        aiohttp.ClientSession("http://localhost", connector=connector) as session,
        session.get("/") as answer,
    ):
        assert answer.status == 503
        assert "does not answer" in (await answer.json())["message"]
    await relay.close()
