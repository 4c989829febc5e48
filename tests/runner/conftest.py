"""Fixtures of the runner's tests."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
import urllib.request
from typing import TYPE_CHECKING

import pytest

from rayspace.errors import JobNotFoundError
from rayspace.gateways.memory.runs import MemoryRunGateway
from rayspace.gateways.mlflow.runs import MlflowRunGateway
from rayspace.runner.log import RunnerLog
from tests.ports import free_port
from tests.runner.workshop import Workshop, runner_environment
from tests.waiting import wait_for

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a database with MLflow's tables; making them takes seconds, copying does not."""
    path = tmp_path_factory.mktemp("mlflow") / "empty.db"
    gateway = MlflowRunGateway(f"sqlite:///{path}", None)
    with pytest.raises(JobNotFoundError):
        gateway.get("0" * 32)
    gateway.close()
    return path


@pytest.fixture
def workshop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Return a workshop with a tracking server in memory, for attempts in this process."""
    environment = runner_environment(tmp_path, "memory://runs")
    monkeypatch.setattr(tempfile, "tempdir", environment["TMPDIR"])
    yield Workshop(tmp_path, MemoryRunGateway(), environment)
    shutil.rmtree(environment["TMPDIR"], ignore_errors=True)


@pytest.fixture
def real_workshop(tmp_path: Path, empty_database: Path):
    """Return a workshop with a tracking server of its own."""
    database = tmp_path / "mlflow.db"
    shutil.copy(empty_database, database)
    uri = f"sqlite:///{database}"
    gateway = MlflowRunGateway(uri, tmp_path / "artifacts")
    environment = runner_environment(tmp_path, uri)
    yield Workshop(tmp_path, gateway, environment)
    gateway.close()
    shutil.rmtree(environment["TMPDIR"], ignore_errors=True)


@pytest.fixture
def lines():
    """Return what `log` was told."""
    return []


@pytest.fixture
def log(lines):
    """Return a log in memory."""
    return RunnerLog(lambda content: lines.append(content.decode()))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, empty_database: Path):
    """Start a tracking server, and return its port."""
    port = free_port()
    directory = tmp_path_factory.mktemp("server")
    database = directory / "server.db"
    shutil.copy(empty_database, database)
    command = [
        *(sys.executable, "-m", "mlflow", "server", "--workers", "1"),
        *("--host", "127.0.0.1", "--port", str(port)),
        *("--backend-store-uri", f"sqlite:///{database}"),
        *("--artifacts-destination", str(directory / "artifacts")),
    ]
    process = subprocess.Popen(
        command,
        env={**os.environ, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"},
        stdout=(directory / "server.log").open("wb"),
        stderr=subprocess.STDOUT,
        cwd=directory,
    )

    def is_up() -> bool:
        with (
            contextlib.suppress(OSError),
            urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=10),
        ):
            return True
        return False

    wait_for(is_up, "the tracking server answers", patience_s=400)
    yield port
    process.terminate()
    try:
        process.wait(20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
