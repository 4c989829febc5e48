"""The relay to MLflow: who gets in, what goes on, and what never does."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import logging

import aiohttp
import pytest
from aiohttp import web

from rayspace.errors import AccessError, GatewayUnavailableError
from rayspace.gateways.relay.guard import RelayGuard
from rayspace.gateways.relay.port import TrackingRelay

_OWN = ("ada", "correct horse")
_SIZE_BYTES = 8 * 2**20


class Backend:
    """What stands behind the relay: says what it was sent, or fails."""

    def __init__(self) -> None:
        self.error: Exception | None = None
        self.seen: list[dict] = []
        self.base = ""
        self.is_closed = False
        #: How many answers to `/torn` still break off. [1]
        self.n_to_tear = 0

    @contextlib.asynccontextmanager
    async def opened(self, method, path, *, headers, data=None):
        if self.error is not None:
            raise self.error
        async with (
            aiohttp.ClientSession() as session,
            session.request(
                method, self.base + path, headers=headers, data=data, allow_redirects=False
            ) as response,
        ):
            yield response

    def local_path(self, location):
        return location.removeprefix("/prefix")

    async def close(self):
        self.is_closed = True

    async def answer(self, request):
        n_bytes = 0
        async for chunk in request.content.iter_any():
            n_bytes += len(chunk)
        seen = {"method": request.method, "path": request.raw_path, "n_bytes": n_bytes}
        self.seen.append({**seen, "headers": dict(request.headers)})
        if request.path == "/moved":
            return web.Response(status=302, headers={"Location": "/prefix/there"})
        if request.path == "/cut":
            return await torn(request, _SIZE_BYTES)
        if request.path.startswith("/torn") and self.n_to_tear:
            self.n_to_tear -= 1
            return await torn(request, 100)
        if request.path == "/large":
            return web.Response(body=b"y" * _SIZE_BYTES)
        headers = {"Set-Cookie": "a=b", "Access-Control-Allow-Origin": "*"}
        status = 404 if request.path == "/missing" else 200
        return web.json_response(seen, headers=headers, status=status)


async def torn(request, n_bytes: int):
    """Begin an answer, and end it in its middle."""
    response = web.StreamResponse(headers={"Content-Length": str(n_bytes)})
    await response.prepare(request)
    await response.write(b"x" * 10)
    request.transport.close()
    return response


@pytest.fixture
async def backend():
    """Serve the backend."""
    made = Backend()
    application = web.Application(client_max_size=2**30)
    application.router.add_route("*", "/{path:.*}", made.answer)
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    made.base = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield made
    await runner.cleanup()


@pytest.fixture
async def relay(backend):
    """Start a relay to it."""
    made = TrackingRelay(backend, RelayGuard(_OWN))
    await made.start()
    yield made
    await made.close()
    assert backend.is_closed


@pytest.fixture
async def session():
    """Be a client that follows nothing and keeps no cookies."""
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as made:
        yield made


def _bearer(relay) -> dict[str, str]:
    return {"Authorization": f"Bearer {relay.guard.token}"}


def _basic(user: str, password: str) -> dict[str, str]:
    pair = base64.b64encode(f"{user}:{password}".encode()).decode()
    return {"Authorization": f"Basic {pair}"}


async def test_the_token_opens_it_as_bearer_or_password_and_goes_no_further(
    relay, session, backend
):
    """So does the name by which the person is known to MLflow, as its client shows that first."""
    token = relay.guard.token
    for headers in (_bearer(relay), _basic("anybody", token), _basic(*_OWN)):
        answer = await session.get(f"{relay.uri}/a%2Fb?q=1%262", headers=headers)
        assert (answer.status, (await answer.json())["path"]) == (200, "/a%2Fb?q=1%262")
    assert "Authorization" not in str([seen["headers"] for seen in backend.seen])
    assert token not in str(backend.seen)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer wrong"},
        {"Authorization": "Bearer "},
        {"Authorization": "Basic !"},
        {"Authorization": "Basic /w=="},
        {"Authorization": "Digest x"},
        _basic("rayspace", "wrong"),
        _basic("ada", ""),
        {"Cookie": "rayspace-mlflow=x"},
    ],
)
async def test_nobody_else_gets_in(relay, session, backend, headers):
    """Whatever they show; and nothing is sent on."""
    answer = await session.get(f"{relay.uri}/api", headers=headers)
    assert answer.status == 403
    assert "WWW-Authenticate" not in answer.headers
    assert backend.seen == []


async def test_without_a_name_of_their_own_an_empty_one_opens_nothing(backend, session):
    """Two empty texts are the same."""
    relay = TrackingRelay(backend, RelayGuard())
    await relay.start()
    assert (await session.get(relay.uri, headers=_basic("", ""))).status == 403
    await relay.close()


async def test_a_name_that_leads_to_this_machine_is_refused(relay, session):
    """A page of another site could take one and be let in by the browser."""
    headers = {**_bearer(relay), "Host": f"evil.example.org:{relay.port}"}
    assert (await session.get(relay.uri, headers=headers)).status == 403


@pytest.mark.parametrize(
    "path",
    [
        "/a/../../secrets",
        "/..",
        "/a/%2e%2e/b",
        "/a/%252e./b",
        "/a/.%2E%2fb",
        "/a\\..\\b",
        "http://x/a",
    ],
)
async def test_a_path_never_leads_above_mlflow(relay, backend, path):
    """Above it is the API server, which would take it for the person."""
    reader, writer = await asyncio.open_connection("127.0.0.1", relay.port)
    head = {"Host": f"127.0.0.1:{relay.port}", "Connection": "close", **_bearer(relay)}
    lines = [f"GET {path} HTTP/1.1", *(f"{name}: {value}" for name, value in head.items())]
    writer.write("\r\n".join([*lines, "", ""]).encode())
    answer = await reader.read()
    writer.close()
    assert answer.split()[1] in {b"400", b"403"}
    assert backend.seen == []


async def test_a_browser_gets_a_cookie_once_and_keeps_to_the_relays_own_pages(
    relay, session, backend
):
    """The key counts once; another page of this machine does not ride on the cookie."""
    address = relay.browser_uri()
    assert relay.guard.token not in address
    entered = await session.get(address, allow_redirects=False)
    assert (entered.status, entered.headers["Location"]) == (303, "/")
    cookie = entered.headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    assert (await session.get(address, allow_redirects=False)).status == 403
    own = {"Cookie": cookie.partition(";")[0]}
    for more, status in (
        ({}, 200),
        ({"Origin": relay.uri, "Sec-Fetch-Site": "same-origin"}, 200),
        ({"Origin": "http://127.0.0.1:1"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Origin": "null"}, 403),
    ):
        answer = await session.post(f"{relay.uri}/ajax", headers={**own, **more})
        assert answer.status == status, more
    assert all({"Cookie", "Origin"}.isdisjoint(seen["headers"]) for seen in backend.seen)


async def test_bodies_stream_both_ways_and_headers_are_sorted(relay, session, backend):
    """What concerns one connection, or would act for somebody else, stays behind."""
    headers = {**_bearer(relay), "Impersonate-User": "root", "X-Remote-User": "root"}
    answer = await session.put(f"{relay.uri}/a", headers=headers, data=b"z" * _SIZE_BYTES)
    assert (await answer.json())["n_bytes"] == _SIZE_BYTES
    assert {"Impersonate-User", "X-Remote-User"}.isdisjoint(backend.seen[0]["headers"])
    assert {"Set-Cookie", "Access-Control-Allow-Origin"}.isdisjoint(answer.headers)
    large = await session.get(f"{relay.uri}/large", headers=_bearer(relay))
    assert len(await large.read()) == _SIZE_BYTES


async def test_answers_of_every_kind_come_through(relay, session):
    """Failures with their bodies, and redirections as seen from here."""
    missing = await session.get(f"{relay.uri}/missing", headers=_bearer(relay))
    assert (missing.status, (await missing.json())["path"]) == (404, "/missing")
    moved = await session.get(f"{relay.uri}/moved", headers=_bearer(relay), allow_redirects=False)
    assert (moved.status, moved.headers["Location"]) == (302, "/there")


async def test_an_answer_that_breaks_off_is_not_taken_for_the_whole(relay, session, backend):
    """The connection is cut: what was passed on can't be taken back."""
    with pytest.raises(aiohttp.ClientError):
        await (await session.get(f"{relay.uri}/cut", headers=_bearer(relay))).read()
    assert len(backend.seen) == 1


@pytest.mark.parametrize(("method", "path"), [("GET", "/torn"), ("POST", "/torn/runs/search")])
async def test_what_only_reads_is_asked_again_where_its_answer_broke_off(
    relay, session, backend, method, path
):
    """With what it was asked for; nobody on this side sees of it."""
    backend.n_to_tear = 3
    data = b"" if method == "GET" else b"z" * 50
    answer = await session.request(method, relay.uri + path, headers=_bearer(relay), data=data)
    assert (answer.status, (await answer.json())["n_bytes"]) == (200, len(data))
    assert [seen["n_bytes"] for seen in backend.seen] == [len(data)] * 4


async def test_what_breaks_off_each_time_is_told(relay, session, backend):
    """As something that may pass."""
    backend.n_to_tear = 100
    answer = await session.get(f"{relay.uri}/torn", headers=_bearer(relay))
    assert (answer.status, answer.headers["Retry-After"]) == (503, "2")
    assert "broke off" in (await answer.json())["message"]
    assert len(backend.seen) == 5


async def test_what_changes_something_is_sent_once(relay, session, backend):
    """It was heard: a second run would be made of one."""
    backend.n_to_tear = 1
    with pytest.raises(aiohttp.ClientError):
        await (await session.post(f"{relay.uri}/torn/runs", headers=_bearer(relay))).read()
    assert len(backend.seen) == 1


async def test_trouble_on_the_way_is_one_to_try_again(relay, session, backend, caplog):
    """MLflow's client does so after 503; what is refused stays refused. No token is logged."""
    caplog.set_level(logging.DEBUG)
    backend.error = GatewayUnavailableError("Away.", system="MLflow", operation="reach it")
    away = await session.get(f"{relay.uri}/api", headers=_bearer(relay))
    assert (away.status, away.headers["Retry-After"]) == (503, "2")
    assert (await away.json())["error_code"] == "TEMPORARILY_UNAVAILABLE"
    backend.error = AccessError("You may not.")
    refused = await session.get(f"{relay.uri}/api", headers=_bearer(relay))
    assert refused.status == 403
    assert json.loads(await refused.text())["message"] == "You may not."
    address = relay.browser_uri()
    await session.get(address, allow_redirects=False)
    assert relay.guard.token not in caplog.text
    assert address.partition("key=")[2] not in caplog.text
