"""What makes a head ready soon."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from ray._common.usage import usage_lib

from rayspace.core.manifests.head_start import NO_CLOUD_SEARCH
from tests.unit.core.manifests.test_ray_cluster import FACTS, made, pod_of

if TYPE_CHECKING:
    from pathlib import Path


def cpus(text: str, *, bursts: bool, index: int | None = None) -> tuple[str, str]:
    """Return what Ray's container of a profile asks for, and what it may use."""
    pod = pod_of(made(text, replace(FACTS, head_may_burst=bursts)), index)
    resources = pod["containers"][0]["resources"]
    return resources["requests"]["cpu"], resources["limits"]["cpu"]


@pytest.mark.parametrize(
    ("asked", "limit"), [("0.3", "2000m"), ("1", "2000m"), ("2", "2000m"), ("8", "8000m")]
)
def test_a_small_head_starts_with_two_cpus(asked: str, limit: str) -> None:
    """And asks for no more than it was given; Ray runs as many tasks as before."""
    text = f"idle: 1h\nhead: {{cpus: {asked}}}"
    request = f"{float(asked) * 1000:.0f}m"
    assert cpus(text, bursts=True) == (request, limit)
    assert cpus(text, bursts=False) == (request, request)
    facts = replace(FACTS, head_may_burst=True)
    starts = [made(text, f)["spec"]["headGroupSpec"]["rayStartParams"] for f in (FACTS, facts)]
    assert starts[0] == starts[1]


def test_workers_and_memory_stay_as_they_are() -> None:
    """Tasks take as long each time, and memory can't be taken back."""
    text = "idle: 1h\nhead: {cpus: 1, memory: 3GiB}\nworkers: 1\ncpus: 1"
    assert cpus(text, bursts=True, index=0) == ("1000m", "1000m")
    head = pod_of(made(text, replace(FACTS, head_may_burst=True)))["containers"][0]["resources"]
    assert head["requests"]["memory"] == head["limits"]["memory"]


def test_a_head_alone_in_its_pod_uses_what_it_asks_for() -> None:
    """So that Kubernetes ends it last; one beside an autoscaler is not of that kind anyway."""
    assert cpus("head: {cpus: 1}", bursts=True) == ("1000m", "1000m")
    assert cpus("head: {cpus: 1}\nworkers: 0:2", bursts=True) == ("1000m", "2000m")


def test_the_search_is_kept_off_before_ray_starts() -> None:
    """KubeRay runs the command of a container first; one of the profile's own stays as it is."""
    for index, command in ((None, [NO_CLOUD_SEARCH]), (0, None)):
        (ray,) = pod_of(made("workers: 1"), index)["containers"]
        assert ray.get("command") == command
    head = "rayCluster: {spec: {headGroupSpec: {template: %s}}}"
    own = "{spec: {containers: [{name: ray-head, args: [echo hello]}]}}"
    (ray,) = pod_of(made(head % own))["containers"]
    assert (ray.get("command"), ray["args"]) == (None, ["echo hello"])
    own = "{metadata: {annotations: {ray.io/overwrite-container-cmd: 'true'}}}"
    assert "command" not in pod_of(made(head % own))["containers"][0]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "ray_bootstrap_config.yaml"


def shell(home: Path | str) -> str:
    """Run the command in a home directory, and return what a shell says then."""
    done = subprocess.run(
        # As KubeRay joins it with what it makes itself.
        ["/bin/bash", "-c", "--", f" {NO_CLOUD_SEARCH}  && echo goes on"],
        env={"PATH": "/usr/bin:/bin", "HOME": str(home)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr == ""
    return done.stdout


def test_ray_searches_for_no_cloud(file, monkeypatch) -> None:
    """It reads the file, which tells nothing, and asks nobody."""

    def ask(*words: object, **more: object) -> None:
        pytest.fail(f"asked {words}")

    monkeypatch.setattr(usage_lib.requests, "get", ask)
    assert shell(file.parent) == "goes on\n"
    told = usage_lib.get_cluster_config_to_report(str(file))
    assert told == usage_lib.ClusterConfigToReport()


def test_what_a_home_directory_holds_stays(file) -> None:
    """A file of somebody else, and a place where nothing can be written."""
    file.write_text("mine")
    assert shell(file.parent) == "goes on\n"
    assert file.read_text() == "mine"
    assert shell("/proc/self/nowhere") == "goes on\n"
