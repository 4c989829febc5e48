"""Fixtures of the runner's tests."""

from __future__ import annotations

import shutil
import tempfile
from typing import TYPE_CHECKING

import pytest

from rayspace.errors import JobNotFoundError
from rayspace.gateways.memory_runs import MemoryRunGateway
from rayspace.gateways.mlflow import MlflowRunGateway
from tests.runner.workshop import Workshop, runner_environment

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
