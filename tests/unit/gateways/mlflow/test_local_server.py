"""MLflow's server for a database of this machine; a program that obeys the test takes its place."""

from __future__ import annotations

import asyncio
import json
import sys
from typing import TYPE_CHECKING

import pytest

from rayspace.errors import GatewayTimeoutError, MissingExtraError
from rayspace.gateways.mlflow import lent_server, local_server
from rayspace.gateways.mlflow.lent_server import LocalMlflowWay
from rayspace.gateways.mlflow.local_server import LocalMlflow
from rayspace.gateways.relay.pane_ways import UrlWay

if TYPE_CHECKING:
    from pathlib import Path

_URI = "postgresql://ada:secret@db/runs"
#: Says in the folder how it was started, and serves as soon as there is a file ``go``.
_PROGRAM = f"""#!{sys.executable}
import http.server, json, os, pathlib, socketserver, sys, threading, time
folder = pathlib.Path(__file__).parent
threading.Thread(target=lambda: (sys.stdin.read(), os._exit(0)), daemon=True).start()
with (folder / "starts").open("a") as starts:
    starts.write(json.dumps([sys.argv, os.environ.get("MLFLOW_BACKEND_STORE_URI")]) + "\\n")
while not (folder / "go").exists():
    if (folder / "fail").exists():
        sys.exit(3)
    time.sleep(0.01)
class Answer(http.server.BaseHTTPRequestHandler):
    def address_string(self):
        return ""
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")
class Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True
words = " ".join(sys.argv).split()
Server(words[words.index("--uds") + 1], Answer).serve_forever()
"""


class Folder:
    """Where the program says how it was started, and is told what to do."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.python = str(path / "python3")
        (path / "python3").write_text(_PROGRAM)
        (path / "python3").chmod(0o755)

    def tell(self, word: str) -> None:
        (self.path / word).touch()

    def starts(self) -> list:
        file = self.path / "starts"
        return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []

    async def until_started(self) -> None:
        async with asyncio.timeout(20):
            while not self.starts():
                await asyncio.sleep(0.01)


@pytest.fixture
def folder(tmp_path):
    return Folder(tmp_path)


@pytest.fixture
async def server(folder):
    made = LocalMlflow(_URI, {}, lambda _kernel: folder.python)
    yield made
    await made.close()


async def test_who_asks_first_may_leave(server, folder) -> None:
    """A browser that is closed, and a client that waits no longer, take it from nobody."""
    first = asyncio.create_task(server.ready())
    await folder.until_started()
    first.cancel()
    await asyncio.wait({first})
    second = asyncio.create_task(server.ready())
    folder.tell("go")
    assert await second == server.socket_path
    assert len(folder.starts()) == 1


async def test_a_password_is_for_the_server_only(server, folder) -> None:
    """It stands in no words that others read, and in no sentence."""
    folder.tell("fail")
    with pytest.raises(GatewayTimeoutError) as caught:
        await server.ready()
    ((words, uri),) = folder.starts()
    assert uri == _URI
    for text in (" ".join(words), str(caught.value), caught.value.hint):
        assert "secret" not in text
    assert "--backend-store-uri postgresql://db/runs" in caught.value.hint
    # Whoever asks again starts it anew.
    (folder.path / "fail").unlink()
    folder.tell("go")
    await server.ready()
    assert server.is_running


async def test_an_answer_that_takes_long_keeps_it(server, folder, monkeypatch) -> None:
    """Idle is who has no answer under way, not who asks nothing new."""
    monkeypatch.setattr(local_server, "_LOOK_S", 0.01)
    monkeypatch.setattr(local_server, "_IDLE_S", 0.0)
    looks = 0

    async def look(_s: float, *, sleep=asyncio.sleep) -> None:
        nonlocal looks
        looks += 1
        await sleep(0)

    folder.tell("go")
    async with server.held():
        await server.ready()
        monkeypatch.setattr(local_server.asyncio, "sleep", look)
        async with asyncio.timeout(20):
            while looks < 5:
                await look(0)
        assert server.is_running
    async with asyncio.timeout(20):
        while server.is_running:
            await look(0)


async def test_all_that_come_after_a_restart_share_one_connection(
    server, folder, monkeypatch
) -> None:
    """And those of before are let go of."""
    ways: list[Way] = []

    class Way(UrlWay):
        def __init__(self, *words, **more) -> None:
            super().__init__(*words, **more)
            self.is_closed = False
            ways.append(self)

        async def close(self) -> None:
            # Others run meanwhile, as while a socket closes.
            await asyncio.sleep(0)
            await super().close()
            self.is_closed = True

    monkeypatch.setattr(lent_server, "UrlWay", Way)
    folder.tell("go")
    way = LocalMlflowWay(server)

    async def ask() -> int:
        async with way.opened("GET", "/", headers={}) as answer:
            return answer.status

    for _ in range(2):
        assert await asyncio.gather(*(ask() for _ in range(6))) == [200] * 6
        await server.close()
    await way.close()
    assert len(ways) == 3
    assert all(one.is_closed for one in ways)


def test_the_mlflow_of_the_kernel_that_was_named_last_counts() -> None:
    """Whoever asked first, without a kernel, does not decide for all."""

    def find(kernel: str) -> str:
        if kernel in {"", "/small"}:
            raise MissingExtraError("mlflow")
        return kernel

    server = LocalMlflow(_URI, {}, find)
    with pytest.raises(MissingExtraError):
        server.python()
    for kernel, expected in (("/a", "/a"), ("/b", "/b"), ("/a", "/a"), ("/small", "/a")):
        server.note_kernel(kernel)
        assert server.python() == expected
