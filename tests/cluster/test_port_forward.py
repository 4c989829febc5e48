"""A forwarded port to a real head, through trouble, as a person who may do no more than that."""

from __future__ import annotations

import asyncio
import gc
import hashlib
import io
import json
import os
import secrets
import subprocess
import sys
import time
import warnings
from base64 import b64decode
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import aiohttp
import pytest
import yaml

from rayspace.errors import AccessError, ObjectNotFoundError
from rayspace.gateways.kube.client import KubeClient, object_path
from rayspace.gateways.kube.port_forward import PortForward
from rayspace.model.target import Target
from tests.cluster.conftest import Namespace
from tests.cluster.samples import RAY_VERSION, raycluster
from tests.cluster.store import ROOT
from tests.cluster.test_ray import apply, condition
from tests.waiting import PATIENCE_S, SLOW_S, until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from tests.cluster.client import Cluster

_DASHBOARD, _CLIENT, _ECHO = 8265, 10001, 9000
_SIZE_BYTES = 50 * 10**6
#: Says back what is put.
_ECHO_SERVER = f"""
import http.server

class Echo(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_PUT(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

http.server.ThreadingHTTPServer(("127.0.0.1", {_ECHO}), Echo).serve_forever()
"""
_DRIVER = """
import sys, ray
for n_left in (3, 2, 1, 0):
    try:
        ray.init(sys.argv[1])
        break
    except ConnectionError:
        # Ray refuses one connection in some, and takes the next.
        if not n_left:
            raise
print("ANSWER", ray.get(ray.remote(lambda: 42).remote()))
"""


@dataclass(frozen=True)
class Head:
    """A Ray head, and its token."""

    namespace: Namespace
    token: str


@pytest.fixture(scope="module")
def head(cluster: Cluster) -> Iterator[Head]:
    """Start one head for all tests here."""
    namespace = Namespace(cluster, f"forward-{secrets.token_hex(3)}")
    cluster.kubectl("create", "namespace", namespace.name)
    rules = str(ROOT / "templates" / "kubernetes" / "rbac.yaml")
    namespace.kubectl("apply", "-f", rules, user="admin")
    for user, role in (("scientist", "--role=rayspace-user"), ("viewer", "--clusterrole=view")):
        namespace.kubectl("create", "rolebinding", user, role, f"--user={user}", user="admin")
    apply(namespace, raycluster("one", workers=0))
    wait_ready(namespace)
    secret = namespace.read("secrets", "one")
    yield Head(namespace, b64decode(secret["data"]["auth_token"]).decode())
    if not os.environ.get("RAYSPACE_KEEP_NAMESPACES"):
        cluster.kubectl("delete", "namespace", namespace.name, "--wait=false")


def wait_ready(namespace: Namespace) -> None:
    def read() -> bool:
        found = condition(namespace.read("rayclusters", "one"), "HeadPodReady")
        return found.get("status") == "True"

    namespace.until("the head is ready", read)


def pod_of(namespace: Namespace) -> str:
    (pod,) = namespace.items("pods", selector="ray.io/cluster=one")
    return pod["metadata"]["name"]


@asynccontextmanager
async def forwarded(head: Head, port: int, user: str = "scientist") -> AsyncIterator[PortForward]:
    """Forward a port of the head."""
    config = head.namespace.cluster.kubeconfig(user)
    context = yaml.safe_load(config.read_text())["current-context"]
    target = Target("test", context, head.namespace.name)
    client = KubeClient(target, {"KUBECONFIG": str(config)})

    async def find_pod() -> str:
        query = {"labelSelector": "ray.io/cluster=one,ray.io/node-type=head"}
        pods = object_path("v1", target.namespace, "pods")
        for pod in (await client.get(pods, operation="find its head", query=query))["items"]:
            if "deletionTimestamp" not in pod["metadata"]:
                return str(pod["metadata"]["name"])
        raise ObjectNotFoundError("There is no head.")

    try:
        async with PortForward(
            client, target.namespace, find_pod, port, patience_s=SLOW_S
        ) as forward:
            yield forward
    finally:
        await client.close()


@asynccontextmanager
async def http(forward: PortForward, token: str = "") -> AsyncIterator[aiohttp.ClientSession]:
    """Speak HTTP through a forwarded port."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    timeout = aiohttp.ClientTimeout(total=SLOW_S)
    connector = aiohttp.TCPConnector(limit=0, force_close=True)
    url = f"http://127.0.0.1:{forward.local_port}"
    async with aiohttp.ClientSession(
        url, headers=headers, timeout=timeout, connector=connector
    ) as session:
        yield session


async def version(session: aiohttp.ClientSession) -> str:
    async with session.get("/api/version") as answer:
        assert answer.status == 200
        return str((await answer.json())["ray_version"])


async def test_the_dashboard_answers_with_its_token_only(head):
    async with forwarded(head, _DASHBOARD) as forward:
        async with http(forward) as session, session.get("/api/version") as answer:
            assert answer.status == 401
        async with http(forward, head.token) as session:
            assert await version(session) == RAY_VERSION


async def test_many_connect_at_once(head):
    async with forwarded(head, _DASHBOARD) as forward, http(forward, head.token) as session:
        answers = await asyncio.gather(*(version(session) for _ in range(20)))
    assert answers == [RAY_VERSION] * 20


async def test_large_bodies_arrive_as_they_were_sent(head):
    """Up and down, with nothing lost, doubled or out of order."""
    pod = pod_of(head.namespace)
    serve = (*("exec", "-i", pod, "--", "sh", "-c"),
             "cat > /tmp/echo.py && (setsid python /tmp/echo.py >/dev/null 2>&1 &)")  # fmt: skip
    head.namespace.kubectl(*serve, user="admin", stdin=_ECHO_SERVER)
    data = os.urandom(_SIZE_BYTES)
    async with forwarded(head, _ECHO) as forward, http(forward) as session:
        await answers_soon(session)
        async with session.put("/", data=io.BytesIO(data)) as answer:
            received = await answer.read()
    assert len(received) == len(data)
    assert hashlib.sha256(received).digest() == hashlib.sha256(data).digest()


async def answers_soon(session: aiohttp.ClientSession) -> None:
    """Wait for a server that was just started; until then the pod refuses, and so do we."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            try:
                async with session.put("/", data=b"x") as answer:
                    assert await answer.read() == b"x"
                    return
            except aiohttp.ClientConnectionError:
                await asyncio.sleep(0.1)


async def test_ray_client_works_through_it(head):
    environment = {**os.environ, "RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": head.token}
    async with forwarded(head, _CLIENT) as forward:
        driver = await asyncio.create_subprocess_exec(
            sys.executable, "-c", _DRIVER, f"ray://127.0.0.1:{forward.local_port}",
            env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        out, err = await driver.communicate()
    assert b"ANSWER 42" in out, err.decode()[-3000:]


async def test_who_may_not_forward_is_told(head):
    async with (
        forwarded(head, _DASHBOARD, user="viewer") as forward,
        http(forward, head.token) as session,
    ):
        with pytest.raises(aiohttp.ClientConnectionError):
            await version(session)
        assert isinstance(forward.failure, AccessError)


async def test_closing_leaves_nothing_behind(head):
    gc.collect()
    before = asyncio.all_tasks()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        async with forwarded(head, _DASHBOARD) as forward:
            idle = await asyncio.open_connection("127.0.0.1", forward.local_port)
            async with http(forward, head.token) as session:
                assert await version(session) == RAY_VERSION
        idle[1].close()
        await until(lambda: asyncio.all_tasks() <= before, "no task is left")
        del idle
        gc.collect()
    assert [str(w.message) for w in caught] == []


@pytest.mark.parametrize("part", ["bridge", "kube-apiserver"])
async def test_who_connects_during_an_outage_is_served_late(head, part):
    """What stands may break; a new connection waits until the API server is back."""
    order = head.namespace.cluster.order
    async with forwarded(head, _DASHBOARD) as forward, http(forward, head.token) as session:
        assert await version(session) == RAY_VERSION
        await asyncio.to_thread(order, "stop", part)
        try:
            late = asyncio.create_task(version(session))
            await asyncio.sleep(4)
            assert not late.done()
        finally:
            await asyncio.to_thread(order, "start", part)
        assert await late == RAY_VERSION
    await asyncio.to_thread(
        head.namespace.until, "the cluster is well", head.namespace.cluster.is_well
    )


async def test_a_head_that_was_replaced_is_followed(head):
    """The same port leads to the new one. Last here: the other tests keep the first head."""
    old = pod_of(head.namespace)
    async with forwarded(head, _DASHBOARD) as forward, http(forward, head.token) as session:
        assert await version(session) == RAY_VERSION
        kill = ("delete", "pod", old, "--force", "--grace-period=0")
        await asyncio.to_thread(head.namespace.kubectl, *kill, user="admin")
        deadline_s = time.monotonic() + SLOW_S
        while True:
            try:
                assert await version(session) == RAY_VERSION
                break
            except (aiohttp.ClientConnectionError, TimeoutError):
                assert time.monotonic() < deadline_s, forward.failure
                await asyncio.sleep(0.2)
    pods = json.loads(head.namespace.kubectl("get", "pods", "-o", "json"))["items"]
    assert old not in [pod["metadata"]["name"] for pod in pods]
