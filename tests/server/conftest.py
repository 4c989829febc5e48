"""Real Jupyter servers for the tests of what they serve."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import pytest

from tests.server.jupyter_process import JupyterProcess
from tests.server.twin import TwinServer


@pytest.fixture(scope="session")
def jupyter(own_home, tmp_path_factory):
    """Return a server with a root folder without a cluster, for all tests that change nothing."""
    root = tmp_path_factory.mktemp("root")
    server = JupyterProcess(
        root, tmp_path_factory.mktemp("jupyter"), tmp_path_factory.mktemp("jupyter-state")
    ).start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def lab_jupyter(lab, tmp_path_factory):
    """Return a server, as a hub would start it, that sees the cluster of the lab."""
    server = JupyterProcess(
        lab.app.project, tmp_path_factory.mktemp("jupyter"), lab.app.state_dir, "/user/alice/"
    ).start()
    yield server
    server.stop()


@pytest.fixture
def twin(monkeypatch):
    """Return a server over clusters and runs that exist in memory only."""
    # What does not answer here says so at once, and all else is waited for.
    monkeypatch.setattr("rayspace.server.clusters._LIST_S", 120.0)
    folder = Path(tempfile.mkdtemp(prefix="twin-"))
    with TwinServer(folder) as server:
        yield server
    shutil.rmtree(folder, ignore_errors=True)
