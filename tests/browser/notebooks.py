"""Notebooks that people would run."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from tests.laboratory import notebook_json

if TYPE_CHECKING:
    from pathlib import Path

PARAMETERS = """\
lr: float = 0.1  # learning rate
layers: list[int] = [64, 32]  # width of each layer
shuffle: bool = True
optimizer: str = "adam"
"""
CURVE = """\
import mlflow
for step in range(20):
    mlflow.log_metric("accuracy", 1 - lr / (step + 1), step=step)"""
#: A cell that runs until a file is there.
WAITING = """\
import os, time
while not os.path.exists({until}):
    time.sleep(0.1)"""
#: What an exception says is other people's text.
EVIL = "<img src=x onerror='window.evil = 1'>"


def gate_of(root: Path, name: str) -> Path:
    """Return the file that a notebook waits for; outside of the project, so it does not travel."""
    return root.parent / f"{root.name}-{name}"


def write_notebooks(root: Path) -> None:
    """Write them into a project."""
    settings = root / ".rayspace" / "config.json"
    settings.parent.mkdir(parents=True)
    settings.write_text(json.dumps({"Rayspace": {"sample_interval_s": 1}}))
    pauses = [f"import time\ntime.sleep(0.4)  # pause {index}" for index in range(5)]
    train = WAITING.format(until=repr(str(gate_of(root, "train"))))
    fillers = [f"# part {index}\nprint({index})\n\n\n\n\n" for index in range(20)]
    for name, cells, options in (
        ("train.ipynb", [CURVE, *pauses, train, "print(lr, layers)"], {"parameters": PARAMETERS}),
        ("broken.ipynb", [*fillers, f'raise ValueError("{EVIL}")', *fillers[:8]], {}),
        (
            "long.ipynb",
            [f'print("\\x1b[31m{EVIL}\\x1b[0m", flush=True)', WAITING.format(until="until")],
            {"parameters": 'until: str = "/never"'},
        ),
    ):
        (root / name).write_text(json.dumps(notebook_json(*cells, **options)))
