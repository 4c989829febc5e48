"""A job that goes well: what travels, what its run holds, and what its code may do."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from rayspace.errors import BundleError
from rayspace.gateways.project import git as git_state
from rayspace.loop import run
from rayspace.model.job import JobPhase
from rayspace.model.run import Artifact, RunStatus, Tag
from tests.waiting import PATIENCE_S, wait_for

CELLS = [
    "import helper, os\nprint('HERE', helper.double(rate), open('data/small.txt').read())",
    # A worker of Ray gets the bundle too, and logs to the job's run with no code for it.
    """import ray, mlflow
ray.init()

@ray.remote
def task(i):
    import helper
    mlflow.log_metric("from_task", i)
    return helper.double(i)

@ray.remote
class Actor:
    def log(self, i):
        mlflow.log_metric("from_actor", i)
        return open("data/small.txt").read()

print("TASKS", ray.get([task.remote(i) for i in range(3)]))
print("ACTOR", ray.get(Actor.remote().log.remote(7)))
mlflow.log_metric("from_cell", rate)
""",
    "with mlflow.start_run(run_name='one'):\n    mlflow.log_param('a', 1)",
    "with mlflow.start_run(run_name='two'):\n    mlflow.log_param('a', 2)",
    "import time\ntime.sleep(3)",
]


@pytest.fixture(scope="module")
def job(lab):
    """Ship a project under version control, and wait for it."""
    project = lab.app.project
    files = {
        "work/helper.py": "def double(x):\n    return 2 * x\n",
        "work/data/small.txt": "SMALL",
        "work/data/large.bin": "x" * 200_000,
        "work/.env": "SECRET=1",
        "work/.gitignore": "*.bin\n",
        "work/.rayspaceignore": "notes/\n",
        "work/notes/private.txt": "no",
    }
    for name, text in files.items():
        path = project / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    notebook = lab.write("work/train.ipynb", *CELLS, parameters="rate: float = 0.5\nname = 'a'")
    git = ["git", "-c", "user.name=t", "-c", "user.email=t@t"]
    for words in (["init", "-q"], ["add", "helper.py"], ["commit", "-qm", "first"]):
        subprocess.run([*git, *words], cwd=project / "work", check=True)
    (project / "work" / "helper.py").write_text(files["work/helper.py"] + "# changed\n")
    stages = []
    with pytest.MonkeyPatch.context() as patch:
        # A submission does without what git does not tell in time.
        patch.setattr(git_state, "_TIMEOUT_S", PATIENCE_S)
        state = lab.submit(notebook, {"rate": 1.5}, wait=True, report=stages.append)
    return state, stages, project / "work"


@pytest.fixture
def record(lab, job):
    return lab.app.runs.get(job[0].run_id)


def test_the_job_succeeds_and_its_results_lie_beside_its_source(lab, job) -> None:
    """Executed notebook, page and log are fetched by whoever waited."""
    state, _, folder = job
    assert state.phase is JobPhase.SUCCEEDED, state.reason
    results = folder / "train.runs" / state.name
    assert Path(state.results_dir) == results
    assert {path.name for path in results.iterdir()} == {"train.ipynb", "train.html", "driver.log"}
    text = json.dumps(lab.result(state))
    assert "HERE 3.0 SMALL" in text
    assert "TASKS [0, 2, 4]" in text
    assert "ACTOR SMALL" in text


def test_the_run_holds_parameters_tags_and_artifacts(lab, job, record, tmp_path) -> None:
    """What ran, from which commit, with which versions, where."""
    state, _, folder = job
    commit = subprocess.check_output(["git", "rev-parse", "HEAD"], cwd=folder, text=True).strip()
    assert record.status is RunStatus.FINISHED
    assert record.params == {"rate": "1.5", "name": "a"}
    expected = {
        Tag.JOB: state.name,
        Tag.CLUSTER: "lab",
        Tag.TARGET: "local",
        Tag.PROFILE: "laptop",
        Tag.NOTEBOOK: "train.ipynb",
        Tag.GIT_COMMIT: commit,
        Tag.GIT_DIRTY: "true",
        Tag.RAY_VERSION: "2.60.0",
        Tag.MLFLOW_VERSION: "3.17.2",
        Tag.PHASE: "succeeded",
        Tag.MLFLOW_GIT_COMMIT: commit,
    }
    assert {key: record.tags.get(key) for key in expected} == expected
    assert record.tags[Tag.PYTHON_VERSION].startswith("3.")
    artifacts = set(lab.app.runs.artifacts(state.run_id))
    assert {
        Artifact.ORDER,
        Artifact.BUNDLE,
        Artifact.DRIVER_LOG,
        Artifact.PACKAGES,
        f"{Artifact.SOURCE_DIR}/train.ipynb",
        f"{Artifact.RESULTS_DIR}/train.ipynb",
        f"{Artifact.RESULTS_DIR}/train.html",
    } <= artifacts
    packages = lab.app.runs.download(state.run_id, Artifact.PACKAGES, tmp_path)
    assert "ray==2.60.0" in packages.read_text("utf-8").splitlines()


def test_metrics_of_cells_tasks_and_actors_land_in_the_run(record) -> None:
    """No code is needed for it."""
    assert record.metrics["from_cell"] == 1.5
    assert record.metrics["from_task"] in {0.0, 1.0, 2.0}
    assert record.metrics["from_actor"] == 7.0


def test_runs_that_the_notebook_opens_become_children(lab, record) -> None:
    """Two start_run are two children, ended; the job's run is the runner's to end."""
    children = {child.name: child for child in lab.app.runs.children(record)}
    assert {name: child.params for name, child in children.items()} == {
        "one": {"a": "1"},
        "two": {"a": "2"},
    }
    assert {child.status for child in children.values()} == {RunStatus.FINISHED}


def test_the_nodes_are_sampled_while_it_runs(record) -> None:
    """CPU and memory of the head, in MLflow's names."""
    assert 0 <= record.metrics["system/head/cpu_utilization_percentage"] <= 100
    assert record.metrics["system/head/system_memory_usage_megabytes"] > 100


def test_the_cell_it_is_at_is_told(job) -> None:
    """Stages name cells by number and first line, in order."""
    _, stages, _ = job
    cells = [stage for stage in stages if stage.key == "cell" and stage.total]
    assert cells[-1].total == len(CELLS) + 1
    assert [stage.done for stage in cells] == sorted(stage.done for stage in cells)
    assert any("import time" in stage.text for stage in cells)


def test_only_what_may_travel_travels(lab, job) -> None:
    """Ignored, secret and generated files stay; --include brings ignored ones back."""
    _, _, folder = job
    plan = run(lab.app.jobs.plan(folder / "train.ipynb", cluster="lab"))
    names = {file.path for file in plan.bundle.files}
    assert names == {"train.ipynb", "helper.py", "data/small.txt", ".gitignore", ".rayspaceignore"}
    plan = run(lab.app.jobs.plan(folder / "train.ipynb", cluster="lab", include=["data/*.bin"]))
    names = {file.path for file in plan.bundle.files}
    assert "data/large.bin" in names
    assert ".env" not in names
    with pytest.raises(BundleError, match="may hold credentials"):
        run(lab.app.jobs.plan(folder / "train.ipynb", cluster="lab", include=[".env"]))


#: Ships a small notebook and then another; tells how much memory the other needed beyond the small
#: one. How much of the libraries' files is in memory, the kernel decides as it likes. [KiB]
MORE = """import contextlib, io, sys
from pathlib import Path
from rayspace.cli import main

def memory_kib(key):
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(key))

small, large, *options = sys.argv[1:]
with contextlib.redirect_stdout(io.StringIO()):
    assert main(["job", "submit", small, *options]) == 0
# From here on the peak is counted anew.
Path("/proc/self/clear_refs").write_text("5")
begin_kib = memory_kib("VmRSS")
code = main(["job", "submit", large, *options])
sys.stderr.write(str(memory_kib("VmHWM") - begin_kib))
sys.exit(code)"""


def test_a_large_bundle_is_streamed(lab) -> None:
    """300 MB that do not compress travel, and the program that sends them does not hold them."""
    small = lab.write("small/small.ipynb", "1")
    folder = lab.app.project / "large"
    large = lab.write("large/large.ipynb", "import os; print('SIZE', os.path.getsize('a.dat'))")
    (folder / ".rayspaceignore").touch()
    with (folder / "a.dat").open("wb") as stream:
        for _ in range(300):
            stream.write(os.urandom(1_000_000))
    options = ("--json", "--cluster", "lab", "--wait")
    done = subprocess.run(
        [sys.executable, "-c", MORE, str(small), str(large), *options],
        cwd=lab.app.project, env=lab.app.environ, capture_output=True, text=True, check=False,
        timeout=600,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    log = Path(json.loads(done.stdout)["results_dir"], "driver.log").read_text("utf-8")
    assert "SIZE 300000000" in log
    assert int(done.stderr.split()[-1]) < 64 * 1024
    (folder / "a.dat").unlink()


def test_a_job_can_be_run_once_more(lab, job) -> None:
    """From what its run holds, with the same values."""
    state, _, folder = job
    helper = (folder / "helper.py").read_text()
    (folder / "helper.py").write_text("raise RuntimeError('changed since')\n")
    try:
        again = run(lab.app.jobs.retry(state.name, cluster="lab", wait=True))
    finally:
        (folder / "helper.py").write_text(helper)
    assert again.phase is JobPhase.SUCCEEDED, again.reason
    assert again.name != state.name
    assert lab.app.runs.get(again.run_id).tags[Tag.RETRY_OF] == state.name
    assert "HERE 3.0 SMALL" in json.dumps(lab.result(again))


def test_a_submitter_that_dies_leaves_a_job_that_goes_on(lab) -> None:
    """The laptop's program is killed as soon as the job is accepted; the job ends by itself."""
    lab.write("alone.ipynb", "print('ALONE')")
    process = subprocess.Popen(
        [sys.executable, "-m", "rayspace.cli", "job", "submit", "alone.ipynb", "--wait"],
        cwd=lab.app.project,
        env=lab.app.environ,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    while "was accepted" not in (line := process.stderr.readline()):
        assert line
    process.kill()
    process.communicate()
    state = wait_for(
        lambda: s if (s := run(lab.app.jobs.status())).phase.is_terminal else None, "it ends"
    )
    assert (state.notebook, state.phase) == ("alone.ipynb", JobPhase.SUCCEEDED)
    assert "ALONE" in json.dumps(lab.result(state))
