"""A server of MLflow's for a database of this machine, at a socket file.

It starts when somebody asks, ends when nobody has for long and with the process that started it,
however that ends, and nobody else of this machine can reach it.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from rayspace.errors import GatewayTimeoutError
from rayspace.loop import on_exit

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

#: A new database is filled with tables first. [s]
_START_S = 120.0
_END_S = 5.0
_POLL_S = 0.1
#: A server that nobody asks ends: it takes half a gigabyte. [s]
_IDLE_S = 900.0
_LOOK_S = 30.0
#: A server that shows pages runs no jobs, and tells nobody how it is used.
_ENV = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_DISABLE_TELEMETRY": "true"}
#: Ends the whole session once nobody holds the other end of its standard input.
_PROGRAM = """
import os, signal, sys, threading
def end_with_parent():
    sys.stdin.buffer.read()
    os.killpg(os.getpid(), signal.SIGTERM)
threading.Thread(target=end_with_parent, daemon=True).start()
from mlflow.cli import cli
cli(sys.argv[1:])
"""


class LocalMlflow:
    """MLflow's server for one database.

    Parameters
    ----------
    uri
        The database.
    environ
        The environment.
    find_python
        Finds a Python that has all of MLflow; blocks.
    """

    def __init__(
        self, uri: str, environ: Mapping[str, str], find_python: Callable[[], str]
    ) -> None:
        self._uri = uri
        self._environ = environ
        self._find_python = find_python
        self._process: asyncio.subprocess.Process | None = None
        self._directory = ""
        self._python = ""
        self._asked_s = 0.0
        self._starting = asyncio.Lock()
        self._tidying: asyncio.Task[None] | None = None

    @property
    def socket_path(self) -> str:
        """The socket file."""
        return str(Path(self._directory) / "mlflow")

    @property
    def is_running(self) -> bool:
        """Whether the server runs."""
        return self._process is not None and self._process.returncode is None

    async def ready(self) -> str:
        """Start it where it does not run, and return its socket file when it answers.

        Raises
        ------
        MissingExtraError
            If no Python here has all of MLflow: the small one has no server.
        GatewayTimeoutError
            If it does not come up.
        """
        self._asked_s = asyncio.get_running_loop().time()
        async with self._starting:
            if not self.is_running:
                await self.close()
                await self._start()
        return self.socket_path

    async def close(self) -> None:
        """End it and all that it started; whoever asks again starts it anew."""
        process, self._process = self._process, None
        if process is not None and process.returncode is None:
            for number in (signal.SIGTERM, signal.SIGKILL):
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, number)
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(process.wait(), _END_S)
                    break
        # Not in a thread: none begins any more when a process ends.
        shutil.rmtree(self._directory, ignore_errors=True)

    async def _start(self) -> None:
        self._python = await asyncio.to_thread(self._find_python)
        self._directory = await asyncio.to_thread(tempfile.mkdtemp, prefix="rayspace-")
        on_exit(self.close)
        options = f"--uds {self.socket_path} --log-level critical"
        words = ["server", "--backend-store-uri", self._uri, "--workers", "1"]
        self._process = await asyncio.create_subprocess_exec(
            self._python,
            "-c",
            _PROGRAM,
            *words,
            "--uvicorn-opts",
            options,
            env={**self._environ, **_ENV},
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            await self._await_health()
        except BaseException:
            await self.close()
            raise
        if self._tidying is None or self._tidying.done():
            self._tidying = asyncio.create_task(self._end_when_idle())

    async def _end_when_idle(self) -> None:
        loop = asyncio.get_running_loop()
        while self.is_running:
            await asyncio.sleep(_LOOK_S)
            if loop.time() - self._asked_s > _IDLE_S:
                async with self._starting:
                    await self.close()

    async def _await_health(self) -> None:
        import aiohttp

        loop = asyncio.get_running_loop()
        end_s = loop.time() + _START_S
        while self.is_running and loop.time() < end_s:
            connector = aiohttp.UnixConnector(self.socket_path)
            with contextlib.suppress(aiohttp.ClientError, OSError):
                async with (
                    aiohttp.ClientSession(connector=connector) as session,
                    session.get("http://localhost/health") as response,
                ):
                    if response.status == 200:
                        return
            await asyncio.sleep(_POLL_S)
        raise GatewayTimeoutError(
            "MLflow's server did not come up.",
            system="MLflow",
            operation="start",
            hint=f"Start it by hand to see why: {self._python} -m mlflow server"
            f" --backend-store-uri {self._uri}",
        )
