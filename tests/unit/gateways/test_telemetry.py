"""Nothing of what people do is told to anybody."""

from __future__ import annotations

import os
import subprocess
import sys

_CODE = """
from pathlib import Path
from rayspace.gateways.mlflow.runs import MlflowRunGateway
runs = MlflowRunGateway("sqlite:///runs.db", Path("runs"))
runs.create(experiment="e", name="n", tags={}, params={})
from mlflow.telemetry import get_telemetry_client
print("TELEMETRY", get_telemetry_client())
"""


def test_mlflow_keeps_its_statistics_to_itself(tmp_path):
    env = {
        name: value
        for name, value in os.environ.items()
        if name not in {"MLFLOW_DISABLE_TELEMETRY", "DO_NOT_TRACK", "CI", "PYTEST_CURRENT_TEST"}
    }
    done = subprocess.run(
        [sys.executable, "-c", _CODE], cwd=tmp_path, env=env, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert "TELEMETRY None" in done.stdout, done.stdout + done.stderr
