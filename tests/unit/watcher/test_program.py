"""The program as it travels: one file, any Python, told by its environment."""

from __future__ import annotations

import ast
import signal
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from rayspace.errors import (
    AccessError,
    GatewayError,
    GatewayUnavailableError,
    NotFoundError,
    SettingsError,
)
from rayspace.gateways.exchange import exchange
from rayspace.gateways.watcher_archive import watcher_archive
from rayspace.watcher.head import RayHead
from rayspace.watcher.own_cluster import OwnCluster
from rayspace.watcher.settings import WatcherSettings
from tests.unit.watcher.stage import KUBE_TOKEN, RAY_TOKEN, make_certificate


@pytest.fixture
def started(stage, tmp_path):
    """Start the archive as a process without site packages; end it with the test."""
    processes = []

    def start(**environment: str) -> subprocess.Popen:
        archive = watcher_archive(tmp_path / "new" / "watcher.zip")
        told = {**stage.environment, "RAYSPACE_WATCH_INTERVAL_S": "1", **environment}
        words = [sys.executable, "-I", "-S", "-W", "error", str(archive)]
        process = subprocess.Popen(words, env=told, stderr=subprocess.PIPE, text=True)
        processes.append(process)
        return process

    yield start
    for process in processes:
        process.kill()
        process.communicate()


def test_the_archive_suspends_an_idle_cluster_and_ends_when_asked(stage, started) -> None:
    """With the standard library alone, by no proxy, and without a word about tokens."""
    process = started(RAYSPACE_IDLE_S="0.5", HTTPS_PROXY="http://127.0.0.1:9")
    # What it says follows what it does, so it is asked to end only when it has said it.
    lines = []
    while not (lines and lines[-1].endswith("RayCluster team: spec.suspend is true.\n")):
        lines.append(process.stderr.readline())
        assert lines[-1], lines
    assert stage.api.is_suspended
    process.send_signal(signal.SIGTERM)
    _, rest = process.communicate(timeout=120)
    assert process.returncode == 0
    assert lines[0] == (
        "rayspace-watcher: Watching RayCluster space/team: idle for 0.5 s, lifetime without end.\n"
    )
    assert rest == ""
    said = "".join(lines)
    assert RAY_TOKEN not in said
    assert KUBE_TOKEN not in said


def test_a_program_that_is_told_too_little_says_what(started) -> None:
    """And ends with the code for it."""
    process = started(RAYSPACE_IDLE_S="soon")
    _, said = process.communicate(timeout=120)
    assert process.returncode == 2
    assert said == (
        "rayspace-watcher: The variable RAYSPACE_IDLE_S is 'soon', which is no number of seconds "
        "above zero. Set RAYSPACE_IDLE_S to a number of seconds, or leave it out for no limit.\n"
    )


def test_the_archive_is_small_and_always_the_same(tmp_path) -> None:
    """It travels in a Secret, which is remade only when the program is another."""
    first = watcher_archive(tmp_path / "a.zip").read_bytes()
    assert watcher_archive(tmp_path / "b.zip").read_bytes() == first
    assert watcher_archive(tmp_path / "a.zip").read_bytes() == first
    assert len(first) < 40 * 1024
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.zip", "b.zip"]


def test_the_archive_compiles_as_the_oldest_python_reads_it(tmp_path) -> None:
    """Images of Ray come with Python 3.10 too."""
    with zipfile.ZipFile(watcher_archive(tmp_path / "a.zip")) as archive:
        for name in archive.namelist():
            ast.parse(archive.read(name), name, feature_version=(3, 10))
            assert b"StrEnum" not in archive.read(name)
            assert b"import UTC" not in archive.read(name)


@pytest.mark.parametrize(
    "name", ["KUBERNETES_SERVICE_HOST", "KUBERNETES_SERVICE_PORT", "RAY_CLUSTER_NAME", "HOSTNAME"]
)
def test_a_missing_variable_is_named(stage, name) -> None:
    """Without it nothing can be watched."""
    del stage.environment[name]
    with pytest.raises(SettingsError, match=f"{name} is not set"):
        WatcherSettings.from_environment(stage.environment)


@pytest.mark.parametrize("text", ["0", "-1", "nan", "inf", "30m"])
def test_a_limit_is_a_number_of_seconds_above_zero(stage, text) -> None:
    """Anything else is refused rather than guessed."""
    told = {**stage.environment, "RAYSPACE_MAX_LIFETIME_S": text}
    with pytest.raises(SettingsError, match="no number of seconds above zero"):
        WatcherSettings.from_environment(told)


def test_settings_are_read_and_hide_the_token(stage) -> None:
    """An address of IPv6 gets its brackets, an empty limit is none."""
    told = {
        **stage.environment,
        "KUBERNETES_SERVICE_HOST": "fd00::1",
        "KUBERNETES_SERVICE_PORT": "443",
        "RAYSPACE_IDLE_S": "90.5",
        "RAYSPACE_MAX_LIFETIME_S": "",
        "RAYSPACE_POD_NAME": "pod",
    }
    settings = WatcherSettings.from_environment(told)
    assert settings.api_url == "https://[fd00::1]:443"
    assert (settings.idle_s, settings.max_lifetime_s, settings.interval_s) == (90.5, None, 10)
    assert (settings.cluster, settings.namespace, settings.pod) == ("team", "space", "pod")
    assert RAY_TOKEN not in repr(settings)


def test_an_account_that_is_not_mounted_is_told(stage, tmp_path) -> None:
    """By the path that was looked at."""
    told = {**stage.environment, "RAYSPACE_SERVICE_ACCOUNT_DIR": str(tmp_path / "none")}
    with pytest.raises(SettingsError, match="none/namespace can't be read"):
        WatcherSettings.from_environment(told)


def test_an_api_server_with_another_certificate_is_not_told_the_token(stage, tmp_path) -> None:
    """Only who holds the cluster's certificate is asked."""
    account = Path(stage.environment["RAYSPACE_SERVICE_ACCOUNT_DIR"])
    make_certificate(tmp_path)
    (account / "ca.crt").write_bytes((tmp_path / "ca.crt").read_bytes())
    cluster = OwnCluster(WatcherSettings.from_environment(stage.environment))
    with pytest.raises(GatewayUnavailableError, match="CERTIFICATE_VERIFY_FAILED"):
        cluster.read()


def test_a_renewed_token_is_used(stage) -> None:
    """Kubernetes replaces the file while the program runs."""
    account = Path(stage.environment["RAYSPACE_SERVICE_ACCOUNT_DIR"])
    cluster = OwnCluster(WatcherSettings.from_environment(stage.environment))
    (account / "token").write_text("an old one")
    with pytest.raises(AccessError):
        cluster.read()
    (account / "token").write_text(KUBE_TOKEN)
    assert cluster.read().created_ms == 1_767_225_600_000


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (302, GatewayError),
        (400, GatewayError),
        (401, AccessError),
        (403, AccessError),
        (404, NotFoundError),
        (429, GatewayUnavailableError),
        (503, GatewayUnavailableError),
    ],
)
def test_each_refusal_has_its_error(stage, status, error) -> None:
    """With what the other side said."""
    stage.head.status = status
    with pytest.raises(error, match=rf"GET /api/jobs/ with {status}: .*not well") as raised:
        RayHead(stage.head.url, RAY_TOKEN).running_jobs()
    assert type(raised.value) is error


@pytest.mark.parametrize("jobs", [{"a": 1}, [{}], [3], None])
def test_an_answer_that_can_not_be_understood_is_an_error_of_ours(stage, jobs) -> None:
    """Another version of Ray is no reason to fall over."""
    stage.head.jobs = jobs
    with pytest.raises(GatewayError, match="its jobs can't be understood"):
        RayHead(stage.head.url, RAY_TOKEN).look()


def test_an_answer_that_is_no_json_is_an_error_of_ours(stage) -> None:
    """And so is nobody at all."""
    stage.head.jobs = b"<html>"
    with pytest.raises(GatewayError, match="no JSON"):
        RayHead(stage.head.url, RAY_TOKEN).running_jobs()
    with pytest.raises(GatewayUnavailableError, match=r"Ray does not answer: .*refused"):
        exchange("Ray", "GET", "http://127.0.0.1:9/", headers={}, timeout_s=1)


def test_stopping_a_job_that_is_gone_is_no_error(stage) -> None:
    """It is what was wanted."""
    RayHead(stage.head.url, RAY_TOKEN).stop_job("gone")
    assert stage.head.requests == ["POST /api/jobs/gone/stop"]


def test_a_head_without_serve_has_no_applications(stage) -> None:
    """An application that is being deleted is none either."""
    stage.head.add_actor("SERVE_CONTROLLER_ACTOR", "serve")
    stage.head.applications = {"gone": {"status": "DELETING"}, "new": {"status": "DEPLOYING"}}
    assert RayHead(stage.head.url, RAY_TOKEN).look().applications == ("new",)
    stage.head.actors.clear()
    RayHead(stage.head.url, RAY_TOKEN).look()
    assert stage.head.requests.count("GET /api/serve/applications/") == 1
