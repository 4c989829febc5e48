"""The test cluster itself: side by side, and nothing left of it whatever ends it."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cluster import binaries, front, requirements, store
from tests.cluster.errors import ClusterToolError
from tests.cluster.sandbox import cgroups
from tests.cluster.store import ENVIRON, ROOT
from tests.waiting import wait_for

_OWNER = """
import sys
from tests.cluster import front
front.up("owned", is_mine=True)
print("up", flush=True)
sys.stdin.read()
"""


def cgroup_dirs(name: str) -> list[Path]:
    """Return the control groups of a cluster."""
    return [*Path("/sys/fs/cgroup").glob(f"*/rayspace-tests-{name}")]


def test_one_whose_owner_is_killed_is_gone_whole(cluster):
    """Beside another, which goes on: no process, no control group and no data is left."""
    owner = subprocess.Popen(
        [sys.executable, "-c", _OWNER],
        cwd=ROOT,
        env=ENVIRON,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert owner.stdout is not None
    assert owner.stdout.readline() == "up\n"
    other = front.find("owned")
    other.kubectl("create", "namespace", "only-there")
    assert "only-there" not in cluster.kubectl("get", "namespaces", "-o", "name")
    inside = cgroups.processes("rayspace-tests-owned")
    assert inside
    assert cgroup_dirs("owned")
    owner.kill()
    owner.communicate()
    wait_for(lambda: not cgroup_dirs("owned"), "the control groups are gone")
    wait_for(lambda: not front.is_running("owned"), "the keeper is gone")
    assert [pid for pid in inside if Path(f"/proc/{pid}").exists()] == []
    assert [path.name for path in other.layout.run_dir.iterdir()] == ["log"]
    assert cluster.is_well()


def test_one_whose_keeper_is_killed_is_gone_and_cleaned_by_the_next(cluster):
    """The cluster ends with its keeper; what lies about is taken away by `down`."""
    front.up("orphan")
    state = json.loads(front.find("orphan").layout.state_path.read_text())
    first = front.init_pid("orphan")
    os.kill(state["keeper"], signal.SIGKILL)
    wait_for(lambda: not Path(f"/proc/{first}").exists(), "the cluster is gone")
    with pytest.raises(ClusterToolError, match="does not run"):
        front.find("orphan")
    front.down("orphan")
    assert cgroup_dirs("orphan") == []
    assert not front.log_dir("orphan").exists()


def test_a_second_up_finds_the_first(cluster):
    """In seconds, as the same one."""
    again = front.up()
    assert (again.server, again.layout) == (cluster.server, cluster.layout)


def test_a_port_that_is_taken_is_told_of():
    """Before anything is started."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        port = server.getsockname()[1]
        with pytest.raises(ClusterToolError, match=f"Port {port} is in use"):
            front.up("taken", port=port)
    assert not front.is_running("taken")
    front.down("taken")


def test_what_is_missing_is_named(monkeypatch):
    """With what mends it, in one error."""
    monkeypatch.setattr(binaries.shutil, "which", lambda *_, **__: None)
    with pytest.raises(ClusterToolError) as caught:
        binaries.build(binaries.KUBERAY)
    assert "--no-cluster" in caught.value.hint


def test_a_part_that_was_not_finished_is_built_again(tmp_path, monkeypatch):
    """And one that was is not."""
    monkeypatch.setattr(store, "cache_dir", lambda: tmp_path)
    made = []

    def fail(folder: Path) -> None:
        (folder / "half").touch()
        raise RuntimeError

    def make(folder: Path) -> None:
        made.append([path.name for path in folder.iterdir()])

    with pytest.raises(RuntimeError):
        store.part("thing", ["a"], fail)
    folder = store.part("thing", ["a"], make)
    assert store.part("thing", ["a"], make) == folder
    assert made == [[]]
    assert store.part("thing", ["b"], make) != folder


def test_a_small_disk_is_told_of(tmp_path, monkeypatch):
    """Before something is built that does not fit."""
    monkeypatch.setattr(store, "cache_dir", lambda: tmp_path)
    monkeypatch.setattr(store, "_PART_BYTES", 10**18)
    with pytest.raises(ClusterToolError, match="GB free"):
        store.part("thing", ["a"], lambda _: None)


@pytest.mark.parametrize(
    ("words", "code", "text"),
    [
        (["--name", "never", "status"], 2, "does not run"),
        (["--name", "never", "down"], 0, ""),
        (["kubeconfig", "scientist"], 0, "users/scientist.yaml"),
        (["status"], 0, "is well"),
        (["logs"], 0, "kube-apiserver.log"),
    ],
)
def test_the_command_line_says_how_it_is(cluster, words, code, text):
    """As a developer types it."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.cluster", *words],
        cwd=ROOT,
        env=ENVIRON,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == code, done.stderr
    assert text in done.stdout + done.stderr


def test_a_machine_that_gives_no_namespaces_or_no_root_is_told_of(monkeypatch):
    """Not passed over in silence: whoever can't run it says so with --no-cluster."""
    refused = subprocess.CompletedProcess([], 1, "", "unshare failed: Operation not permitted")
    monkeypatch.setattr(requirements.subprocess, "run", lambda *_, **__: refused)
    with pytest.raises(ClusterToolError, match="gives no namespaces") as caught:
        requirements.require_machine()
    assert "--no-cluster" in caught.value.hint
    monkeypatch.setattr(requirements.os, "geteuid", lambda: 1000)
    with pytest.raises(ClusterToolError, match="needs root"):
        requirements.require_machine()


def test_leaving_the_cluster_out_is_said_in_the_summary():
    """A reader of the log sees that something did not run."""
    words = ["-m", "pytest", "-q", "--no-cluster", "tests/cluster/test_ray.py"]
    done = subprocess.run(
        [sys.executable, *words], cwd=ROOT, env=ENVIRON, capture_output=True, text=True, check=False
    )
    assert "tests on a real Kubernetes DID NOT RUN" in done.stdout
