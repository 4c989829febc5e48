"""MLflow's pages for a database of this machine: a server of MLflow's at a socket file.

It ends with the process that started it, however that ends, and nobody else of this machine can
reach it.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import os
import shutil
import signal
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from rayspace.errors import GatewayTimeoutError, MissingExtraError

if TYPE_CHECKING:
    from collections.abc import Mapping

#: A new database is filled with tables first. [s]
_START_S = 120.0
_END_S = 5.0
_POLL_S = 0.1
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
    """

    def __init__(self, uri: str, environ: Mapping[str, str]) -> None:
        self._uri = uri
        self._environ = environ
        self._process: asyncio.subprocess.Process | None = None
        self._directory = ""

    @property
    def socket_path(self) -> str:
        """The socket file."""
        return str(Path(self._directory) / "mlflow")

    @property
    def is_running(self) -> bool:
        """Whether the server runs."""
        return self._process is not None and self._process.returncode is None

    async def start(self) -> None:
        """Start it, and wait until it answers.

        Raises
        ------
        MissingExtraError
            If only the small MLflow is installed, which has no server.
        GatewayTimeoutError
            If it does not come up.
        """
        if importlib.util.find_spec("sqlalchemy") is None:
            raise MissingExtraError("mlflow")
        self._directory = await asyncio.to_thread(tempfile.mkdtemp, prefix="rayspace-")
        options = f"--uds {self.socket_path} --log-level critical"
        words = ["server", "--backend-store-uri", self._uri, "--workers", "1"]
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
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

    async def close(self) -> None:
        """End it and all that it started."""
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
            hint="Start it by hand to see why: mlflow server --backend-store-uri URI",
        )
