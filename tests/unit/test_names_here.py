"""Names that completion offers, and how long it takes to have none."""

from __future__ import annotations

import socket

import mlflow  # noqa: F401  its loading is not what is measured
import pytest

from rayspace.app import current_app
from rayspace.grammar import JOB
from rayspace.model.run import Tag
from rayspace.names_here import names_of_kind


@pytest.fixture
def project(tmp_path, monkeypatch):
    """Work in a project of its own."""
    (tmp_path / ".rayspace").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_server_that_never_answers_does_not_keep_anybody(project, monkeypatch) -> None:
    """It takes the connection, and that is all; the next Tab is as quick."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        uri = f"http://127.0.0.1:{server.getsockname()[1]}"
        monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
        for _ in range(2):
            assert names_of_kind(JOB) == []


def test_a_new_job_is_offered_at_once(project) -> None:
    """Nothing is remembered from the last time."""
    for name in ("first", "second"):
        current_app().runs.create(experiment="lab", name=name, tags={Tag.JOB: name}, params={})
        assert names_of_kind(JOB)[0] == name
    assert list(names_of_kind(JOB)) == ["second", "first"]
