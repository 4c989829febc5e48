"""The ways to a head: which is gone, what proves who asks, and what is said when none leads on."""

from __future__ import annotations

import base64
import contextlib
import json

import aiohttp
import pytest
import yaml
from aiohttp import web

from rayspace.errors import AccessError, ClusterNotFoundError, GatewayUnavailableError
from rayspace.gateways.kube.client import KubeClient
from rayspace.gateways.kube.head_door import KubeHeadDoor
from rayspace.gateways.kube.head_forwards import HeadForwards
from rayspace.gateways.ray_head.http import HttpHeadGateway
from rayspace.model.cluster import HeadAddress
from rayspace.model.target import AUTO, PORT_FORWARD, PROXY, URL, Target

TEAM = "/api/v1/namespaces/team"
HEAD_PATH = f"{TEAM}/services/one-head-svc:8265/proxy"
CLUSTER_PATH = "/apis/ray.io/v1/namespaces/team/rayclusters/one"


def status(code: int, message: str = "no") -> web.Response:
    """Return an answer of the API server's own."""
    return web.json_response({"kind": "Status", "code": code, "message": message}, status=code)


class Play:
    """An API server and the head behind it, or an administrator's server before that."""

    def __init__(self) -> None:
        self.base = ""
        #: The head's token; empty for a head that asks for none.
        self.token = "first"
        #: What the API server says itself to who wants to reach the head; 0 for nothing.
        self.own_status = 0
        #: Logins that the API server lets in.
        self.logins = {"Bearer login"}
        self.pods: list[dict] = []
        self.has_cluster = True
        self.requests: list[str] = []

    async def answer(self, request: web.Request) -> web.StreamResponse:
        path = request.path
        if path.startswith("/head/"):
            self.requests.append(path)
            return await self.head(request, path.removeprefix("/head/one"), "Authorization")
        if path.startswith("/login/"):
            return web.Response(status=302, headers={"Location": f"{self.base}/head/one?next=1"})
        self.requests.append(path)
        if request.headers.get("Authorization") not in self.logins:
            return status(401)
        if path.startswith(HEAD_PATH):
            if self.own_status:
                return status(self.own_status)
            return await self.head(request, path.removeprefix(HEAD_PATH), "X-Ray-Authorization")
        if path == f"{TEAM}/secrets/one" and self.token:
            data = {"auth_token": base64.b64encode(self.token.encode()).decode()}
            return web.json_response({"kind": "Secret", "metadata": {}, "data": data})
        if path == f"{TEAM}/pods":
            return web.json_response({"kind": "PodList", "metadata": {}, "items": self.pods})
        if path == CLUSTER_PATH and self.has_cluster:
            return web.json_response({"kind": "RayCluster", "metadata": {"name": "one"}})
        return status(404)

    async def head(self, request: web.Request, path: str, header: str) -> web.StreamResponse:
        if path == "/api/gcs_healthz":
            return web.Response(text="success")
        wanted = f"Bearer {self.token}" if self.token else None
        if request.headers.get(header) != wanted:
            return web.Response(status=403 if header in request.headers else 401, text="token?")
        if request.headers.get("Upgrade") == "websocket":
            socket = web.WebSocketResponse()
            await socket.prepare(request)
            await socket.send_str("hello")
            await socket.close()
            return socket
        return web.json_response({"ray_version": "2.60.0"})


@pytest.fixture
async def play():
    """Serve the play."""
    made = Play()
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", made.answer)
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    made.base = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield made
    await runner.cleanup()


@pytest.fixture
async def door_by(play, tmp_path):
    """Return the door of a target whose settings name a way."""
    async with contextlib.AsyncExitStack() as stack:

        def make(access: str = AUTO, url: str = "", user: dict | None = None) -> KubeHeadDoor:
            made = client(play, tmp_path, access, url, user)
            stack.push_async_callback(made.close)
            return KubeHeadDoor(made)

        yield make


def client(play, folder, access=AUTO, url="", user: dict | None = None) -> KubeClient:
    """Return the API server of the play."""
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "c", "cluster": {"server": play.base}}],
        "users": [{"name": "u", "user": user or {"token": "login"}}],
        "contexts": [{"name": "dev", "context": {"cluster": "c", "user": "u"}}],
    }
    (folder / "config").write_text(yaml.safe_dump(document))
    target = Target("dev", "dev", "team", access=access, url=url)
    return KubeClient(target, {"KUBECONFIG": str(folder / "config"), "HOME": str(folder)})


def head(url: str = "https://proxied") -> HeadAddress:
    """Return the head of the play."""
    return HeadAddress(url, "", "rayspace://one@dev", "", "dev", "team", "one")


async def version(door: KubeHeadDoor, url: str = "https://proxied") -> str:
    return (await HttpHeadGateway(door).version(head(url)))["ray_version"]


async def greeting(door: KubeHeadDoor) -> str:
    async with door.socket(head(), "/tail") as socket:
        return str((await socket.receive()).data)


async def test_the_way_through_the_api_server_is_found_once(play, door_by):
    """With the token beside the person's own login; the probe is not repeated."""
    door = door_by()
    assert [await version(door), await version(door)] == ["2.60.0", "2.60.0"]
    assert door.way == PROXY
    asked = [path.removeprefix(TEAM) for path in play.requests]
    answer = f"{HEAD_PATH.removeprefix(TEAM)}/api"
    assert asked == [f"{answer}/gcs_healthz", "/secrets/one", *[f"{answer}/version"] * 2]


async def test_nothing_is_learned_from_a_head_that_is_not_there(play, door_by):
    """The way stays open; when it comes, it is found."""
    door = door_by()
    play.own_status = 503
    with pytest.raises(GatewayUnavailableError, match="no head that answers"):
        await version(door)
    assert door.way == AUTO
    play.own_status = 0
    assert await version(door) == "2.60.0"
    assert door.way == PROXY


async def test_who_may_not_reach_services_goes_by_a_port(play, door_by):
    """Kept too; here it finds that the cluster is gone, and does not wait for it."""
    door = door_by()
    play.own_status, play.has_cluster = 403, False
    with pytest.raises(GatewayUnavailableError):
        await version(door)
    assert door.way == PORT_FORWARD
    await door.close()


async def test_a_way_that_is_set_is_gone_without_a_question(play, door_by):
    """Also where it leads nowhere: that is said, and no other is tried."""
    door = door_by(PROXY)
    play.own_status = 403
    with pytest.raises(AccessError, match="may not reach its head"):
        await version(door)
    assert door.way == PROXY
    assert not any(path.endswith("gcs_healthz") for path in play.requests)


async def test_a_url_gets_the_token_and_nothing_of_kubernetes(play, door_by):
    """Each head its own."""
    template = f"{play.base}/head/{{cluster}}/"
    door = door_by(URL, template)
    assert await version(door, f"{play.base}/head/one") == "2.60.0"
    assert play.requests == [f"{TEAM}/secrets/one", "/head/one/api/version"]
    assert await greeting(door) == "hello"


async def test_a_login_page_is_told_and_gets_no_token(play, door_by):
    """Whoever a head sends us to is not followed."""
    door = door_by(URL, f"{play.base}/login/{{cluster}}")
    with pytest.raises(AccessError, match="as a login page does") as caught:
        await version(door, f"{play.base}/login/one")
    assert "proxy" in caught.value.hint
    assert "next=1" not in json.dumps(caught.value.to_wire())
    assert [path for path in play.requests if "head" in path] == []


@pytest.mark.parametrize("way", [PROXY, URL])
async def test_the_token_of_a_later_cluster_of_that_name_is_found(play, door_by, way):
    """One that is refused is read again, once; a wrong one in the Secret stays wrong."""
    door = door_by(way, f"{play.base}/head/{{cluster}}" if way == URL else "")
    assert await version(door) == "2.60.0"
    play.token = "second"
    assert await version(door) == "2.60.0"
    assert play.requests.count(f"{TEAM}/secrets/one") == 2


async def test_a_head_that_asks_for_no_token_gets_none(play, door_by):
    """Somebody's cluster, which has no Secret."""
    play.token = ""
    assert await version(door_by(PROXY)) == "2.60.0"


@pytest.mark.parametrize("kind", ["request", "socket"])
async def test_a_login_that_ran_out_is_renewed_once(play, door_by, tmp_path, kind):
    """By the login program; what Ray refuses is not taken for it."""
    passport = tmp_path / "passport.json"
    version_1 = "client.authentication.k8s.io/v1"

    def issue(token: str) -> None:
        issued = {"apiVersion": version_1, "kind": "ExecCredential", "status": {"token": token}}
        passport.write_text(json.dumps(issued))

    login = {"apiVersion": version_1, "command": "cat", "args": [str(passport)]}
    issue("login")
    door = door_by(PROXY, user={"exec": {**login, "interactiveMode": "Never"}})
    assert await version(door) == "2.60.0"
    play.logins = {"Bearer another"}
    issue("another")
    ask = version if kind == "request" else greeting
    assert await ask(door) in {"2.60.0", "hello"}
    # With a login that nobody accepts it ends, and does not go on asking.
    play.logins = set()
    play.requests.clear()
    with pytest.raises((AccessError, aiohttp.WSServerHandshakeError)):
        await ask(door)
    assert len(play.requests) == 2


def ready_pod(name: str, *, is_ready: bool = True, is_going: bool = False) -> dict:
    """Return a head's pod."""
    metadata = {"name": name, **({"deletionTimestamp": "now"} if is_going else {})}
    conditions = [{"type": "Ready", "status": str(is_ready)}]
    return {"metadata": metadata, "status": {"conditions": conditions}}


async def test_a_port_leads_to_the_head_that_is_ready(play, tmp_path):
    """Not to one that goes, nor to one that is not up yet."""
    made = client(play, tmp_path)
    gone: list[str] = []
    forward = HeadForwards(made).new(head(), 10001, lambda: gone.append("one"))
    play.pods = [ready_pod("old", is_going=True), ready_pod("up"), ready_pod("x", is_ready=False)]
    assert await forward._find_pod() == "up"
    play.pods = play.pods[:1]
    with pytest.raises(GatewayUnavailableError, match="no head that is ready"):
        await forward._find_pod()
    assert gone == []
    play.has_cluster = False
    with pytest.raises(ClusterNotFoundError, match="'one' is gone"):
        await forward._find_pod()
    assert gone == ["one"]
    await made.close()
