"""The demo ends what it started, and keeps its runs to itself."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import types

import pytest

from rayspace import demo
from rayspace.app import App
from rayspace.errors import ClusterBusyError
from rayspace.loop import run
from rayspace.model.cluster import ClusterPhase
from rayspace.model.progress import silent


def test_a_demo_that_is_interrupted_leaves_no_ray(own_home, tmp_path) -> None:
    """Ctrl-C while Ray starts: the head that has begun is ended."""
    environ = {**os.environ, "RAYSPACE_STATE_DIR": str(tmp_path / "state")}
    process = subprocess.Popen(
        [sys.executable, "-m", "rayspace.cli", "demo", "--directory", "demo"],
        cwd=tmp_path,
        env=environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    told = ""
    while "head started" not in told:
        line = process.stderr.readline()
        assert line, told
        told += line
    process.send_signal(signal.SIGINT)
    _, rest = process.communicate(timeout=240)
    assert process.returncode == 130, told + rest
    assert "demo is down" in rest
    assert run(App(tmp_path, environ).clusters.list()) == []


def test_the_demo_uses_its_own_database(tmp_path, monkeypatch) -> None:
    """Neither the person's settings nor their variables send its runs elsewhere."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    settings = tmp_path / "config" / "rayspace" / "config.json"
    settings.parent.mkdir(parents=True)
    settings.write_text(json.dumps({"Rayspace": {"tracking_uri": "http://127.0.0.1:9"}}))
    for environ in (dict(os.environ), {**os.environ, "MLFLOW_TRACKING_URI": "http://127.0.0.1:8"}):
        app = demo._app(tmp_path / "folder", environ)
        assert app.tracking_uri == f"sqlite:///{tmp_path}/folder/mlflow.db"


class Overtaken:
    """Clusters of a machine where another demo begins at the same moment."""

    def __init__(self) -> None:
        self.found: list[types.SimpleNamespace] = []
        self.ended: list[str] = []

    async def list(self) -> list[types.SimpleNamespace]:
        return self.found

    async def up(self, profile: str, *, name: str, report: object) -> None:
        self.found = [types.SimpleNamespace(name=name, phase=ClusterPhase.STARTING)]
        raise ClusterBusyError("Another process is starting it.")

    async def down(self, name: str, *, report: object) -> None:
        self.ended.append(name)


def test_a_cluster_that_another_demo_starts_is_left_alone(tmp_path) -> None:
    """Whoever came first ends it."""
    clusters = Overtaken()
    with pytest.raises(ClusterBusyError):
        demo._ship(types.SimpleNamespace(clusters=clusters), tmp_path / "unused.ipynb", silent)
    assert clusters.ended == []
