"""A sweep on a real local Ray: trials are child runs, and what failed is run again."""

from __future__ import annotations

import json
from pathlib import Path

from rayspace.loop import run
from rayspace.model.job import Cause, JobPhase
from rayspace.model.run import RunStatus, Tag

CELLS = [
    (
        "import mlflow\nif lr == 0.01 and not __import__('os').path.exists(mended):\n"
        "    raise ValueError('too small')"
    ),
    "mlflow.log_metric('loss', 1 / lr)",
]


def test_trials_are_child_runs_and_what_failed_runs_again(lab, tmp_path) -> None:
    """One upload, one job, one notebook for each trial; the second submit runs one trial."""
    mended = tmp_path / "mended"
    parameters = f"lr: float = 0.5\nmended = {str(mended)!r}"
    notebook = lab.write("sweep.ipynb", *CELLS, parameters=parameters)
    sweep = {"lr": [0.1, 0.01]}
    first = lab.submit(notebook, sweep=sweep, parallel=2, wait=True)
    assert (first.phase, first.cause) == (JobPhase.FAILED, Cause.TRIALS_FAILED)
    assert "1 of 2 trials failed; the first, lr=0.01: Cell 2 raised ValueError" in first.reason
    assert (first.progress.unit, first.progress.n_done) == ("trial", 2)
    runs = lab.app.runs
    children = {c.params["lr"]: c for c in runs.children(runs.get(first.run_id))}
    assert {lr: c.status for lr, c in children.items()} == {
        "0.1": RunStatus.FINISHED,
        "0.01": RunStatus.FAILED,
    }
    assert children["0.1"].metrics["loss"] == 10
    assert Tag.JOB not in children["0.1"].tags
    # The order and the bundle are the sweep's; each trial has its own notebook, page and log.
    artifacts = set(runs.artifacts(children["0.01"].run_id))
    assert {"results/sweep.ipynb", "results/sweep.html", "logs/driver.log"} <= artifacts
    assert not any(path.startswith("rayspace/") for path in artifacts)
    table = runs.download(first.run_id, "results/trials.json", tmp_path)
    rows = {row["parameters"]["lr"]: row for row in json.loads(table.read_text())}
    assert rows[0.1]["metrics"]["loss"] == 10
    assert rows[0.01]["phase"] == "failed"
    log = "".join(_pieces(lab, first.name))
    assert "[lr=0.01]" in log
    assert "trial 1 succeeded" in log
    fetched = run(lab.app.jobs.fetch(first.name))
    assert {Path(path).parent.name for path in fetched.trials} == {"lr-0-1", "lr-0-01"}

    mended.touch()
    told = []
    second = lab.submit(
        notebook, sweep=sweep, wait=True, report=lambda stage: told.append(stage.text)
    )
    assert second.phase is JobPhase.SUCCEEDED, second.reason
    assert any("1 trial of 2 succeeded already" in text for text in told)
    (only,) = runs.children(runs.get(second.run_id))
    assert only.params["lr"] == "0.01"


def _pieces(lab, name: str) -> list[str]:
    async def read() -> list[str]:
        return [piece async for piece in lab.app.jobs.logs(name)]

    return run(read())
