"""A forwarded port against an API server that speaks the protocol, and can be made to fail."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import logging
import os
import socket
import warnings
from contextlib import asynccontextmanager

import pytest
from aiohttp import WSCloseCode, WSMsgType, web

from rayspace.errors import (
    AccessError,
    GatewayTimeoutError,
    GatewayUnavailableError,
    ObjectNotFoundError,
)
from rayspace.gateways.kube import port_forward
from rayspace.gateways.kube.client import KubeClient
from rayspace.gateways.kube.port_channel import PROTOCOL, PortChannel, reset
from rayspace.gateways.kube.port_forward import PortForward
from rayspace.model.target import Target
from tests.waiting import until


class ApiServer:
    """Answers requests to forward a port by a script, and notes which pods were asked for."""

    def __init__(self) -> None:
        self.pods: list[str] = []
        self.statuses: list[int] = []
        self.script = echo
        self.n_open = 0

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.pods.append(request.match_info["pod"])
        assert request.query["ports"] == "8265"
        if self.statuses:
            return web.Response(status=self.statuses.pop(0))
        ws = web.WebSocketResponse(protocols=(PROTOCOL,), max_msg_size=0, autoping=False)
        await ws.prepare(request)
        assert ws.ws_protocol == PROTOCOL
        self.n_open += 1
        try:
            for channel in (b"\0", b"\1"):
                await ws.send_bytes(channel + (8265).to_bytes(2, "little"))
            await self.script(ws)
            if not ws.closed:
                await ws.close()
        finally:
            self.n_open -= 1
        return ws


async def echo(ws) -> None:
    """Say what is said."""
    async for message in ws:
        if message.type is WSMsgType.BINARY:
            await ws.send_bytes(message.data)
        elif message.type is WSMsgType.PING:
            await ws.pong(message.data)


@pytest.fixture
async def api(tmp_path):
    """Return an API server, and a client of it."""
    server = ApiServer()
    app = web.Application()
    path = "/api/v1/namespaces/team/pods/{pod}/portforward"
    app.router.add_get(path, server.answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "c",
        "clusters": [
            {"name": "c", "cluster": {"server": f"http://127.0.0.1:{runner.addresses[0][1]}"}}
        ],
        "users": [{"name": "c", "user": {"token": "t"}}],
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "c"}}],
    }
    (tmp_path / "config").write_text(json.dumps(config))
    server.client = KubeClient(
        Target("team-a", "c", "team"), {"KUBECONFIG": str(tmp_path / "config")}
    )
    server.stop = runner.cleanup
    yield server
    await server.client.close()
    await runner.cleanup()


async def one_head() -> str:
    return "head"


def forward_to(api: ApiServer, find_pod=one_head, **changes) -> PortForward:
    return PortForward(api.client, "team", find_pod, 8265, **changes)


@asynccontextmanager
async def connected(port: int):
    """Connect, and hang up at the end."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        yield reader, writer
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


async def say(port: int, words: bytes) -> bytes:
    async with connected(port) as (reader, writer):
        writer.write(words)
        return await reader.read(1000)


async def test_bytes_go_both_ways_unchanged(api):
    """Also more of them than any buffer on the way holds."""
    data = os.urandom(20 * 2**20)
    async with forward_to(api) as forward, connected(forward.local_port) as (reader, writer):
        writer.write(data)
        assert await reader.readexactly(len(data)) == data


async def test_the_pod_is_found_anew_for_each_connection(api):
    names = iter(("head-1", "head-2"))

    async def find() -> str:
        return next(names)

    async with forward_to(api, find) as forward:
        assert await say(forward.local_port, b"a") == b"a"
        assert await say(forward.local_port, b"b") == b"b"
    assert api.pods == ["head-1", "head-2"]


async def test_a_connection_that_comes_too_early_is_served_late(api):
    """The pod is not found at first, then the server stumbles, then all is well."""
    missing = [ObjectNotFoundError("No head."), ObjectNotFoundError("No head.")]
    api.statuses = [500, 404, 503]

    async def find() -> str:
        if missing:
            raise missing.pop()
        return "head"

    async with forward_to(api, find) as forward:
        assert await say(forward.local_port, b"late") == b"late"
        assert forward.failure is None
    assert len(api.pods) == 4


async def test_patience_ends(api, monkeypatch):
    """The connection is closed, and why is kept: the next attempt would come too late."""
    monkeypatch.setattr(port_forward, "_FIRST_PAUSE_S", 600.0)
    monkeypatch.setattr(port_forward, "_ATTEMPT_S", 60.0)
    api.statuses = [503] * 100
    async with forward_to(api, patience_s=60.0) as forward:
        with pytest.raises(ConnectionResetError):
            await say(forward.local_port, b"x")
        assert isinstance(forward.failure, GatewayUnavailableError)


async def test_a_search_that_does_not_end_is_given_up(api):
    async def find() -> str:
        await asyncio.sleep(60)
        return "head"

    async with forward_to(api, find, patience_s=0.3) as forward:
        with pytest.raises(ConnectionResetError):
            await say(forward.local_port, b"x")
        assert isinstance(forward.failure, GatewayTimeoutError)


async def test_who_may_not_is_told_at_once(api):
    api.statuses = [403] * 100
    async with forward_to(api) as forward:
        with pytest.raises(ConnectionResetError):
            await say(forward.local_port, b"x")
        assert isinstance(forward.failure, AccessError)
        assert "rbac.yaml" in forward.failure.hint
    assert len(api.pods) == 1


async def test_an_api_server_that_has_just_started_is_not_believed(api):
    """It refuses everybody until it has read the rights; 401 is believed, always."""
    api.statuses = [503, 403]
    async with forward_to(api) as forward:
        assert await say(forward.local_port, b"a") == b"a"
        api.statuses = [403]
        assert await say(forward.local_port, b"b") == b"b"
        api.statuses = [401] * 100
        with pytest.raises(ConnectionResetError):
            await say(forward.local_port, b"c")
    assert len(api.statuses) == 99


async def test_who_hangs_up_while_waiting_is_waited_for_no_more(api):
    api.statuses = [503] * 1000
    async with forward_to(api) as forward:
        async with connected(forward.local_port):
            await until(lambda: api.pods)
        await until(lambda: not forward.n_connections)


async def test_an_error_of_the_pod_is_logged_and_resets_the_connection(api, caplog):
    async def refuse(ws) -> None:
        await ws.send_bytes(b"\1connection refused inside\n")
        await ws.close()

    api.script = refuse
    caplog.set_level(logging.DEBUG, logger="rayspace")
    async with forward_to(api) as forward:
        with pytest.raises(ConnectionResetError):
            await say(forward.local_port, b"x")
    assert "connection refused inside" in caplog.text


@pytest.mark.parametrize("how", ["lost", "going away"])
async def test_half_an_answer_is_not_taken_for_a_whole_one(api, how):
    async def break_off(ws) -> None:
        await ws.send_bytes(b"\0half")
        if how == "lost":
            ws._writer.transport.abort()
        else:
            await ws.close(code=WSCloseCode.INTERNAL_ERROR)

    api.script = break_off
    async with forward_to(api) as forward, connected(forward.local_port) as (reader, _):
        with pytest.raises(ConnectionResetError):
            await reader.read()


async def test_the_end_that_the_pod_makes_is_an_end(api):
    async def once(ws) -> None:
        await ws.send_bytes(b"\0all of it")

    api.script = once
    async with forward_to(api) as forward, connected(forward.local_port) as (reader, _):
        assert await reader.read() == b"all of it"


async def test_who_is_done_sending_still_gets_the_answer(api):
    async def answer_late(ws) -> None:
        assert (await ws.receive()).data == b"\0question"
        for word in (b"\0an", b"\0swer"):
            await asyncio.sleep(0.2)
            await ws.send_bytes(word)
        await ws.close()

    api.script = answer_late
    async with channel(api, linger_s=60.0) as port, connected(port) as (reader, writer):
        writer.write(b"question")
        writer.write_eof()
        assert await reader.read() == b"answer"


@asynccontextmanager
async def channel(api, **times):
    """Offer a port whose connections have other times."""
    tasks = set()

    async def serve(reader, writer) -> None:
        tasks.add(asyncio.current_task())
        path = "/api/v1/namespaces/team/pods/head/portforward"
        try:
            async with api.client.socket(
                path, query={"ports": 8265}, protocols=(PROTOCOL,), heartbeat_s=None
            ) as ws:
                await PortChannel(reader, writer, ws, **times).run()
        finally:
            reset(writer)

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@pytest.mark.parametrize("silence_s", [20.0, 0.5])
async def test_who_hung_up_keeps_nothing_open(api, silence_s):
    """The protocol can't pass it on, so the connection ends when nothing comes but pongs."""
    async with channel(api, linger_s=1.2, silence_s=silence_s) as port:
        assert await say(port, b"x") == b"x"
        await until(lambda: api.n_open == 0)


async def test_a_side_that_gives_no_sign_of_life_is_given_up(api):
    async def play_dead(_ws) -> None:
        await asyncio.sleep(30)

    api.script = play_dead
    async with channel(api, silence_s=0.1) as port, connected(port) as (reader, _):
        with pytest.raises(ConnectionResetError):
            await reader.read(1)


async def test_who_is_silent_but_answers_pings_is_left_alone(api):
    n_pings = 0

    async def say_nothing(ws) -> None:
        nonlocal n_pings
        async for message in ws:
            if message.type is WSMsgType.PING:
                n_pings += 1
                await ws.pong(message.data)
            else:
                await ws.send_bytes(message.data)

    api.script = say_nothing
    async with channel(api, silence_s=1.0) as port, connected(port) as (reader, writer):
        await until(lambda: n_pings >= 2)
        writer.write(b"still")
        assert await reader.read(5) == b"still"


async def test_who_does_not_read_slows_the_pod_and_is_not_taken_for_dead(api):
    """What lies on the way stays small, and all of it arrives once it is read."""
    block, n_sent = b"\0" + bytes(2**16), 0

    async def pour(ws) -> None:
        nonlocal n_sent
        for _ in range(1000):
            await ws.send_bytes(block)
            n_sent += 1

    api.script = pour
    async with channel(api, silence_s=0.1) as port, connected(port) as (reader, _):
        held_up = -1
        while held_up != n_sent or not n_sent:
            held_up = n_sent
            await asyncio.sleep(0.5)
        assert 0 < held_up < 500
        assert len(await reader.read()) == 1000 * 2**16


async def test_a_pod_that_does_not_read_slows_who_sends(api):
    begin = asyncio.Event()

    async def wait_first(ws) -> None:
        await begin.wait()
        await echo(ws)

    api.script = wait_first
    async with channel(api, silence_s=0.1) as port, connected(port) as (reader, writer):
        data = os.urandom(64 * 2**20)
        writer.write(data)
        await asyncio.sleep(0.5)
        assert writer.transport.get_write_buffer_size() > 2**20
        begin.set()
        assert await reader.readexactly(len(data)) == data


async def test_closing_leaves_nothing_behind(api):
    """No task, no socket and no warning, whatever state the connections were in."""
    gc.collect()  # What others left.
    before = asyncio.all_tasks()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        forward = forward_to(api)
        await forward.start()
        await forward.start()  # A second time changes nothing.
        port = forward.local_port
        async with connected(port) as (reader, writer), connected(port):
            writer.write(b"x")
            assert await reader.read(1) == b"x"
            await until(lambda: api.n_open == 2)
            await forward.close()
            with pytest.raises(ConnectionResetError):
                await reader.read(1)
        await forward.close()
        assert (forward.local_port, forward.n_connections) == (0, 0)
        await until(lambda: api.n_open == 0)
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", port)
        await api.client.close()
        await api.stop()
        await until(lambda: asyncio.all_tasks() <= before, "no task is left")
        gc.collect()
    assert [str(w.message) for w in caught] == []


async def test_small_words_are_not_held_back(api):
    """TCP_NODELAY is on, which makes 40 ms with delayed acknowledgements."""
    seen = []

    class Spy(PortForward):
        def _accept(self, reader, writer) -> None:
            seen.append(writer.get_extra_info("socket"))
            super()._accept(reader, writer)

    async with Spy(api.client, "team", one_head, 8265) as forward:
        assert await say(forward.local_port, b"x") == b"x"
        assert seen[0].getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
