"""The target simulated: its stories, told in the words of the diagnosis, and what it refuses."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys

import pytest

from rayspace.app import App
from rayspace.core.clusters.wishes import Wishes
from rayspace.errors import (
    ClusterExistsError,
    ClusterNotFoundError,
    ClusterStartError,
    GatewayUnavailableError,
    PhaseError,
    PreflightError,
    RefusedError,
    SettingsError,
    TargetNotFoundError,
)
from rayspace.loop import run
from rayspace.model.cluster import ClusterPhase, Replaced
from rayspace.model.progress import silent
from rayspace.present.words import facts
from tests.laboratory import notebook_json

ON = {"RAYSPACE_SIMULATED": "1"}


class Clock:
    """A time that moves only when somebody waits, and then at once."""

    def __init__(self) -> None:
        self.time_ms = 1_795_464_000_000

    def now_ms(self) -> int:
        return self.time_ms

    def monotonic_s(self) -> float:
        return self.time_ms / 1000

    async def sleep(self, duration_s: float) -> None:
        self.time_ms += round(duration_s * 1000)


@pytest.fixture
def app(own_home, tmp_path):
    """Return the services of a project, on a machine where the target is switched on."""
    made = App(tmp_path, {**ON, "RAYSPACE_STATE_DIR": str(tmp_path / "state")})
    made.clock = Clock()
    return made


def up(app: App, profile: str, told: list | None = None, **wishes):
    """Start a cluster there, and note what is told."""
    report = silent if told is None else lambda stage: told.append(stage.text)
    return run(app.clusters.up(profile, target="simulated", report=report, **wishes))


def test_a_cluster_waits_in_its_queue_and_comes_up(app) -> None:
    """Its place is told, then node, image and head; with all workers it has GPUs with readings."""
    told: list[str] = []
    state = up(app, "gpu-small", told, queue="team", workers=2, ready="all")
    assert state.phase is ClusterPhase.READY
    assert state.n_workers_observed == 2
    text = "\n".join(told)
    for words in ("with 2 before it", "with 1 before it", "as the next", "Pulls the image"):
        assert words in text
    nodes = run(app.clusters.nodes("gpu-small"))
    assert [len(node.gpu_samples) for node in nodes] == [0, 1, 1]
    sample = nodes[1].gpu_samples[0]
    assert sample.name == "NVIDIA-L4 (simulated)"
    assert 0.5 < sample.busy_fraction <= 1
    assert 0 < sample.memory_used_bytes < sample.memory_total_bytes
    assert 16 < sample.power_w <= 72


def test_raw_fields_may_have_any_unit(app) -> None:
    """As Kubernetes takes them."""
    folder = app.project / ".rayspace" / "profiles"
    folder.mkdir(parents=True)
    limits = {"memory": "8Gi", "cpu": "1500m"}
    containers = [{"name": "ray-head", "resources": {"limits": limits}}]
    head = {"template": {"spec": {"containers": containers}}}
    overlay = json.dumps({"spec": {"headGroupSpec": head}})
    (folder / "odd.yaml").write_text(
        f"description: Odd.\nhead: {{cpus: 1}}\nrayCluster: {overlay}\n"
    )
    up(app, "odd")
    node, *_ = run(app.clusters.nodes("odd"))
    assert (node.cpus, node.memory_bytes) == (1.5, 8 * 2**30)


def test_everything_says_that_it_is_simulated(app) -> None:
    """The target, the start, the status and each problem."""
    told: list[str] = []
    state = up(app, "cpu-small", told)
    assert state.target == "simulated"
    assert told[0].startswith("This is simulated")
    assert state.reason == "Simulated: nothing of it runs."
    assert [t.source for t in app.targets()] == ["machine", "simulated"]
    up(app, "cpu-small", name="x", image="example.org/ray:latset", wait=False)
    app.clock.time_ms += 20_000
    problems = run(app.clusters.why("x")).problems
    assert [problem.summary.partition(":")[0] for problem in problems] == ["Simulated"]
    assert run(app.clusters.preview("cpu-small", _wishes("y"), target="simulated")).notes


def test_an_image_that_is_not_there_ends_the_waiting_with_a_hint(app) -> None:
    """As on Kubernetes: what waiting can't mend is not waited for."""
    with pytest.raises(ClusterStartError, match=r"has no image example\.org/ray:latset") as caught:
        up(app, "cpu-small", image="example.org/ray:latset")
    assert "--image IMAGE" in caught.value.hint
    app.clock.time_ms += 60_000
    state = run(app.clusters.why("cpu-small"))
    assert state.phase is ClusterPhase.FAILED
    assert [(p.code, p.is_final) for p in state.problems] == [("image_not_found", True)]


def test_by_force_a_cluster_that_failed_gives_its_place(app) -> None:
    """As the hint says; one that can be used is ended by hand, and what is the same stays."""
    with pytest.raises(ClusterStartError):
        up(app, "cpu-small", image="example.org/ray:latset")
    told: list[str] = []
    with pytest.raises(ClusterExistsError):
        up(app, "cpu-small")
    plan = run(app.clusters.preview("cpu-small", Wishes(workers=1), target="simulated"))
    assert plan.replaced == Replaced(
        "cpu-small",
        ClusterPhase.FAILED,
        "cpu-small is failed and is made anew; it had another image; workers: 2, not 1",
    )
    assert dict(facts(plan))["with --force"] == plan.replaced.why
    up(app, "cpu-small", told, workers=1, force=True, ready="all")
    assert "cpu-small is failed and is made anew; it had another image; workers: 2, not 1" in told
    state = run(app.clusters.status("cpu-small"))
    assert (state.phase, state.n_workers_observed) == (ClusterPhase.READY, 1)
    with pytest.raises(ClusterExistsError):
        up(app, "cpu-small", memory="3GiB", force=True)
    assert up(app, "cpu-small", force=True).uid == state.uid
    again = run(app.clusters.preview("cpu-small", Wishes(workers=2), target="simulated"))
    assert again.replaced is None


def test_what_no_machine_could_hold_is_refused_before_it_is_asked_for(app) -> None:
    """By the same look at the nodes as on Kubernetes; by force it waits, and says for what."""
    with pytest.raises(PreflightError, match=r"the largest node has 16"):
        up(app, "head-only", cpus=64)
    with pytest.raises(PreflightError) as caught:
        up(app, "gpu-multi")
    assert "NVIDIA-L4" in caught.value.hint
    up(app, "gpu-small", workers=9, wait=False)
    app.clock.time_ms += 60_000
    state = run(app.clusters.why("gpu-small"))
    assert (state.phase, state.n_workers_observed) == (ClusterPhase.READY, 8)
    assert [p.code for p in state.problems] == ["unschedulable_gpu"]


def test_other_programs_see_the_same(app, tmp_path) -> None:
    """What one starts another lists, suspends, resumes, scales and ends."""
    up(app, "cpu-small")
    other = App(tmp_path, app.environ)
    other.clock = Clock()
    other.clock.time_ms = app.clock.time_ms
    assert [state.name for state in run(other.clusters.list())] == ["cpu-small"]
    assert run(other.clusters.suspend("cpu-small")).phase is ClusterPhase.SUSPENDED
    app.clock.time_ms += 60_000
    assert run(app.clusters.status("cpu-small")).phase is ClusterPhase.SUSPENDED
    assert run(app.clusters.resume("cpu-small")).phase is ClusterPhase.READY
    assert run(app.clusters.scale("cpu-small", workers=3)).n_workers_observed == 3
    with pytest.raises(PhaseError, match="nothing suspends it"):
        run(app.clusters.extend(60.0, "cpu-small"))
    with pytest.raises(ClusterExistsError, match="3 CPU"):
        up(app, "cpu-small", name="cpu-small", cpus=3)
    run(other.clusters.down("cpu-small"))
    with pytest.raises(ClusterNotFoundError):
        run(app.clusters.status("cpu-small", target="simulated"))


def test_nothing_can_run_there(app, tmp_path) -> None:
    """Jobs and clients are refused in one sentence, before anything is put on record."""
    notebook = tmp_path / "a.ipynb"
    notebook.write_text(json.dumps(notebook_json("1")), "utf-8")
    up(app, "cpu-small", wait=False)
    with pytest.raises(GatewayUnavailableError, match="not there yet"):
        run(app.clusters.nodes("cpu-small"))
    app.clock.time_ms += 60_000
    for where in ({"target": "simulated"}, {"cluster": "cpu-small"}):
        with pytest.raises(RefusedError, match="simulated: clusters are played there"):
            run(app.jobs.submit(notebook, **where))
    with pytest.raises(RefusedError, match="there is no Ray"):
        run(app.clusters.preflight("cpu-small", ray_version="2.60.0", python_version="3.11.7"))
    with pytest.raises(RefusedError, match="played on this machine"):
        app.kube_client("simulated")
    assert not (tmp_path / "mlflow.db").exists()


def test_it_is_there_only_where_it_is_switched_on(own_home, tmp_path) -> None:
    """By the variable or by a setting; otherwise nothing of it is even loaded."""
    state = {"RAYSPACE_STATE_DIR": str(tmp_path / "state")}
    off = App(tmp_path, state)
    assert [target.name for target in off.targets()] == ["local"]
    with pytest.raises(TargetNotFoundError):
        run(off.clusters.list(target="simulated"))
    settings = tmp_path / ".rayspace" / "config.json"
    settings.parent.mkdir()
    settings.write_text(json.dumps({"Rayspace": {"simulated": True}}), "utf-8")
    assert [target.name for target in App(tmp_path, state).targets()] == ["local", "simulated"]
    named = App(tmp_path, {**state, "RAYSPACE_SIMULATED": "0"})
    assert [target.name for target in named.targets()] == ["local"]
    with pytest.raises(SettingsError):
        _ = App(tmp_path, {**state, "RAYSPACE_SIMULATED": "perhaps"}).settings
    code = (
        "import sys, os; from pathlib import Path; from rayspace.app import App;"
        "App(Path('.'), {}).clusters;"
        "sys.exit(any('simulat' in name for name in sys.modules))"
    )
    (tmp_path / "elsewhere").mkdir()
    folder = tmp_path / "elsewhere"
    assert subprocess.run([sys.executable, "-c", code], check=False, cwd=folder).returncode == 0


def _wishes(name: str):
    from rayspace.core.clusters.wishes import Wishes

    return dataclasses.replace(Wishes(), name=name)
