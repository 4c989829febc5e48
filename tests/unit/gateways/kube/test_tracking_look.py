"""Whether a tracking server serves this person, and can serve pods."""

from __future__ import annotations

import base64
from types import SimpleNamespace

import pytest
from aiohttp import web

from rayspace.errors import (
    AccessError,
    GatewayUnavailableError,
    NotFoundError,
    RefusedError,
    TrackingMissingError,
)
from rayspace.gateways.kube.tracking import CLIENT_SECRET, KubeTracking
from rayspace.gateways.kube.tracking_look import look_at_tracking
from rayspace.model.tracking import TrackingServer

_POD = "http://m:5000"
_MINE = {"MLFLOW_TRACKING_USERNAME": "ada", "MLFLOW_TRACKING_PASSWORD": "secret"}


class Server:
    """A tracking server that lets in who shows one header."""

    def __init__(self) -> None:
        self.wanted = ""
        self.status = 200
        self.seen: list[str] = []
        self.uri = ""

    async def answer(self, request):
        self.seen.append(request.headers.get("Authorization", ""))
        assert request.path == "/api/2.0/mlflow/experiments/search"
        is_in = not self.wanted or self.seen[-1] == self.wanted
        return web.Response(status=self.status if is_in else 401)


@pytest.fixture
async def server():
    """Serve it."""
    made = Server()
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", made.answer)
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    made.uri = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield made
    await runner.cleanup()


def client(answers=None, *, context="c"):
    """Be an API server that has some objects, by the end of their path."""

    async def get(path, *, operation, query=None):
        found = (answers or {}).get(path.rpartition("/")[2], NotFoundError("None."))
        if isinstance(found, Exception):
            raise found
        return found

    return SimpleNamespace(
        get=get, target=SimpleNamespace(name="t", namespace="team-a", context=context)
    )


def finding(found):
    """Find a server, or fail."""

    async def find():
        if isinstance(found, Exception):
            raise found
        return found

    return SimpleNamespace(find=find)


async def look(found, environ=None, answers=None):
    """Look at what is found."""
    return await look_at_tracking(client(answers), finding(found), environ or {})


def basic(user, password):
    """Write a header."""
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


async def test_an_open_server_needs_nobodys_name(server):
    """It is asked once, and nothing is shown to it."""
    found = await look(TrackingServer(server.uri, _POD), _MINE)
    assert (found.state, found.uri, found.pod_uri) == ("ok", server.uri, _POD)
    assert (found.asks_for_name, server.seen) == (False, [""])


@pytest.mark.parametrize(
    ("userinfo", "environ", "shown"),
    [
        ("", _MINE, basic("ada", "secret")),
        ("bob:p%40ss", _MINE, basic("bob", "p@ss")),
        ("", {"MLFLOW_TRACKING_TOKEN": "t"}, "Bearer t"),
    ],
)
async def test_one_that_asks_is_told_who_this_is(server, userinfo, environ, shown):
    """The address counts more than the environment; pods then need a Secret."""
    server.wanted = shown
    found = await look(TrackingServer(server.uri, _POD, userinfo=userinfo), environ)
    assert (found.state, found.asks_for_name) == ("ok", True)


async def test_what_keeps_it_from_serving_is_told(server):
    """A refusal, another kind of server, and one that is away; no password is shown."""
    server.wanted = "other"
    refused = await look(TrackingServer(server.uri, _POD), _MINE)
    assert (refused.state, "secret" in refused.text) == ("refused", False)
    assert "401" in refused.text
    server.wanted, server.status = "", 404
    assert (await look(TrackingServer(server.uri, _POD))).state == "away"
    away = await look(TrackingServer("http://127.0.0.1:9", _POD))
    assert (away.state, "127.0.0.1:9" in away.text) == ("away", True)
    broken = await look(
        TrackingServer(server.uri, _POD), {"MLFLOW_TRACKING_SERVER_CERT_PATH": "/none"}
    )
    assert broken.state == "away"


@pytest.mark.parametrize(
    ("answer", "keys", "may_read"),
    [
        ({"data": {"b": "", "a": ""}}, ("a", "b"), True),
        (NotFoundError("None."), None, True),
        (RefusedError("No."), None, False),
    ],
)
async def test_the_secret_of_pods_is_looked_for(answer, keys, may_read):
    """Only the names of what it holds are kept."""
    server = TrackingServer("http://127.0.0.1:1", _POD, "s", "service")
    found = await look(server, answers={"s": answer})
    assert (found.secret, found.secret_keys, found.may_read_secret) == ("s", keys, may_read)
    # The port of a relay means nothing to people.
    assert found.uri == ""


@pytest.mark.parametrize(
    ("error", "state"),
    [
        (TrackingMissingError("None."), "missing"),
        (AccessError("MLflow refused."), "refused"),
        (AccessError("You may not.", details={"answer": "forbidden"}), "unknown"),
        (GatewayUnavailableError("Away.", system="MLflow", operation="x"), "away"),
    ],
)
async def test_why_none_was_found_is_told_apart(error, state):
    """What may not be looked for is not missing."""
    assert (await look(error)).state == state


async def test_one_that_is_not_ready_says_what_it_waits_for():
    """As its pod does."""
    condition = {"type": "PodScheduled", "status": "False", "message": "no volume"}
    pod = {"metadata": {"name": "m-1"}, "status": {"conditions": [condition]}}
    error = TrackingMissingError("Not ready.", details={"is_unready": True})
    found = await look(error, answers={"pods": {"items": [pod]}})
    assert (found.state, found.text) == (
        "unready",
        "MLflow is not ready: m-1 has no node: no volume",
    )
    assert "kubectl -n team-a describe" in found.hint


@pytest.mark.parametrize(("wanted", "secret"), [("", ""), ("a name", CLIENT_SECRET)])
async def test_a_program_in_a_pod_learns_whether_pods_need_a_name(
    server, monkeypatch, wanted, secret
):
    """It needs no relay."""
    server.wanted = wanted
    # Stands for the network of a cluster, where the name of the service leads to the server.
    monkeypatch.setenv("http_proxy", server.uri)
    inside = client({"rayspace-mlflow": {}}, context="")
    found = await KubeTracking(inside, {}).find()
    uri = "http://rayspace-mlflow.team-a.svc:5000"
    assert found == TrackingServer(uri, uri, secret, "service")


async def test_a_program_in_a_pod_is_told_that_mlflow_is_not_up(monkeypatch):
    """Which passes, unlike none at all."""
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    with pytest.raises(TrackingMissingError, match="not ready"):
        await KubeTracking(client({"rayspace-mlflow": {}}, context=""), {}).find()
    with pytest.raises(TrackingMissingError, match="no MLflow"):
        await KubeTracking(client(context=""), {}).find()
