"""The guide runs from top to bottom, as its reader has it: one folder, one Ray for all of it."""

from __future__ import annotations

import os
import re

import pytest

from rayspace.app import App
from rayspace.loop import run
from tests.guide import GUIDE, ROOT, copy_guide, run_notebook

pytestmark = pytest.mark.timeout(900)
#: What cells of each notebook show: regular expressions by their ids.
SHOWN = {
    "00-first-cluster": {
        "start": "laptop is ready",
        "work": "17,984 primes below 200,000",
        "nodes": "head.*alive",
    },
    "01-ship-a-notebook": {
        "dry": r"bundle +\d+ files",
        "submit": "succeeded",
        "files": "pi.html",
        "log": r"\[5/5\] cell 5",
        "run": r"'n_darts': '100000'.*'pi': 3\.1",
        "list": r"pi-\w+ +succeeded",
    },
    "02-parameters-and-sweeps": {
        "wrong-name": "no parameter 'n_dart'",
        "wrong-type": "'many', expected int",
        "sweep": "4 of 4 trials",
        "again": "succeeded already",
    },
    "03-gpus-and-metrics": {
        "metrics": "system/head/cpu_utilization_percentage",
        "summary": r"head: CPU \d+% in use",
        "gpu-cluster": "This is simulated",
        "gpu-table": r"NVIDIA-L4 \(simulated\)",
        "gpu-nodes": r"NVIDIA-L4 \(simulated\): \d+% busy",
    },
    "04-to-kubernetes": {
        "dry": "kind: RayCluster",
        "up": "This is simulated.*Its queue has let it in.*guide is ready",
        "status": "of simulated",
        "nodes": "head.*alive",
        "work": "is simulated: there is no Ray",
        "result": "succeeded on laptop of local",
    },
    "05-when-something-is-wrong": {
        "typo": "trouble.ipynb",
        "parameter": "no parameter 'knid'",
        "cell-result": "ZeroDivisionError",
        "memory-result": "died",
        "slow-result": "its limit of 3",
        "too-large": "could ever hold",
        "image": "has no image",
        "image-why": r"has no image.*--image IMAGE.*Pod guide-image",
        "image-problems": "image_not_found",
        "nobody": "cpu-small",
    },
    "06-your-teams-profiles": {
        "again": r"ours: .*\(project\)",
        "slip": "line 2: the key 'wokers'",
        "proof": "1 CPU, 1 thread",
        "limits": "no limits",
    },
}

#: Starters that no other test runs: values that suit two cores, a cell, and what it shows.
STARTERS = {
    "batch-inference": ({"n_shards": 12, "rows_per_shard": 1000}, "model", "9[0-9]\\.\\d% right"),
    "data-preparation": ({}, "split", "train: 35[34] patients.*\\ntest: 8[89] patients"),
    "distributed-training": ({}, "training", "right on 9[5-9]"),
}


@pytest.fixture(scope="module")
def reader(own_home, tmp_path_factory):
    """Have the folder of the guide, and end what its reader leaves running."""
    folder = copy_guide(tmp_path_factory.mktemp("guide"))
    state = str(tmp_path_factory.mktemp("state"))
    environ = {**os.environ, "RAYSPACE_STATE_DIR": state}
    yield folder, environ
    app = App(folder, environ)
    for cluster in run(app.clusters.list()):
        run(app.clusters.down(cluster.name))


@pytest.mark.parametrize("name", SHOWN)
def test_a_notebook_of_the_guide_runs_and_shows_what_it_says(reader, name):
    """The cells that are meant to fail do, and no others; how long it takes is printed."""
    folder, environ = reader
    told = run_notebook(folder / f"{name}.ipynb", environ)
    assert told.failed() == told.meant_to_fail()
    for cell, pattern in SHOWN[name].items():
        assert re.search(pattern, told.of(cell), re.DOTALL), (cell, told.of(cell))
    print(f"{name} took {told.seconds:.0f} s")


@pytest.mark.parametrize("name", STARTERS)
def test_a_starter_has_a_real_result(reader, name):
    """Outside of a job it starts its run itself, and ends it."""
    folder, environ = reader
    parameters, cell, pattern = STARTERS[name]
    path = folder / f"{name}.ipynb"
    path.write_text((ROOT / "templates" / "notebooks" / path.name).read_text("utf-8"), "utf-8")
    told = run_notebook(path, environ, parameters)
    assert told.failed() == set()
    assert re.search(pattern, told.of(cell)), told.of(cell)
    print(f"{name} took {told.seconds:.0f} s")


def test_every_notebook_of_the_guide_is_run():
    """None is left out: those without a number are what the others ship."""
    assert {path.stem for path in GUIDE.glob("[0-9]*.ipynb")} == set(SHOWN)
