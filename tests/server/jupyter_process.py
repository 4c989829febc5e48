"""A real Jupyter server in a process of its own, and what tests ask of it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import aiohttp

from tests.ports import free_port
from tests.waiting import PATIENCE_S

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

TOKEN = "a-token-of-the-tests-7f3e"
CONFIG = {"ServerApp": {"jpserver_extensions": {"rayspace.server": True}}}
#: The server starts within this time on a machine that does something else as well. [s]
START_S = 180.0


@dataclass
class Answer:
    """What was answered."""

    status: int
    headers: dict[str, str]
    text: str

    @property
    def json(self) -> Any:
        return json.loads(self.text)


@dataclass
class JupyterProcess:
    """A Jupyter server.

    Parameters
    ----------
    root
        Its root folder.
    home
        Where its settings and its log are.
    state_dir
        The state directory of rayspace.
    base_url
        Its base URL.
    python
        The Python that runs it.
    """

    root: Path
    home: Path
    state_dir: Path
    base_url: str = "/"
    python: str = sys.executable
    port: int = field(default_factory=free_port)
    environ: dict[str, str] = field(default_factory=dict)
    extensions: dict[str, bool] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Its address, with the base, without a slash at the end."""
        return f"http://127.0.0.1:{self.port}{self.base_url.rstrip('/')}"

    @property
    def log(self) -> str:
        """All that it logged."""
        return (self.home / "server.log").read_text("utf-8", "replace")

    def start(self) -> JupyterProcess:
        """Start it, and wait until it answers."""
        config = self.home / "config"
        (config / "jupyter_server_config.d").mkdir(parents=True, exist_ok=True)
        enabled = {**CONFIG["ServerApp"]["jpserver_extensions"], **self.extensions}
        path = config / "jupyter_server_config.d" / "rayspace.json"
        path.write_text(json.dumps({"ServerApp": {"jpserver_extensions": enabled}}))
        env = {
            **os.environ,
            "JUPYTER_CONFIG_DIR": str(config),
            "JUPYTER_DATA_DIR": str(self.home / "data"),
            "JUPYTER_RUNTIME_DIR": str(self.home / "runtime"),
            "RAYSPACE_STATE_DIR": str(self.state_dir),
            "KUBECONFIG": str(self.home / "no-kubeconfig"),
            "JUPYTER_TOKEN": TOKEN,
            **self.environ,
        }
        command = [
            *(self.python, "-m", "jupyter_server", "--no-browser", "--allow-root"),
            *(f"--port={self.port}", "--ServerApp.port_retries=0", "--ip=127.0.0.1"),
            *(f"--ServerApp.base_url={self.base_url}", f"--ServerApp.root_dir={self.root}"),
            "--ServerApp.allow_unauthenticated_access=False",
        ]
        with (self.home / "server.log").open("ab") as log:
            self.process = subprocess.Popen(
                command, env=env, cwd=self.root, stdout=log, stderr=subprocess.STDOUT
            )
        deadline = time.monotonic() + START_S
        while time.monotonic() < deadline:
            assert self.process.poll() is None, self.log
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port)):
                return self
            time.sleep(0.1)
        raise AssertionError(self.log)

    def stop(self, *, hard: bool = False) -> None:
        """End it, as somebody would or as the kernel does."""
        if self.process is not None:
            (self.process.kill if hard else self.process.terminate)()
            self.process.wait(120)
            self.process = None

    async def ask(
        self, method: str, path: str, body: Any = None, *, token: str = TOKEN, **options: Any
    ) -> Answer:
        """Ask something; ``path`` is below the base, with a slash."""
        headers = {"Authorization": f"token {token}"} if token else {}
        headers |= options.pop("headers", {})
        # As it is: what is written strangely must arrive so.
        url = _url(self.url + path)
        async with (
            aiohttp.ClientSession(cookie_jar=options.pop("cookies", None)) as session,
            session.request(method, url, json=body, headers=headers, **options) as response,
        ):
            text = await response.text(errors="replace")
            return Answer(response.status, dict(response.headers), text)

    async def get(self, path: str, **options: Any) -> Any:
        """Return what is answered with 200."""
        answer = await self.ask("GET", path, **options)
        assert answer.status == 200, answer
        return answer.json

    async def post(self, path: str, body: Any = None, *, status: int = 200) -> Any:
        """Return what is answered to a wish with a status."""
        answer = await self.ask("POST", path, body or {})
        assert answer.status == status, answer
        return answer.json

    async def done(self, operation: dict[str, Any], timeout_s: float = 120.0) -> dict[str, Any]:
        """Wait for the end of an operation."""
        deadline = time.monotonic() + timeout_s
        while operation["state"] == "running":
            assert time.monotonic() < deadline, operation
            await asyncio.sleep(0.2)
            operation = await self.get(f"/rayspace/operations/{operation['id']}")
        return operation

    @contextlib.asynccontextmanager
    async def stream(self, query: str = "", token: str = TOKEN) -> AsyncIterator[Stream]:
        """Listen to what changes."""
        headers = {"Authorization": f"token {token}"} if token else {}
        url = f"{self.url}/rayspace/changes{query}"
        async with (
            aiohttp.ClientSession(headers=headers) as session,
            session.ws_connect(url, max_msg_size=0) as socket_,
        ):
            yield Stream(socket_)


class Stream:
    """One connection to the stream of changes."""

    def __init__(self, connection: aiohttp.ClientWebSocketResponse) -> None:
        self.socket = connection
        self.seen: list[dict[str, Any]] = []

    async def next(self, timeout_s: float = PATIENCE_S) -> dict[str, Any]:
        """Return the next message that is no ping."""
        while True:
            message = await self.socket.receive(timeout_s)
            assert message.type is aiohttp.WSMsgType.TEXT, message
            data: dict[str, Any] = json.loads(message.data)
            if data["kind"] != "ping":
                self.seen.append(data)
                return data

    async def until(
        self, kind: str, timeout_s: float = PATIENCE_S, **values: Any
    ) -> dict[str, Any]:
        """Return the first message of a kind whose data has these values."""
        async with asyncio.timeout(timeout_s):
            while True:
                message = await self.next(timeout_s)
                if message["kind"] == kind and all(
                    message["data"][key] == value for key, value in values.items()
                ):
                    return message


def _url(text: str) -> Any:
    import yarl

    return yarl.URL(text, encoded=True)
