"""A real NVIDIA GPU under a known load: what the run holds is what the driver says.

On a machine that has one: ``pytest -m gpu``; elsewhere it is skipped, and says why.
"""

from __future__ import annotations

import contextlib
import importlib
import time
from pathlib import Path

import pytest

from rayspace.loop import run
from rayspace.model.job import JobPhase

_LOAD = Path(__file__).with_name("gpu_load.py")
_LOAD_S, _HELD_BYTES = 30, 1 << 30


def _driver():
    """Return NVML with at least one GPU; skip where there is none."""
    try:
        nvml = importlib.import_module("pynvml")
    except ImportError:
        pytest.skip("The package nvidia-ml-py, which asks NVIDIA's driver, is not installed here.")
    with contextlib.suppress(nvml.NVMLError):
        nvml.nvmlInit()
        if nvml.nvmlDeviceGetCount():
            return nvml
    pytest.skip("No NVIDIA driver here tells of a GPU, so there is nothing to compare with.")


@pytest.mark.gpu
def test_the_run_holds_what_the_driver_says_under_a_known_load(lab):
    """Busy all the time, with a GiB more than before; power and heat as the driver has them."""
    nvml = _driver()
    gpu = nvml.nvmlDeviceGetHandleByIndex(0)
    before_bytes = nvml.nvmlDeviceGetMemoryInfo(gpu).used
    code = (
        f"import subprocess, sys\nsubprocess.run([sys.executable, {str(_LOAD)!r}, '{_LOAD_S}',"
        f" '{_HELD_BYTES}'], check=True)"
    )
    job = lab.submit(lab.write("load.ipynb", code))
    told = []
    deadline_s = time.monotonic() + 240
    while not (state := run(lab.app.jobs.status(job.name))).phase.is_terminal:
        assert time.monotonic() < deadline_s, state
        told.append(
            (
                nvml.nvmlDeviceGetUtilizationRates(gpu).gpu,
                nvml.nvmlDeviceGetMemoryInfo(gpu).used,
                nvml.nvmlDeviceGetPowerUsage(gpu) / 1000,
                nvml.nvmlDeviceGetTemperature(gpu, nvml.NVML_TEMPERATURE_GPU),
            )
        )
        time.sleep(0.5)
    assert state.phase is JobPhase.SUCCEEDED, state.reason
    busy, memory, power_w, heat_c = zip(*told, strict=True)

    def held(name: str) -> list[float]:
        return [v for _, v in lab.app.runs.history(state.run_id, f"system/head/gpu_0_{name}")]

    # The load is as it is meant to be, by the driver's own word.
    assert max(busy) >= 95
    assert max(memory) - before_bytes >= _HELD_BYTES
    # Ray's agents look each 5 s, so single readings differ; what stands still must not.
    assert max(held("utilization_percentage")) >= 95
    assert sorted(held("utilization_percentage"))[len(held("utilization_percentage")) // 2] >= 50
    # Ray tells whole MiB.
    assert max(held("memory_usage_megabytes")) == pytest.approx(max(memory) / 10**6, abs=1.1)
    total = nvml.nvmlDeviceGetMemoryInfo(gpu).total
    assert held("memory_total_megabytes")[-1] == pytest.approx(total / 10**6, abs=1.1)
    assert min(power_w) * 0.9 <= max(held("power_usage_watts")) <= max(power_w) * 1.1
    assert min(heat_c) - 1 <= max(held("temperature_celsius")) <= max(heat_c) + 1
    assert max(held("processes")) >= 1
