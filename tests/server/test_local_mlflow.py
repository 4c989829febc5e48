"""MLflow's server for a database of this machine: there while it is asked, for one person."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp
import pytest

from rayspace.gateways.mlflow import local_server
from rayspace.gateways.mlflow.lent_server import LentMlflow
from rayspace.gateways.mlflow.local_server import LocalMlflow

_SEARCH = "/api/2.0/mlflow/experiments/search?max_results=1"


@pytest.fixture
async def server(tmp_path):
    uri = f"sqlite:///{tmp_path / 'mlflow.db'}"
    made = LocalMlflow(uri, {}, lambda _kernel: sys.executable)
    yield made
    await made.close()


async def asked(uri: str, login: str = "") -> int:
    headers = {"Authorization": aiohttp.encode_basic_auth(*login.split(":"))} if login else {}
    async with aiohttp.ClientSession() as session, session.get(uri, headers=headers) as answer:
        return answer.status


async def test_it_ends_when_nobody_asks_and_begins_when_somebody_does(server, monkeypatch):
    monkeypatch.setattr(local_server, "_LOOK_S", 0.05)
    lent = LentMlflow(server, {})
    uri = urlsplit(await lent.uri())
    login, _, place = uri.netloc.rpartition("@")
    search = f"http://{place}{_SEARCH}"
    assert await asked(search) == 403
    assert await asked(search, "rayspace:wrong") == 403
    assert await asked(search, login) == 200
    first = server.socket_path

    monkeypatch.setattr(local_server, "_IDLE_S", 0.0)
    async with asyncio.timeout(60):
        while server.is_running or Path(first).parent.exists():
            await asyncio.sleep(0.05)
    monkeypatch.undo()
    assert await asked(search, login) == 200
    assert server.is_running
