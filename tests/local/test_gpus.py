"""GPUs of a real cluster, in the runs of its jobs: numbers that a test set, and no others.

The machine need have no GPU: a stand-in for NVIDIA's library shows Ray what a file says.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from rayspace.app import App
from rayspace.loop import run
from rayspace.model.job import JobPhase
from rayspace.model.run import Tag
from tests.laboratory import Lab, make_app
from tests.waiting import wait_for, waits_for

if TYPE_CHECKING:
    from rayspace.model.job import JobState
    from rayspace.model.run import RunRecord

_SOURCE = Path(__file__).parents[1] / "cluster" / "images" / "gpu" / "nvml.c"
#: Utilisation, memory used and total [MiB], power [mW], temperature and name. The driver refuses
#: to tell how much the second one works.
_TWO = "30 10240 81920 350000 55 STAND-IN H200\n- 2048 81920 120000 40 STAND-IN H200\n"
_ONE = "70 20480 81920 500000 65 STAND-IN H200\n"


class GpuLab(Lab):
    """A cluster on this machine whose GPUs are as a file says."""

    readings: Path

    def show(self, text: str, *busy: float | None) -> None:
        """Let the driver tell other readings, all at once, and wait until Ray tells how busy."""
        new = self.readings.with_suffix(".new")
        new.write_text(text)
        new.replace(self.readings)

        def told() -> list[float | None]:
            (head,) = run(self.app.clusters.nodes(self.cluster))
            return [gpu.busy_fraction for gpu in head.gpu_samples]

        wait_for(lambda: told() == [*busy], f"GPUs that are as busy as {busy}")

    def await_values(self, job: JobState, name: str, value: float | None = None) -> None:
        """Wait until a job's run has some values of a metric of its head, or some of one value."""

        def n_values() -> int:
            history = self.app.runs.history(job.run_id, f"system/head/{name}")
            return sum(value in {None, found} for _, found in history)

        # A job begins first, which takes a machine at work some time.
        wait_for(lambda: n_values() >= 6, f"values of {name}", 400)

    def ended(self, job: JobState) -> RunRecord:
        """Wait for a job that succeeds, and return its run."""
        done = run(self.app.jobs.wait(job.name))
        assert done.phase is JobPhase.SUCCEEDED, done.reason
        return self.app.runs.get(job.run_id)


@pytest.fixture(scope="module")
def gpus(own_home, tmp_path_factory: pytest.TempPathFactory):
    """Start a cluster that believes in two GPUs."""
    if shutil.which("gcc") is None:
        pytest.skip("There is no gcc, which the stand-in for NVIDIA's library needs.")
    folder = tmp_path_factory.mktemp("nvml")
    library = folder / "libnvidia-ml.so.1"
    subprocess.run(["gcc", "-shared", "-fPIC", "-o", library, _SOURCE], check=True)
    readings = folder / "gpus"
    readings.write_text(_TWO)
    app = make_app(tmp_path_factory.mktemp("gpu-lab"), tmp_path_factory.mktemp("gpu-state"))
    profile = app.project / ".rayspace" / "profiles" / "stand-in.yaml"
    profile.parent.mkdir(parents=True)
    profile.write_text(
        "description: A head that believes in GPUs.\ntarget: local\nenv:\n"
        f"  LD_LIBRARY_PATH: {folder}\n  RAYSPACE_FAKE_GPUS: {readings}\n"
    )
    run(app.clusters.up("stand-in", name="gpu-lab"))
    lab = GpuLab(app, "gpu-lab")
    lab.readings = readings
    lab.show(_TWO, 0.3, None)
    yield lab
    run(app.clusters.down("gpu-lab"))


def _summary(lab, record, folder):
    path = lab.app.runs.download(record.run_id, "metrics/summary.json", folder)
    return json.loads(path.read_text("utf-8"))


def test_the_run_holds_the_numbers_that_the_driver_told(gpus, tmp_path):
    """One GPU works more later; the other never tells how much, and then falls off the bus."""
    gate = tmp_path / "gate"
    job = gpus.submit(gpus.write("all.ipynb", waits_for(gate)))
    gpus.await_values(job, "gpu_1_memory_usage_percentage")
    gpus.show(_ONE, 0.7)
    gpus.await_values(job, "gpu_0_utilization_percentage", 70.0)
    gate.touch()
    record = gpus.ended(job)
    history = {
        name: {value for _, value in gpus.app.runs.history(record.run_id, f"system/head/{name}")}
        for name in (
            "gpu_0_utilization_percentage",
            "gpu_0_memory_usage_percentage",
            "gpu_0_power_usage_watts",
            "gpu_0_temperature_celsius",
            "gpu_1_memory_usage_percentage",
            "gpu_1_power_usage_watts",
        )
    }
    assert history == {
        "gpu_0_utilization_percentage": {30.0, 70.0},
        "gpu_0_memory_usage_percentage": {12.5, 25.0},
        "gpu_0_power_usage_watts": {350.0, 500.0},
        "gpu_0_temperature_celsius": {55.0, 65.0},
        "gpu_1_memory_usage_percentage": {2.5},
        "gpu_1_power_usage_watts": {120.0},
    }
    metrics = record.metrics
    assert metrics["system/head/gpu_0_memory_usage_megabytes"] == pytest.approx(21474.83648)
    assert metrics["system/head/gpu_0_memory_total_megabytes"] == pytest.approx(85899.34592)
    assert "system/head/gpu_1_utilization_percentage" not in metrics
    assert metrics["system/cluster/gpus"] == 1.0
    told = _summary(gpus, record, tmp_path)
    first, second = told["gpus"]
    assert (first["gpu"], first["name"]) == ("gpu_0", "STAND-IN H200")
    assert (first["busy_peak_fraction"], first["temperature_peak_c"]) == (0.7, 65)
    assert 0.3 < first["busy_mean_fraction"] < 0.7
    assert 0.3 * first["held_s"] <= first["used_s"] <= 0.7 * first["held_s"]
    assert (second["vanished"], second["busy_mean_fraction"]) == (True, None)
    assert 0 < second["held_s"] < first["held_s"]
    # A sample that was missed is told of as well.
    assert set(told["sentences"]) >= {
        "The driver told no utilisation of 1 of 2 GPUs.",
        "Told no more while the node lived on: gpu_1 of head.",
    }
    assert metrics["usage/head/gpu_0_busy_peak_fraction"] == 0.7
    assert metrics["usage/gpu_hours_held"] == pytest.approx(
        (first["held_s"] + second["held_s"]) / 3600
    )
    assert "metrics/summary.html" in gpus.app.runs.artifacts(record.run_id, "metrics")


def test_only_the_gpu_that_the_job_holds_is_told_where_that_is_asked(gpus, tmp_path):
    """Ray tells of it within 15 s."""
    gpus.show(_TWO.replace("- 2048", "45 2048"), 0.3, 0.45)
    settings = gpus.app.project / ".rayspace" / "config.json"
    wanted = {"sample_interval_s": 1, "sampled_gpus": "mine"}
    settings.write_text(json.dumps({"Rayspace": wanted}), "utf-8")
    lab = GpuLab(App(gpus.app.project, gpus.app.environ), gpus.cluster)
    gate = tmp_path / "gate"
    path = lab.write(
        "mine.ipynb",
        "import ray, rayspace, time, mlflow\nray.init()",
        "@ray.remote(num_gpus=1)\nclass Actor:\n    def ids(self):\n"
        "        with rayspace.child_run('holds') as child: return child.gpu_ids",
        "actor = Actor.remote()\nmlflow.log_metric('held', int(ray.get(actor.ids.remote())[0]))",
        waits_for(gate),
    )
    job = lab.submit(path)
    metrics = wait_for(
        lambda: m if "held" in (m := lab.app.runs.get(job.run_id).metrics) else None, "a GPU", 400
    )
    held = int(metrics["held"])
    busy = {0: 30.0, 1: 45.0}[held]
    lab.await_values(job, f"gpu_{held}_utilization_percentage")
    gate.touch()
    record = lab.ended(job)
    assert record.metrics[f"system/head/gpu_{held}_utilization_percentage"] == busy
    assert not [name for name in record.metrics if f"gpu_{1 - held}" in name]
    (child,) = gpus.app.runs.children(record)
    assert (child.name, child.tags[Tag.GPU_IDS]) == ("holds", str(held))
    assert child.tags[Tag.ACTOR_ID]
    told = _summary(lab, record, tmp_path)
    assert told["gpu_choice"] == "mine"
    assert [gpu["gpu"] for gpu in told["gpus"]] == [f"gpu_{held}"]
    assert told["gpus"][0]["busy_mean_fraction"] == pytest.approx(busy / 100)
    assert 0 < told["gpus"][0]["held_s"] < told["observed_s"]
