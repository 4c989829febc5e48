"""Where the results of a job come to on this machine."""

from __future__ import annotations

import pytest

from rayspace.model.place import Place
from rayspace.model.run import RunRecord, RunStatus, Tag
from rayspace.services.results import results_dir


def put(parent):
    """Put a result beside where a notebook would be, and return its folder."""
    home = parent / "train.runs" / "train-bcdfg"
    home.mkdir(parents=True)
    (home / "train.ipynb").write_text("{}")
    return home


def record(source_dir: str, host: str) -> RunRecord:
    tags = {
        Tag.NOTEBOOK: "deep/train.ipynb",
        Tag.JOB: "train-bcdfg",
        Tag.SOURCE_DIR: source_dir,
        Tag.HOST: host,
        Tag.USER: "me",
    }
    return RunRecord("r1", "train", "1", "digits", RunStatus.FINISHED, 0, 1, tags=tags)


def test_results_lie_beside_a_source_that_is_here(tmp_path):
    source, project = tmp_path / "source", tmp_path / "project"
    home = put(source)
    place = Place("here", "me", "", str(project))
    assert results_dir(record(str(source), "here"), place) == str(home)


@pytest.mark.parametrize(("source", "host"), [("source", "there"), ("gone", "here")])
def test_results_of_jobs_from_elsewhere_come_to_the_project(tmp_path, monkeypatch, source, host):
    """Not to wherever this program was started: a Jupyter server's folder is nobody's place."""
    project, started_in = tmp_path / "project", tmp_path / "started"
    (tmp_path / "source").mkdir()
    started_in.mkdir()
    home = put(project)
    monkeypatch.chdir(started_in)
    place = Place("here", "me", "", str(project))
    assert results_dir(record(str(tmp_path / source), host), place) == str(home)
