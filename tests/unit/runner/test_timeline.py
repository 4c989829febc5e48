"""What the runner keeps of what Kubernetes tells, against a server that plays it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from rayspace.runner.log import RunnerLog
from rayspace.runner.spool import Spool
from rayspace.runner.timeline import Timeline
from tests.unit.watcher import stage as plays

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SPACE = "/api/v1/namespaces/space"
PODS = f"{SPACE}/pods"


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[plays.Stage]:
    """Have an API server that knows a job with a head and a worker."""
    monkeypatch.setattr("rayspace.runner.timeline._TIMEOUT_S", 60.0)
    plays.make_certificate(tmp_path)
    with plays.playing(tmp_path, tmp_path / "account") as made:
        made.environment |= {"RAY_CLUSTER_NAME": "train-x2", "HOSTNAME": "train-x2-head"}
        made.api.objects[f"{SPACE}/events"] = {
            "items": [
                event("train-x2-head", "Scheduled", "found a node", "2026-01-01T00:00:01Z"),
                event("other-head", "Scheduled", "found another", "2026-01-01T00:00:02Z"),
            ]
        }
        made.api.objects[PODS] = {"items": [pod("train-x2-head"), pod("train-x2-worker")]}
        made.api.objects[f"{PODS}/train-x2-worker/log"] = b"out of luck\n"
        yield made


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    """Have a directory to keep things in."""
    directory = tmp_path / "spool"
    directory.mkdir()
    return Spool(directory)


def event(name: str, reason: str, message: str, time: str) -> dict[str, Any]:
    """Return an event of a pod."""
    subject = {"kind": "Pod", "name": name}
    return {"involvedObject": subject, "reason": reason, "message": message, "lastTimestamp": time}


def pod(name: str) -> dict[str, Any]:
    """Return a pod."""
    return {"metadata": {"name": name}, "spec": {"containers": [{"name": "ray"}]}}


def kept(stage: plays.Stage, spool: Spool, job: str, *, has_failed: bool) -> list[str]:
    """Let a timeline run; returns what it said."""
    lines: list[str] = []
    log = RunnerLog(write=lambda content: lines.append(content.decode()))
    timeline = Timeline(stage.environment, job, spool, log)
    timeline.start()
    timeline.close(has_failed=has_failed)
    return lines


def test_the_events_of_its_pods_are_kept(stage, spool) -> None:
    """Those of others are not, nor are logs of a job that went well."""
    assert kept(stage, spool, "train", has_failed=False) == []
    line = "2026-01-01T00:00:01 Pod/train-x2-head Scheduled: found a node\n"
    assert (spool.pods_dir / "events.txt").read_text() == line
    assert [path.name for path in spool.pods_dir.iterdir()] == ["events.txt"]


def test_logs_of_other_pods_are_kept_of_a_job_that_failed(stage, spool) -> None:
    """Its own is the driver's; one that began once has no log of before."""
    assert kept(stage, spool, "train", has_failed=True) == []
    # The play gives the same for both logs of a pod.
    assert (spool.pods_dir / "train-x2-worker.log").read_text() == 2 * "out of luck\n"
    assert not (spool.pods_dir / "train-x2-head.log").exists()


def test_events_that_kubernetes_forgot_meanwhile_are_kept(stage, spool) -> None:
    """What an earlier look saw is not lost."""
    lines: list[str] = []
    log = RunnerLog(write=lambda content: lines.append(content.decode()))
    timeline = Timeline(stage.environment, "train", spool, log)
    timeline.start()
    while not timeline._lines:
        assert timeline._thread.is_alive()
    late = event("train-x2-worker", "Killing", "Stopping", "2026-01-01T02:00:00Z")
    stage.api.objects[f"{SPACE}/events"] = {"items": [late]}
    timeline.close(has_failed=False)
    told = (spool.pods_dir / "events.txt").read_text().splitlines()
    assert [line.split()[2] for line in told] == ["Scheduled:", "Killing:"]


def test_a_job_on_a_running_cluster_keeps_that_clusters(stage, spool) -> None:
    """Its own name is in none of their names."""
    kept(stage, spool, "predict", has_failed=False)
    assert "train-x2-head" in (spool.pods_dir / "events.txt").read_text()


@pytest.mark.parametrize(("status", "said"), [(403, "may not read them"), (500, "not all events")])
def test_what_can_not_be_kept_is_said(stage, spool, status: int, said: str) -> None:
    """In one line, and the job goes on."""
    stage.api.failures["GET"] = 5 * [status]
    (line,) = kept(stage, spool, "train", has_failed=True)
    assert said in line
    assert not spool.pods_dir.exists()


def test_outside_of_a_pod_nothing_is_said(stage, spool) -> None:
    """There is nothing to keep."""
    del stage.environment["KUBERNETES_SERVICE_HOST"]
    assert kept(stage, spool, "train", has_failed=True) == []
    assert not spool.pods_dir.exists()
