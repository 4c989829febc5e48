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

from rayspace.errors import GatewayTimeoutError, MissingExtraError
from rayspace.gateways.mlflow.errors import without_credentials
from rayspace.loop import on_exit

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping

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
        Finds a Python that has all of MLflow, given the one of a notebook's kernel or nothing;
        blocks, and raises `MissingExtraError` for none.
    """

    def __init__(
        self, uri: str, environ: Mapping[str, str], find_python: Callable[[str], str]
    ) -> None:
        self._uri = uri
        self._environ = environ
        self._find_python = find_python
        #: Pythons of kernels that had to do with this database, the latest last.
        self._kernels: dict[str, None] = {}
        self._process: asyncio.subprocess.Process | None = None
        self._answers = False
        self._directory = ""
        self._asked_s = 0.0
        self._n_open = 0
        self._starting: asyncio.Task[None] | None = None
        self._tidying: asyncio.Task[None] | None = None

    @property
    def socket_path(self) -> str:
        """The socket file."""
        return str(Path(self._directory) / "mlflow")

    @property
    def is_running(self) -> bool:
        """Whether the server runs, and has answered."""
        return self._answers and self._lives

    @property
    def _lives(self) -> bool:
        return self._process is not None and self._process.returncode is None

    def note_kernel(self, python: str) -> None:
        """Take note of the Python of a kernel: it is the first that is tried."""
        self._kernels.pop(python, None)
        self._kernels[python] = None

    def python(self) -> str:
        """Find the Python that is to run the server; blocks.

        Raises
        ------
        MissingExtraError
            If none here has all of MLflow: the small one has no server.
        """
        for kernel in reversed(list(self._kernels)):
            with contextlib.suppress(MissingExtraError):
                return self._find_python(kernel)
        return self._find_python("")

    async def ready(self) -> str:
        """Start it where it does not run, and return its socket file when it answers.

        Raises
        ------
        MissingExtraError
            As `python` does.
        GatewayTimeoutError
            If it does not come up.
        """
        self._asked_s = asyncio.get_running_loop().time()
        while not self.is_running:
            if self._starting is None or self._starting.done():
                self._starting = asyncio.create_task(self._start())
                self._starting.add_done_callback(_heard)
            # Who asks first may leave before it answers; others wait for it, and so may they again.
            await asyncio.shield(self._starting)
        return self.socket_path

    @contextlib.asynccontextmanager
    async def held(self) -> AsyncIterator[None]:
        """Keep it from ending for want of questions while an answer is under way."""
        self._n_open += 1
        try:
            yield
        finally:
            self._n_open -= 1
            self._asked_s = asyncio.get_running_loop().time()

    async def close(self) -> None:
        """End it and all that it started; whoever asks again starts it anew."""
        starting = self._starting
        if starting is not None and not starting.done():
            starting.cancel()
            await asyncio.wait({starting})
        await self._end()

    async def _end(self) -> None:
        process, self._process, self._answers = self._process, None, False
        directory, self._directory = self._directory, ""
        if process is not None and process.returncode is None:
            for number in (signal.SIGTERM, signal.SIGKILL):
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, number)
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(process.wait(), _END_S)
                    break
        # Not in a thread: none begins any more when a process ends.
        if directory:
            shutil.rmtree(directory, ignore_errors=True)

    async def _start(self) -> None:
        await self._end()
        python = await asyncio.to_thread(self.python)
        self._directory = await asyncio.to_thread(tempfile.mkdtemp, prefix="rayspace-")
        on_exit(self.close)
        options = f"--uds {self.socket_path} --log-level critical"
        # What stands in the words of a command all people of this machine may read.
        database = {"MLFLOW_BACKEND_STORE_URI": self._uri}
        words = ["server", "--workers", "1", "--uvicorn-opts", options]
        self._process = await asyncio.create_subprocess_exec(
            python,
            "-c",
            _PROGRAM,
            *words,
            env={**self._environ, **_ENV, **database},
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            await self._await_health(python)
        except BaseException:
            await self._end()
            raise
        self._answers = True
        if self._tidying is None or self._tidying.done():
            self._tidying = asyncio.create_task(self._end_when_idle())

    async def _end_when_idle(self) -> None:
        loop = asyncio.get_running_loop()
        while self.is_running:
            await asyncio.sleep(_LOOK_S)
            if not self._n_open and loop.time() - self._asked_s > _IDLE_S:
                await self._end()

    async def _await_health(self, python: str) -> None:
        import aiohttp

        loop = asyncio.get_running_loop()
        end_s = loop.time() + _START_S
        while self._lives and loop.time() < end_s:
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
            hint=f"Start it by hand to see why: {python} -m mlflow server"
            f" --backend-store-uri {without_credentials(self._uri)}",
        )


def _heard(starting: asyncio.Task[None]) -> None:
    """Take note of how a start ended, for which nobody may wait any more."""
    if not starting.cancelled():
        starting.exception()
