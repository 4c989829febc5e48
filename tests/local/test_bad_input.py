"""Wrong orders, as they reach the real parts: refused with 2, a hint, and nothing changed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

import pytest

from rayspace.errors import ClusterBusyError, StorageError, VersionMismatchError
from rayspace.gateways.python.kernels import check_python, find_kernel
from rayspace.loop import run
from tests.laboratory import make_app, notebook_json

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def cli(lab):
    """Run one command in a folder, with the lab's records."""

    def call(*words: str, cwd: Path, **env: str) -> tuple[int, dict]:
        done = subprocess.run(
            [sys.executable, "-m", "rayspace.cli", *words, "--json"],
            cwd=cwd,
            env={**lab.app.environ, **env},
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )
        return done.returncode, json.loads(done.stdout)

    return call


@pytest.fixture
def project(tmp_path) -> Path:
    (tmp_path / ".rayspace").mkdir()
    return tmp_path


NOTEBOOKS = {
    "not_json": (b"{nope", "notebook_format"),
    "old": (json.dumps({"nbformat": 3, "worksheets": []}).encode(), "notebook_format"),
    "empty": (json.dumps(notebook_json()).encode(), "notebook_format"),
    "kernel": (json.dumps(notebook_json("1", kernel="julia-9")).encode(), "kernel_not_found"),
    "parameters": (json.dumps(notebook_json("1", parameters="lr = = 1")).encode(), "parameter"),
}


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_a_notebook_that_can_not_run_is_refused(cli, project, name) -> None:
    """Each with its own error, before any run is made."""
    content, code = NOTEBOOKS[name]
    (project / "bad.ipynb").write_bytes(content)
    exit_code, error = cli("job", "submit", "bad.ipynb", "--cluster", "lab", cwd=project)
    assert (exit_code, error["code"]) == (2, code)
    assert error["hint"]
    assert not (project / "mlflow.db").exists()


def test_a_huge_notebook_is_refused(cli, project) -> None:
    """50 MB of outputs are told as what they are."""
    notebook = notebook_json("1")
    notebook["cells"][0]["outputs"] = [
        {"output_type": "stream", "name": "stdout", "text": "x" * 50_000_000}
    ]
    (project / "huge.ipynb").write_text(json.dumps(notebook))
    exit_code, error = cli("job", "submit", "huge.ipynb", cwd=project)
    assert (exit_code, error["code"]) == (2, "notebook_format")
    assert "clear-output" in error["hint"]


def test_a_tracking_server_that_is_away_is_told_at_once(cli, project) -> None:
    """Nothing listens there; no job starts without its record."""
    (project / "ok.ipynb").write_text(json.dumps(notebook_json("1")))
    uri = "http://someone:pass-word@127.0.0.1:9"
    exit_code, error = cli(
        "job", "submit", "ok.ipynb", "--cluster", "lab", cwd=project, MLFLOW_TRACKING_URI=uri
    )
    assert (exit_code, error["code"]) == (2, "gateway_unavailable")
    assert "pass-word" not in json.dumps(error)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("memry: 8GiB", ["memry", "memory"]),
        ("workers: many", ["workers", "many"]),
        ("memory: 8", ["8", "GiB"]),
        ("memory: 8 gigs", ["8 gigs"]),
        ("- a\n- b", []),
        ("a: [", []),
    ],
)
def test_a_wrong_profile_is_refused(cli, project, text, words) -> None:
    """A wrong key, type or unit is named, and nothing starts."""
    folder = project / ".rayspace" / "profiles"
    folder.mkdir()
    (folder / "mine.yaml").write_text(text)
    exit_code, error = cli("cluster", "up", "mine", cwd=project)
    assert exit_code == 2
    assert error["code"] in {"profile", "quantity"}
    for word in words:
        assert word in error["message"] + error["hint"]
    _, listing = cli("cluster", "list", cwd=project)
    assert [c["name"] for c in listing["clusters"]] == ["lab"]


def test_a_taken_port_is_refused(cli, project, taken_port) -> None:
    """No head is started for a dashboard that could not listen."""
    words = ("cluster", "up", "--name", "port", "--dashboard-port", str(taken_port))
    exit_code, error = cli(*words, cwd=project)
    assert (exit_code, error["code"]) == (2, "port_taken")
    _, listing = cli("cluster", "list", cwd=project)
    assert [c["name"] for c in listing["clusters"]] == ["lab"]


def test_a_state_directory_that_is_none_is_refused(cli, project) -> None:
    """A file where the directory should be."""
    (project / "file").touch()
    exit_code, error = cli("cluster", "up", cwd=project, RAYSPACE_STATE_DIR=str(project / "file"))
    assert (exit_code, error["code"]) == (2, "storage")


def test_two_ups_of_one_name_at_once(tmp_path) -> None:
    """One starts the cluster; the other is told that it is being started, or finds it."""
    apps = [make_app(tmp_path / "project", tmp_path / "state") for _ in range(2)]
    store, failures = apps[0].record_store, []
    with store.lock("twice"):

        def second() -> None:
            try:
                run(apps[1].clusters.up("laptop", name="twice"))
            except ClusterBusyError as exc:
                failures.append(exc)

        thread = threading.Thread(target=second)
        thread.start()
        thread.join(timeout=240)
    assert [failure.exit_code for failure in failures] == [2]
    assert store.names() == []


def test_another_ray_in_the_kernel_is_refused() -> None:
    """A kernel whose Ray differs from the cluster's can't work with it."""
    kernel = find_kernel(sys.executable, "python3")
    check_python(sys.executable, kernel, "2.60.0")
    with pytest.raises(VersionMismatchError) as caught:
        check_python(sys.executable, kernel, "2.59.0")
    assert "2.60.0" in caught.value.message
    assert "ray==2.59.0" in caught.value.hint


@pytest.fixture
def small_disk(tmp_path):
    """Mount a file system of 64 KiB; needs root, as the rest of this suite's set-up does."""
    folder = tmp_path / "small"
    folder.mkdir()
    options = ["-t", "tmpfs", "-o", "size=64k", "tmpfs"]
    subprocess.run(["mount", *options, str(folder)], check=True)
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


@pytest.mark.skipif(os.geteuid() != 0, reason="It mounts a small disk: run it as root.")
def test_a_full_disk_loses_nothing(small_disk, lab) -> None:
    """A record that can't be written whole leaves the old one whole."""
    from dataclasses import replace

    from rayspace.gateways.local_ray.records import RecordStore

    store = RecordStore(small_disk / "clusters")
    record = lab.app.record_store.load("lab")
    store.save(record)
    with pytest.raises(OSError, match="space"):
        (small_disk / "filler").write_bytes(b"x" * 10**6)
    big = replace(record, ports={f"port-{i}": i for i in range(2000)})
    with pytest.raises(StorageError) as caught:
        store.save(big)
    assert caught.value.details["errno"] == 28
    assert store.load("lab") == record


@pytest.mark.skipif(os.geteuid() != 0, reason="It mounts a small disk: run it as root.")
def test_a_full_disk_stops_a_fetch_without_half_a_file(small_disk, lab) -> None:
    """Results are whole or not there."""
    import dataclasses

    from rayspace.model.place import Place
    from rayspace.model.run import Tag
    from rayspace.services.results import fetch_results

    job = lab.submit(lab.write("roomy.ipynb", "print('x' * 200_000)"), wait=True)
    record = lab.app.runs.get(job.run_id)
    tags = {**record.tags, Tag.SOURCE_DIR: str(small_disk)}
    place = Place(tags[Tag.HOST], tags[Tag.USER], "")
    elsewhere = dataclasses.replace(record, tags=tags)
    with pytest.raises(StorageError):
        run(fetch_results(lab.app.runs, elsewhere, place))
    folder = small_disk / "roomy.runs" / job.name
    assert not (folder / "roomy.ipynb").exists()
