"""Any process may die at any moment; the next one goes on from the records."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
from dataclasses import replace
from typing import TYPE_CHECKING

import psutil
import pytest

from rayspace.errors import (
    ClusterBusyError,
    MissingExtraError,
    PhaseError,
    PortTakenError,
    StorageError,
    UsageError,
)
from rayspace.gateways.local_ray import acts, processes, records
from rayspace.gateways.local_ray.gateway import LocalRayGateway
from rayspace.gateways.local_ray.records import LocalRecord, ProcessRecord, RecordStore
from rayspace.gateways.private_files import write_private
from rayspace.gateways.project.walk import ProjectWalk
from rayspace.gateways.ray_head.http import HttpHeadGateway
from rayspace.gateways.system_clock import SystemClock
from rayspace.loop import run
from rayspace.model.cluster import ClusterPhase, ClusterSpec, Origin
from rayspace.model.profile import NodeResources
from rayspace.model.progress import silent
from tests.waiting import PATIENCE_S

if TYPE_CHECKING:
    from rayspace.gateways.local_ray.installation import RayInstallation


def record(name: str, head: ProcessRecord | None, **changes) -> LocalRecord:
    values = {
        "spec": ClusterSpec(name=name, profile="laptop"),
        "origin": Origin.STARTED,
        "uid": "feedbeef",
        "started_ms": 0,
        "dashboard_url": "http://127.0.0.1:9",
        "gcs_address": "127.0.0.1:9",
        "client_url": "ray://127.0.0.1:9",
        "head": head,
    }
    return LocalRecord(**{**values, **changes})


@pytest.fixture
def store(tmp_path) -> RecordStore:
    return RecordStore(tmp_path / "clusters")


@pytest.fixture
def gateway(store) -> LocalRayGateway:
    return LocalRayGateway(store, HttpHeadGateway(), SystemClock())


@pytest.fixture
def bystander():
    """Start a process that is not Ray's and must not be signalled."""
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    yield process
    process.communicate(b"\n", timeout=PATIENCE_S)


def test_a_record_survives_its_file(store) -> None:
    """What is written is what is read, and only its owner can read it."""
    workers = (ProcessRecord(3, "boot/4", "/log"),)
    written = record("a", ProcessRecord(1, "boot/2"), workers=workers, ports={"gcs": 9})
    store.save(written)
    assert store.load("a") == written
    path = store.cluster_dir("a") / "cluster.json"
    assert path.stat().st_mode & 0o077 == 0


def test_a_reused_pid_is_nobodys_cluster(store, gateway, bystander) -> None:
    """A pid that belongs to another process by now is not taken for the head, and not ended."""
    birth = processes.identify(bystander.pid).birth
    boot, ticks = birth.split("/")
    for other in (f"{boot}/{int(ticks) - 1}", f"an-earlier-boot/{ticks}", ""):
        store.save(record("stale", ProcessRecord(bystander.pid, other)))
        assert run(gateway.get("stale")).phase is ClusterPhase.LOST
        run(gateway.delete("stale", silent))
        assert bystander.poll() is None
        assert store.names() == []


def test_a_step_of_the_clock_loses_no_cluster(store, gateway, bystander, monkeypatch) -> None:
    """A process is known by its boot and ticks: the time of day of its start moves with clocks."""
    store.save(record("steady", processes.identify(bystander.pid)))
    moved = psutil.Process(bystander.pid).create_time() + 3600
    monkeypatch.setattr(psutil.Process, "create_time", lambda _self: moved)
    assert run(gateway.get("steady")).phase is not ClusterPhase.LOST


def test_a_head_that_is_gone_is_recognised(store, gateway) -> None:
    """A pid without a process is lost, and says so."""
    process = subprocess.Popen(["true"])
    started = processes.identify(process.pid)
    process.wait()
    store.save(record("gone", started))
    state = run(gateway.get("gone"))
    assert (state.phase, state.phase.is_terminal) == (ClusterPhase.LOST, True)
    assert str(process.pid) in state.reason


def test_orphans_of_a_dead_head_are_found_by_their_mark(store, gateway, bystander) -> None:
    """What bears the cluster's id is ended although its head is gone; nothing else is."""
    env = {**os.environ, processes.MARKER: "feedbeef"}
    orphan = subprocess.Popen(["sleep", "600"], env=env)
    store.save(record("dead", ProcessRecord(2**22 - 1, "boot/1")))
    run(gateway.delete("dead", silent))
    orphan.wait(timeout=PATIENCE_S)
    assert bystander.poll() is None


async def test_an_interrupted_end_ends_before_anybody_else_may_begin(
    store, gateway, monkeypatch
) -> None:
    """Whoever stops waiting for `delete` gets the prompt back when its thread is done."""
    ending, go_on = threading.Event(), threading.Event()
    end = processes.end

    def slow(records, uid):
        ending.set()
        assert go_on.wait(PATIENCE_S)
        return end(records, uid)

    monkeypatch.setattr(processes, "end", slow)
    store.save(record("down", None))
    task = asyncio.create_task(gateway.delete("down", silent))
    await asyncio.to_thread(ending.wait, PATIENCE_S)
    task.cancel()
    await asyncio.sleep(0)
    with pytest.raises(ClusterBusyError):
        await gateway.create(ClusterSpec(name="down", profile="laptop"), silent)
    go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert store.names() == []


@pytest.mark.parametrize("n_saved", [0, 1, 2])
def test_a_start_that_cannot_be_recorded_leaves_nothing(
    store, gateway, monkeypatch, tmp_path, n_saved
) -> None:
    """The disk is full at the first record, at the head's, at the worker's."""
    save, saved, spawned = store.save, [], []
    spawn = processes.spawn

    def full(written) -> None:
        if len(saved) == n_saved:
            raise StorageError("The disk is full.", hint="Free some space.")
        saved.append(written)
        save(written)

    def sleeping(_words, env, log_path):
        spawned.append(spawn(["sleep", "600"], env, log_path))
        return spawned[-1]

    monkeypatch.setattr(store, "save", full)
    monkeypatch.setattr(processes, "spawn", sleeping)
    # Not the one of this user, in which other tests start their clusters.
    temporary = tmp_path / "ray"
    monkeypatch.setattr(acts, "temp_dir_of", temporary.joinpath)
    with pytest.raises(StorageError):
        run(gateway.create(ClusterSpec(name="full", profile="laptop", n_workers=1), silent))
    assert len(spawned) == n_saved
    assert [processes.find(process) for process in spawned] == [None] * n_saved
    assert store.names() == []
    assert list(temporary.glob("*")) == []


def test_what_cannot_be_removed_is_told(store, gateway, monkeypatch) -> None:
    """It is one error of ours, and the record stays for another try."""
    store.save(record("stuck", None))

    def refuse(_path) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(records.shutil, "rmtree", refuse)
    with pytest.raises(StorageError, match="Permission denied"):
        store.remove("stuck")
    assert store.names() == ["stuck"]


def test_more_memory_than_the_machine_has_starts_nothing(store, gateway) -> None:
    """Ray would take it for a wish and fail later."""
    part = NodeResources(cpus=1, memory_bytes=2**50)
    for spec in (
        ClusterSpec(name="big", profile="laptop", head=part),
        ClusterSpec(name="big", profile="laptop", worker=part, n_workers=1),
    ):
        with pytest.raises(UsageError, match=r"1024\.0 TiB does not fit this machine"):
            run(gateway.create(spec, silent))
    assert store.names() == []


def test_two_changes_of_one_cluster_do_not_meet(store, gateway) -> None:
    """The second is told to come again, and changes nothing."""
    with store.lock("busy"), pytest.raises(ClusterBusyError):
        run(gateway.create(ClusterSpec(name="busy", profile="laptop"), silent))
    assert store.names() == []


def test_a_taken_port_starts_nothing(store, gateway, taken_port) -> None:
    """A dashboard port that somebody has is refused before Ray is started."""
    spec = ClusterSpec(name="port", profile="laptop", dashboard_port=taken_port)
    with pytest.raises(PortTakenError):
        run(gateway.create(spec, silent))
    assert store.names() == []


def test_a_missing_ray_is_one_error_with_the_command(store) -> None:
    """Without Ray the base install says what to install."""

    def missing() -> RayInstallation:
        raise MissingExtraError("ray")

    gateway = LocalRayGateway(store, HttpHeadGateway(), SystemClock(), missing)
    with pytest.raises(MissingExtraError) as caught:
        run(gateway.create(ClusterSpec(name="a", profile="laptop"), silent))
    assert caught.value.hint == "Install it with: pip install 'rayspace[local]'"
    assert store.names() == []


def test_records_in_a_project_do_not_travel(tmp_path) -> None:
    """Whoever keeps them there ships no token with a job, and commits none."""
    (tmp_path / "train.ipynb").write_text("{}")
    store = RecordStore(tmp_path / "state" / "clusters")
    store.save(record("a", None))
    (store.cluster_dir("a") / "token").write_text("secret")
    write_private(tmp_path / "state" / "credentials", "j.json", "{}")
    walk = ProjectWalk(tmp_path, "train.ipynb")
    walk.run()
    assert set(walk.files) == {"train.ipynb"}


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "3", '{"schema_version": 99}', '{"schema_version": 1}', "\udcff"]
)
def test_a_state_file_that_says_nothing_is_a_cluster_of_its_own(store, gateway, text) -> None:
    """It is not guessed at, keeps no other cluster from being seen, and can be ended."""
    store.save(record("good", None))
    store.save(record("bad", None))
    path = store.cluster_dir("bad") / "cluster.json"
    path.write_text(text, "utf-8", errors="surrogateescape")
    phases = {state.name: state.phase for state in run(gateway.list())}
    assert phases == {"good": ClusterPhase.LOST, "bad": ClusterPhase.UNREADABLE}
    state = run(gateway.get("bad"))
    assert "cluster.json" in state.reason
    with pytest.raises(StorageError) as caught:
        run(gateway.create(ClusterSpec(name="bad", profile="laptop"), silent))
    assert "rayspace cluster down bad" in caught.value.hint
    planned = run(gateway.planned_deletion("bad"))
    assert run(gateway.delete("bad", silent)) == planned
    assert store.names() == ["good"]


def test_processes_of_an_unreadable_cluster_are_ended_by_its_token(
    store, gateway, bystander
) -> None:
    """Only those that bear the mark of a cluster too: a shell may hold the token's path."""
    store.save(record("bad", None))
    (store.cluster_dir("bad") / "cluster.json").write_text("{")
    token = {"RAY_AUTH_TOKEN_PATH": str(store.cluster_dir("bad") / "token")}
    ours = subprocess.Popen(
        ["sleep", "600"], env={**os.environ, **token, processes.MARKER: "feedbeef"}
    )
    shell = subprocess.Popen(["sleep", "600"], env={**os.environ, **token})
    try:
        run(gateway.delete("bad", silent))
        ours.wait(timeout=PATIENCE_S)
        assert shell.poll() is None
        assert bystander.poll() is None
    finally:
        shell.kill()
        shell.wait()


def test_a_directory_that_is_a_file_is_refused(tmp_path) -> None:
    """Where records can't be written nothing is started."""
    (tmp_path / "file").touch()
    store = RecordStore(tmp_path / "file" / "clusters")
    gateway = LocalRayGateway(store, HttpHeadGateway(), SystemClock())
    with pytest.raises(StorageError):
        run(gateway.create(ClusterSpec(name="a", profile="laptop"), silent))


def test_an_adopted_cluster_is_forgotten_not_ended(store, gateway, bystander) -> None:
    """Whoever started it goes on; scaling it is refused."""
    head = processes.identify(bystander.pid)
    store.save(replace(record("theirs", head), origin=Origin.ADOPTED))
    with pytest.raises(PhaseError):
        run(gateway.scale("theirs", 1, silent))
    lines = run(gateway.delete("theirs", silent))
    assert lines == ["forget theirs, which somebody else started; Ray goes on"]
    assert bystander.poll() is None
    assert store.names() == []
