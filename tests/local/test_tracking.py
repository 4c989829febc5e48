"""Interactive work that is tracked: on a real Ray, in a real MLflow, in processes of its own."""

from __future__ import annotations

import json
import subprocess
import sys

import nbclient
import nbformat
from traitlets.config import Config

from rayspace.loop import run
from rayspace.model.job import JobPhase
from rayspace.model.run import RunStatus, Tag
from tests.laboratory import notebook_json
from tests.waiting import wait_for

TASK = """
import mlflow, ray, rayspace
@ray.remote(num_cpus=0.1)
def trial(lr, fails=False):
    with rayspace.child_run(f"lr={lr}", params={"lr": lr}, tags={"kind": "trial"}) as child:
        mlflow.log_metric("loss", 2 * lr)
        if fails:
            raise ValueError("no convergence")
    return child
"""
CPU = "system/head/cpu_utilization_percentage"
BEGIN = "%load_ext rayspace\n%ray_cluster use lab\n"


def latest(lab, experiment):
    """Return the runs of an experiment by name."""
    return {r.name: r for r in lab.app.runs.latest(experiment=experiment, limit=50)}


def await_figures(lab):
    """Wait until the head tells what its node uses, some seconds after its start."""
    wait_for(lambda: run(lab.app.clusters.nodes(lab.cluster))[0].memory_total_bytes, "figures")


def test_a_tracked_session_has_nodes_logs_and_children_in_one_run(lab, ipython, tmp_path):
    """What cells and tasks log lands in the run or below it, until it is ended, and not after."""
    await_figures(lab)
    done = ipython(
        f"{TASK}{BEGIN}"
        "ray.init(logging_level='ERROR')\n"
        "%ray_cluster track night --name owl\n"
        "mlflow.log_metric('loss', 0.25)\n"
        "print('ACTIVE', mlflow.active_run().info.run_name)\n"
        "try:\n    get_ipython().run_line_magic('ray_cluster', 'track again')\n"
        "except Exception as error: print('TWICE', type(error).__name__, error.message)\n"
        "child = ray.get(trial.remote(0.1))\n"
        "print('CHILD', child)\n"
        "try: ray.get(trial.remote(0.2, fails=True))\n"
        "except ValueError as error: print('FAILED', type(error).__name__)\n"
        "with mlflow.start_run(run_name='inner'): mlflow.log_metric('inner', 1)\n"
        "with rayspace.child_run('outer'):\n"
        "    with rayspace.child_run('nested'): mlflow.log_param('depth', 2)\n"
        "import time; end = time.monotonic() + 120\n"
        "client, own = mlflow.MlflowClient(), mlflow.active_run().info.run_id\n"
        f"while len(client.get_metric_history(own, {CPU!r})) < 4 and time.monotonic() < end:\n"
        "    time.sleep(0.2)\n"
        "%ray_cluster untrack\n"
        "print('AFTER', mlflow.active_run(), mlflow.start_run.__module__)\n"
        "import os\nours = sorted(n for n in os.environ if 'TRACKING' in n or 'EXPERIMENT' in n)\n"
        "print('ENV', ours)\n"
        "with mlflow.start_run(run_name='later'): pass\n"
        "try:\n    get_ipython().run_line_magic('ray_cluster', 'untrack')\n"
        "except Exception as error: print('NOTHING', error.message)\n"
    )
    told = done.stdout + done.stderr
    assert "ACTIVE owl" in done.stdout, told
    assert "TWICE PhaseError The run 'owl' of 'night' is tracked since" in done.stdout, told
    assert "FAILED" in done.stdout, told
    assert "AFTER None mlflow.tracking.fluent" in done.stdout, told
    assert "NOTHING Nothing is tracked in this session." in done.stdout, told
    assert "ENV []" in done.stdout, told

    runs = latest(lab, "night")
    owl = runs["owl"]
    assert owl.status is RunStatus.FINISHED
    assert owl.metrics["loss"] == 0.25
    assert owl.tags[Tag.CLUSTER] == "lab"
    assert Tag.JOB not in owl.tags
    history = lab.app.runs.history(owl.run_id, CPU)
    assert len(history) >= 4
    assert owl.metrics["usage/samples"] >= 4
    path = lab.app.runs.download(owl.run_id, "metrics/summary.json", tmp_path)
    assert json.loads(path.read_text("utf-8"))["nodes"][0]["node"] == "head"

    good, bad = runs["lr=0.1"], runs["lr=0.2"]
    for child in (good, bad, runs["inner"], runs["outer"]):
        assert child.tags[Tag.PARENT_RUN_ID] == owl.run_id, child.name
    assert runs["nested"].tags[Tag.PARENT_RUN_ID] == runs["outer"].run_id
    assert (good.status, good.params["lr"], good.metrics["loss"]) == (
        RunStatus.FINISHED, "0.1", 0.2,
    )  # fmt: skip
    assert good.tags["kind"] == "trial"
    assert good.tags[Tag.TASK_ID]
    assert good.tags[Tag.NODE_ID]
    assert (bad.status, bad.tags[Tag.ENAME], bad.tags[Tag.EVALUE]) == (
        RunStatus.FAILED, "ValueError", "no convergence",
    )  # fmt: skip
    # What comes after is a run of its own, where it would be without us.
    assert "later" not in runs
    (shown,) = [line for line in done.stdout.splitlines() if line.startswith("CHILD")]
    assert good.run_id in shown
    assert "sqlite" not in shown


def test_a_session_that_ends_ends_its_run_and_a_killed_one_is_marked(lab, ipython):
    """An exit ends the run; after a kill the next session marks it, and says so."""
    quit_ = ipython(f"{BEGIN}%ray_cluster track days --name quits\n")
    killed = ipython(
        f"{BEGIN}%ray_cluster track days --name killed\n"
        "import mlflow; mlflow.log_metric('last', 1)\n"
        "import os, signal; os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    runs = latest(lab, "days")
    assert runs["quits"].status is RunStatus.FINISHED, quit_.stdout + quit_.stderr
    assert killed.returncode == -9
    assert (runs["killed"].status, runs["killed"].metrics["last"]) == (RunStatus.RUNNING, 1.0)

    after = ipython(f"{BEGIN}%ray_cluster track days --name after\n%ray_cluster untrack --failed\n")
    assert "Marked killed as killed" in after.stdout + after.stderr
    runs = latest(lab, "days")
    assert runs["killed"].status is RunStatus.KILLED
    assert runs["after"].status is RunStatus.FAILED


def test_tasks_of_a_job_open_children_of_its_run(lab):
    """The same code in a job: children of the job's run; `track` there changes nothing."""
    notebook = lab.write(
        "children.ipynb",
        TASK + "ray.init()",
        "%load_ext rayspace\n%ray_cluster track elsewhere",
        "print('CHILD', ray.get(trial.remote(0.1)))",
        "try: ray.get(trial.remote(0.2, fails=True))\nexcept ValueError: pass",
        "%ray_cluster untrack",
    )
    job = run(lab.app.jobs.wait(lab.submit(notebook).name))
    assert job.phase is JobPhase.SUCCEEDED, job.reason
    record = lab.app.runs.get(job.run_id)
    children = {child.name: child for child in lab.app.runs.children(record)}
    assert {name: c.status for name, c in children.items()} == {
        "lr=0.1": RunStatus.FINISHED,
        "lr=0.2": RunStatus.FAILED,
    }
    assert children["lr=0.1"].metrics["loss"] == 0.2
    assert children["lr=0.1"].tags[Tag.NODE_ID]
    assert children["lr=0.2"].tags[Tag.EVALUE] == "no convergence"
    text = json.dumps(lab.result(job))
    assert text.count("This notebook is a job") == 2


def test_gpus_draw_a_picture_in_a_terminal_and_json_for_programs(lab, ipython):
    """The verb tells what `nodes` tells, of the same nodes."""
    await_figures(lab)
    done = ipython(
        f"{BEGIN}usage = %ray_cluster gpus\nnodes = %ray_cluster nodes\n"
        "print('SAME', [n.name for n in usage.nodes] == [n.name for n in nodes])\n"
        "%ray_cluster gpus\n"
    )
    assert "SAME True" in done.stdout, done.stdout + done.stderr
    assert "There are no GPUs: this cluster runs on CPUs only." in done.stdout
    command = [sys.executable, "-m", "rayspace.cli", "cluster", "gpus", lab.cluster, "--json"]
    told = subprocess.run(
        command, cwd=lab.app.project, env=lab.app.environ, capture_output=True, text=True,
        timeout=240, check=True,
    ).stdout  # fmt: skip
    usage = json.loads(told)
    assert (usage["name"], usage["nodes"][0]["name"]) == (lab.cluster, "head")
    assert usage["nodes"][0]["memory_total_bytes"] > 0


def test_a_picture_in_a_notebook_goes_on_while_cells_run_and_stops_when_told(lab):
    """The cell returns at once; lines appear meanwhile; the button ends it, and the page stays."""
    await_figures(lab)
    cells = (
        "%load_ext rayspace",
        f"tracked = %ray_cluster track days --name kernel --cluster {lab.cluster}",
        f"%ray_cluster gpus {lab.cluster} --watch --interval 1s",
        (
            "import time\nfrom rayspace.present.usage_widget import _going\n"
            "(picture,) = _going.values()\nend = time.monotonic() + 120\n"
            "while '<svg' not in picture._page.value and time.monotonic() < end: time.sleep(0.1)\n"
            "print('LINES', '<svg' in picture._page.value)"
        ),
        "picture._button.click()\nprint('LEFT', len(_going), 'CPUs only' in picture._page.value)",
        f"%ray_cluster gpus {lab.cluster}",
    )
    document = nbformat.from_dict(notebook_json(*cells))
    # The kernel stores its run as it ends, and is killed when it takes longer than this. [s]
    config = Config({"KernelManager": {"shutdown_wait_time": 240.0}})
    resources = {"metadata": {"path": str(lab.app.project)}}
    client = nbclient.NotebookClient(document, timeout=240, resources=resources, config=config)
    client.execute(env=lab.app.environ)
    shown = [cell.outputs for cell in document.cells]
    assert "application/vnd.jupyter.widget-view+json" in shown[2][0].data
    assert shown[3][0].text == "LINES True\n"
    assert shown[4][0].text == "LEFT 0 True\n"
    page = shown[5][-1].data["text/html"]
    assert "head" in page
    assert "CPUs only" in page
    # A kernel that is shut down ends its run.
    assert latest(lab, "days")["kernel"].status is RunStatus.FINISHED
