"""Time three ways to a port of a pod: kubectl's port-forward, ours, and the service proxy.

It prints medians and ratios and asserts nothing: ``python tests/bench/bench_access.py [rounds]``.
The three take turns, and whoever measures is a process of its own, as it is for kubectl.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import secrets
import statistics
import subprocess
import sys
import time
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import aiohttp
import yaml

from rayspace.gateways.kube.client import KubeClient
from rayspace.gateways.kube.port_forward import PortForward
from rayspace.model.target import Target

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

    from tests.cluster.client import Cluster

    Ask = Callable[[str, str, bytes | None], Awaitable[int]]

_ROUNDS = 5
_PORT = 9000
_SIZE_BYTES = 64 * 2**20
_N_SMALL, _N_NEW = 200, 20
#: Sends as many bytes as the path says, and swallows what is put.
_SERVER = f"""
import http.server, os

BLOCK = os.urandom(2**20)

class Server(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def begin(self, n_bytes):
        self.send_response(200)
        self.send_header("Content-Length", str(n_bytes))
        self.end_headers()

    def do_GET(self):
        n_bytes = int(self.path.strip("/"))
        self.begin(n_bytes)
        for begin in range(0, n_bytes, len(BLOCK)):
            self.wfile.write(BLOCK[: n_bytes - begin])

    def do_PUT(self):
        left = int(self.headers["Content-Length"])
        while left:
            left -= len(self.rfile.read(min(left, 2**18)))
        self.begin(0)

http.server.ThreadingHTTPServer(("0.0.0.0", {_PORT}), Server).serve_forever()
"""


def _target(kubeconfig: str, namespace: str) -> tuple[Target, dict[str, str]]:
    context = yaml.safe_load(Path(kubeconfig).read_text())["current-context"]
    return Target("bench", context, namespace), {"KUBECONFIG": kubeconfig}


# The process that measures.


@asynccontextmanager
async def _by_url(url: str, *, keep: bool = True) -> AsyncIterator[Ask]:
    connector = aiohttp.TCPConnector(force_close=not keep)
    async with aiohttp.ClientSession(url, connector=connector) as session:

        async def ask(method: str, path: str, data: bytes | None) -> int:
            async with session.request(method, path, data=_body(data)) as answer:
                return await _size(answer)

        yield ask


@asynccontextmanager
async def _by_proxy(kubeconfig: str, namespace: str) -> AsyncIterator[Ask]:
    client = KubeClient(*_target(kubeconfig, namespace))
    root = f"/api/v1/namespaces/{namespace}/services/bench:{_PORT}/proxy"

    async def ask(method: str, path: str, data: bytes | None) -> int:
        async with client.opened(
            method, f"{root}{path}", operation="measure", data=_body(data)
        ) as answer:
            return await _size(answer)

    try:
        yield ask
    finally:
        await client.close()


async def _size(answer: aiohttp.ClientResponse) -> int:
    answer.raise_for_status()
    return sum([len(piece) async for piece in answer.content.iter_any()])


def _body(data: bytes | None) -> Any:
    async def pieces() -> AsyncIterator[memoryview]:
        for begin in range(0, len(data or b""), 2**18):
            yield memoryview(data or b"")[begin : begin + 2**18]

    # With its length, since the server does not know chunks.
    return None if data is None else _Sized(pieces(), len(data))


class _Sized(aiohttp.payload.AsyncIterablePayload):
    def __init__(self, pieces: AsyncIterator[memoryview], size: int) -> None:
        super().__init__(pieces)
        self._size = size


async def _timed_s(ask: Ask, method: str, path: str, data: bytes | None = None) -> float:
    began_s = time.perf_counter()
    await ask(method, path, data)
    return time.perf_counter() - began_s


async def measure(words: list[str]) -> dict[str, float]:
    """Return the figures of one way: a URL, or a kubeconfig and a namespace."""
    mib, data = _SIZE_BYTES / 2**20, os.urandom(_SIZE_BYTES)
    way = _by_url(*words) if len(words) == 1 else _by_proxy(*words)
    async with way as ask:
        small = [await _timed_s(ask, "GET", "/100") for _ in range(_N_SMALL)]
        figures = {
            "down [MiB/s]": mib / await _timed_s(ask, "GET", f"/{_SIZE_BYTES}"),
            "up [MiB/s]": mib / await _timed_s(ask, "PUT", "/", data),
            "small request, p50 [ms]": 1e3 * statistics.median(small),
        }
    if len(words) == 1:
        async with _by_url(*words, keep=False) as ask:
            new = [await _timed_s(ask, "GET", "/100") for _ in range(_N_NEW)]
        figures["small request on a new connection, p50 [ms]"] = 1e3 * statistics.median(new)
    return figures


# The process that offers the ways.


@contextmanager
def _pod(cluster: Cluster) -> Iterator[tuple[str, str]]:
    """Start a pod that serves, in a namespace with the product's rights; yield both names."""
    from tests.cluster.images import RAY
    from tests.cluster.store import ROOT

    namespace = f"bench-{secrets.token_hex(3)}"
    cluster.kubectl("create", "namespace", namespace)
    rules = str(ROOT / "templates" / "kubernetes" / "rbac.yaml")
    cluster.kubectl("apply", "-f", rules, namespace=namespace)
    bind = ("create", "rolebinding", "scientist", "--role=rayspace-user", "--user=scientist")
    cluster.kubectl(*bind, namespace=namespace)
    run = ("run", "bench", f"--image={RAY}", "--image-pull-policy=Never", f"--port={_PORT}")
    cluster.kubectl(*run, "--expose", "--", "python", "-c", _SERVER, namespace=namespace)
    cluster.kubectl("wait", "--for=condition=Ready", "pod/bench", namespace=namespace)
    try:
        yield namespace, "bench"
    finally:
        cluster.kubectl("delete", "namespace", namespace, "--wait=false")


@contextmanager
def _kubectl(cluster: Cluster, namespace: str, pod: str) -> Iterator[int]:
    words = cluster.command(
        "port-forward", f"pod/{pod}", f":{_PORT}", user="scientist", namespace=namespace
    )
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
        try:
            found = re.search(r":(\d+) ->", process.stdout.readline())
            yield int(found[1])
        finally:
            process.terminate()


async def _measured(*words: str) -> dict[str, float]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, __file__, "measure", *words, stdout=subprocess.PIPE
    )
    out, _ = await process.communicate()
    return json.loads(out)


async def compare(cluster: Cluster, rounds: int) -> dict[str, list[dict[str, float]]]:
    """Return the figures of all ways, round by round."""
    config = str(cluster.kubeconfig("scientist"))
    with _pod(cluster) as (namespace, pod), _kubectl(cluster, namespace, pod) as port:
        client = KubeClient(*_target(config, namespace))

        async def find_pod() -> str:
            path = f"/api/v1/namespaces/{namespace}/pods"
            items = (await client.get(path, operation="find the pod"))["items"]
            return str(items[0]["metadata"]["name"])

        async with PortForward(client, namespace, find_pod, _PORT) as forward:
            ways = {
                "kubectl": (f"http://127.0.0.1:{port}",),
                "ours": (f"http://127.0.0.1:{forward.local_port}",),
                "proxy": (config, namespace),
            }
            await asyncio.gather(*(_measured(*words) for words in ways.values()))  # Warm up.
            found: dict[str, list[dict[str, float]]] = {name: [] for name in ways}
            for _ in range(rounds):
                for name, words in ways.items():
                    found[name].append(await _measured(*words))
        await client.close()
    return found


def main() -> None:
    """Run all, and print a table."""
    from tests.cluster import front

    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else _ROUNDS
    found = asyncio.run(compare(front.up(is_mine=True), rounds))
    print(f"{'medians of ' + str(rounds):46}{'kubectl':>9}{'ours':>9}{'proxy':>9}   ours/kubectl")
    for what in found["kubectl"][0]:
        medians = {
            name: statistics.median(figures[what] for figures in all_figures)
            for name, all_figures in found.items()
            if what in all_figures[0]
        }
        cells = [f"{medians[name]:9.1f}" if name in medians else f"{'-':>9}" for name in found]
        print(f"{what:46}{''.join(cells)}{medians['ours'] / medians['kubectl']:12.2f}x")


if __name__ == "__main__":
    if sys.argv[1:2] == ["measure"]:
        print(json.dumps(asyncio.run(measure(sys.argv[2:]))))
    else:
        main()
