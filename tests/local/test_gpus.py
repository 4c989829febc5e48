"""GPUs of a real cluster, in the runs of its jobs: numbers that a test set, and no others.

The machine need have no GPU: a stand-in for NVIDIA's library shows Ray what a file says.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from rayspace.app import App
from rayspace.loop import run
from rayspace.model.job import JobPhase
from rayspace.model.run import Tag
from tests.laboratory import Lab, make_app

_SOURCE = Path(__file__).parents[1] / "cluster" / "images" / "gpu" / "nvml.c"
#: Utilisation, memory used and total [MiB], power [mW], temperature and name. The driver refuses
#: to tell how much the second one works.
_TWO = "30 10240 81920 350000 55 STAND-IN H200\n- 2048 81920 120000 40 STAND-IN H200\n"
_ONE = "70 20480 81920 500000 65 STAND-IN H200\n"


class GpuLab(Lab):
    """A cluster on this machine whose GPUs are as a file says."""

    readings: Path


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
    yield lab
    run(app.clusters.down("gpu-lab"))


def _finished(lab, name, *cells):
    job = run(lab.app.jobs.wait(lab.submit(lab.write(name, *cells)).name))
    assert job.phase is JobPhase.SUCCEEDED, job.reason
    return lab.app.runs.get(job.run_id)


def _summary(lab, record, folder):
    path = lab.app.runs.download(record.run_id, "metrics/summary.json", folder)
    return json.loads(path.read_text("utf-8"))


def test_the_run_holds_the_numbers_that_the_driver_told(gpus, tmp_path):
    """One GPU works more later; the other never tells how much, and then falls off the bus."""
    code = f"import pathlib, time\ntime.sleep(9)\npathlib.Path({str(gpus.readings)!r})"
    record = _finished(gpus, "all.ipynb", f"{code}.write_text({_ONE!r})", "time.sleep(14)")
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
    assert first["used_s"] == pytest.approx(first["held_s"] * first["busy_mean_fraction"], rel=0.2)
    assert (second["vanished"], second["busy_mean_fraction"]) == (True, None)
    assert 3 < second["held_s"] < first["held_s"]
    assert told["sentences"] == [
        "The driver told no utilisation of 1 of 2 GPUs.",
        "Told no more while the node lived on: gpu_1 of head.",
    ]
    assert metrics["usage/head/gpu_0_busy_peak_fraction"] == 0.7
    assert metrics["usage/gpu_hours_held"] == pytest.approx(
        (first["held_s"] + second["held_s"]) / 3600
    )
    assert "metrics/summary.html" in gpus.app.runs.artifacts(record.run_id, "metrics")


def test_only_the_gpu_that_the_job_holds_is_told_where_that_is_asked(gpus, tmp_path):
    """Ray tells of it within 15 s."""
    gpus.readings.write_text(_TWO.replace("- 2048", "45 2048"))
    settings = gpus.app.project / ".rayspace" / "config.json"
    wanted = {"sample_interval_s": 1, "sampled_gpus": "mine"}
    settings.write_text(json.dumps({"Rayspace": wanted}), "utf-8")
    lab = Lab(App(gpus.app.project, gpus.app.environ), gpus.cluster)
    record = _finished(
        lab,
        "mine.ipynb",
        "import ray, rayspace, time, mlflow\nray.init()",
        "@ray.remote(num_gpus=1)\nclass Actor:\n    def ids(self):\n"
        "        with rayspace.child_run('holds') as child: return child.gpu_ids",
        "actor = Actor.remote()\nmlflow.log_metric('held', int(ray.get(actor.ids.remote())[0]))",
        "time.sleep(35)",
    )
    held = int(record.metrics["held"])
    busy = {0: 30.0, 1: 45.0}[held]
    assert record.metrics[f"system/head/gpu_{held}_utilization_percentage"] == busy
    assert not [name for name in record.metrics if f"gpu_{1 - held}" in name]
    (child,) = gpus.app.runs.children(record)
    assert (child.name, child.tags[Tag.GPU_IDS]) == ("holds", str(held))
    assert child.tags[Tag.ACTOR_ID]
    told = _summary(lab, record, tmp_path)
    assert told["gpu_choice"] == "mine"
    assert [gpu["gpu"] for gpu in told["gpus"]] == [f"gpu_{held}"]
    assert told["gpus"][0]["busy_mean_fraction"] == pytest.approx(busy / 100)
    assert 5 < told["gpus"][0]["held_s"] < told["observed_s"]
