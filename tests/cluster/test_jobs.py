"""Notebooks shipped to a real Kubernetes: nothing of the laptop is needed, and all comes back."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from rayspace.errors import ClusterStartError, TrackingMissingError
from rayspace.loop import run
from rayspace.model.job import Cause, JobPhase
from rayspace.model.run import Artifact, RunStatus, Tag
from tests.cluster.conftest import made_namespace
from tests.cluster.images import RAY
from tests.cluster.team import AT_EASE, SOLO, Shipper, await_mlflow, bring_mlflow, forwarded
from tests.waiting import SLOW_S

TRAIN = (
    "import mlflow, ray, socket\nray.init()",
    (
        "@ray.remote(num_cpus=0.1)\ndef square(x):\n    import mlflow\n"
        "    mlflow.log_metric('square', x * x)\n    return x * x\n"
        "print(ray.get(square.remote(n)))"
    ),
    (
        "mlflow.log_metric('loss', 1 / lr)\nopen('model.txt', 'w').write('weights')\n"
        "mlflow.log_artifact('model.txt')"
    ),
)
#: No image can bear such a name.
IMPOSSIBLE = RAY.upper()
#: Counts, and tells that it does.
COUNTING = "import time\nfor i in range(600):\n    print('second', i, flush=True); time.sleep(1)"


@pytest.fixture(scope="module")
def team(cluster):
    """Have a namespace with MLflow for all tests here."""
    with made_namespace(cluster, "team") as namespace:
        bring_mlflow(namespace)
        await_mlflow(namespace)
        yield namespace


@pytest.fixture
def person(cluster, team, tmp_path):
    return Shipper(cluster, team, tmp_path)


def test_a_laptop_that_is_gone_is_not_missed(person):
    """Submitted by a process that is killed at once, it ends well, and its run has everything."""
    notebook = person.notebook("train.ipynb", *TRAIN, parameters="lr: float = 0.5\nn = 3")
    words = ("submit", notebook.name, "-p", "lr", "0.1", "--profile", "solo", "--wait")
    process = subprocess.Popen(
        [sys.executable, "-m", "rayspace.cli", "job", *words, "--on", person.target],
        cwd=person.project,
        env=person.environ,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    job = person.namespace.until("a RayJob", lambda: _rayjobs(person.namespace))[0]
    process.send_signal(signal.SIGKILL)
    process.wait()
    ended = person.ended(job)
    assert (ended.phase, ended.reason) == (JobPhase.SUCCEEDED, "")
    record, _, files = person.record(job)
    assert record.status is RunStatus.FINISHED
    assert record.params == {"lr": "0.1", "n": "3"}
    assert record.metrics["loss"] == pytest.approx(10)
    assert record.metrics["square"] == 9
    assert any(key.startswith("system/head/cpu") for key in record.metrics)
    assert {
        Artifact.ORDER, Artifact.BUNDLE, "source/train.ipynb", "results/train.ipynb",
        "results/train.html", Artifact.DRIVER_LOG, Artifact.PACKAGES, "model.txt",
    } <= files  # fmt: skip
    # Its cluster ends with it.
    person.namespace.until("no cluster", lambda: person.namespace.items("rayclusters") == [])
    done = person.command("job", "fetch", job, "--json")
    executed = json.loads(Path(json.loads(done.stdout)["notebook"]).read_text())
    assert "9" in "".join(executed["cells"][-2]["outputs"][-1]["text"])
    # What was shipped is needed no longer than the job.
    item = person.namespace.read("rayjobs", job)
    secret = person.namespace.read("secrets", f"{job}-runner")
    owners = secret["metadata"].get("ownerReferences", [])
    assert [owner["uid"] for owner in owners] in ([], [item["metadata"]["uid"]])
    # Whoever was killed before it could note the object's id had noted that there is one.
    assert record.tags[Tag.RAY_JOB_UID] in {"-", item["metadata"]["uid"]}


def test_a_failure_is_tried_again_and_kept(person):
    """Each attempt is a child run; the failed cell, its notebook and its log are there."""
    notebook = person.notebook("fails.ipynb", "print('before')", "raise ValueError('no data')")
    job = person.submit(notebook, retries=1, keep_failed_s=0.0).name
    ended = person.ended(job)
    assert (ended.phase, ended.cause) == (JobPhase.FAILED, Cause.CELL_ERROR)
    assert "Cell 2 raised ValueError: no data" in ended.reason
    record, children, files = person.record(job)
    assert record.tags[Tag.ATTEMPT] == "2"
    (first,) = [child for child in children if child.tags.get(Tag.ATTEMPT) == "1"]
    assert first.status is RunStatus.FAILED
    assert first.tags[Tag.ENAME] == record.tags[Tag.ENAME] == "ValueError"
    for run_id in (first.run_id, record.run_id):
        document = json.loads(person.artifact(run_id, "results/fails.ipynb"))
        assert any(
            o.get("ename") == "ValueError" for c in document["cells"] for o in c.get("outputs", [])
        )
        assert "before" in person.artifact(run_id, Artifact.DRIVER_LOG)
    assert {"results/fails.html", Artifact.PACKAGES} <= files


def test_a_stop_saves_and_takes_the_cluster_away(person):
    """The log is followed meanwhile; what ran is in the run, and what Kubernetes said of it."""
    job = person.submit(person.notebook("long.ipynb", COUNTING)).name
    person.in_cell(job, 1)
    follower = subprocess.Popen(
        [sys.executable, "-m", "rayspace.cli", "job", "logs", "-f", job],
        cwd=person.project, env=person.environ, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    lines = iter(follower.stdout)
    assert any("second 2" in line for line in lines)
    stopped = run(person.app.jobs.stop(job))
    assert (stopped.phase, stopped.cause) == (JobPhase.STOPPED, Cause.STOPPED)
    rest = list(lines)
    assert follower.wait() == 0
    assert any("stopped in cell 1" in line for line in rest)
    record, _, files = person.record(job)
    assert record.status is RunStatus.KILLED
    assert {"results/long.ipynb", Artifact.DRIVER_LOG, Artifact.EVENTS} <= files
    assert "Scheduled" in person.artifact(record.run_id, Artifact.EVENTS)
    person.namespace.until("it is gone", lambda: job not in _rayjobs(person.namespace))


def test_a_stop_that_is_broken_off_leaves_no_cluster(person):
    """KubeRay ends it though nobody looks, and a look takes away the rest."""
    job = person.submit(person.notebook("long.ipynb", COUNTING)).name
    person.in_cell(job, 1)

    def broken_off(stage) -> None:
        if stage.text.startswith("Stopping"):
            raise ConnectionAbortedError

    with pytest.raises(ConnectionAbortedError):
        run(person.app.jobs.stop(job, report=broken_off))
    person.namespace.until("no cluster", lambda: person.namespace.items("rayclusters") == [])
    assert job in _rayjobs(person.namespace)
    stopped = run(person.app.jobs.status(job))
    assert (stopped.phase, stopped.cause) == (JobPhase.STOPPED, Cause.STOPPED)
    person.namespace.until("it is gone", lambda: job not in _rayjobs(person.namespace))


def test_a_notebook_sits_on_the_worker_that_has_the_gpu(person):
    """Its own cells use one, where the head has none."""
    text = SOLO.replace("workers: 0", "workers: 1\ncpus: 0.5\nmemory: 1500MiB")
    worker = 'groupName: workers, rayStartParams: {num-gpus: "1"}, ' + AT_EASE % "ray-worker"
    for part, more in (
        ("spec: {", f"workerGroupSpecs: [{{{worker}}}], "),
        ("headGroupSpec: {", 'rayStartParams: {num-gpus: "0"}, '),
    ):
        text = text.replace(part, part + more, 1)
    (person.project / ".rayspace" / "profiles" / "pair.yaml").write_text(text)
    told = "import os, socket\nprint(socket.gethostname(), os.environ['CUDA_VISIBLE_DEVICES'])"
    job = person.submit(
        person.notebook("where.ipynb", told), profile="pair", driver_gpus=1, wait=True
    )
    assert job.phase is JobPhase.SUCCEEDED, job
    assert re.search(
        r"-workers-worker-\w+ 0$", person.artifact(job.run_id, Artifact.DRIVER_LOG), re.MULTILINE
    )


def test_what_can_not_begin_is_told_and_withdrawn(person):
    """Who waits is told why at once; a stop takes it away and says so in its run."""
    profile = SOLO.replace(RAY, IMPOSSIBLE)
    (person.project / ".rayspace" / "profiles" / "impossible.yaml").write_text(profile)
    notebook = person.notebook("train.ipynb", "1")
    with pytest.raises(ClusterStartError, match="image"):
        person.submit(notebook, profile="impossible", wait=True)
    (job,) = run(person.app.jobs.list(limit=1))
    assert job.phase is JobPhase.PENDING
    assert job.is_stuck
    stopped = run(person.app.jobs.stop(job.name))
    assert (stopped.phase, stopped.reason) == (
        JobPhase.STOPPED,
        "The job was stopped before it began.",
    )
    assert "InvalidImageName" in person.artifact(stopped.run_id, Artifact.EVENTS)
    person.namespace.until("it is gone", lambda: job.name not in _rayjobs(person.namespace))


def test_a_running_cluster_takes_jobs_too(person):
    """By its Jobs API, with the runner brought along for all of its nodes."""
    person.up("shared", profile="tiny", ready="all")
    tasks = (
        "import mlflow, ray, socket\nray.init()",
        (
            "@ray.remote(num_cpus=0.5, scheduling_strategy='SPREAD')\ndef where():\n"
            "    import mlflow, time\n    time.sleep(1)\n    mlflow.log_metric('seen', 1)\n"
            "    return socket.gethostname()\n"
            "print(len(set(ray.get([where.remote() for _ in range(8)]))), 'hosts')"
        ),
    )
    ended = person.submit(person.notebook("tasks.ipynb", *tasks), cluster="shared", wait=True)
    assert (ended.phase, ended.reason) == (JobPhase.SUCCEEDED, "")
    assert "2 hosts" in person.artifact(ended.run_id, Artifact.DRIVER_LOG)
    record, _, _ = person.record(ended.name)
    assert record.metrics["seen"] == 1
    failing = person.notebook("fails.ipynb", "1 / 0")
    failed = person.submit(failing, cluster="shared", retries=1, wait=True)
    assert (failed.phase, failed.cause) == (JobPhase.FAILED, Cause.CELL_ERROR)
    _, children, _ = person.record(failed.name)
    assert [child.tags.get(Tag.ATTEMPT) for child in children] == ["1"]
    run(person.clusters.down("shared"))


def test_the_trials_of_a_sweep_share_a_cluster(person):
    """One RayJob with one bundle; each trial is a child run with a notebook of its own."""
    cells = (
        "import mlflow\nif lr < 0.05:\n    raise ValueError('too small')",
        "mlflow.log_metric('loss', 1 / lr)",
    )
    notebook = person.notebook("tries.ipynb", *cells, parameters="lr: float = 0.5")
    job = person.submit(notebook, sweep={"lr": [0.1, 0.2, 0.01]}, parallel=2, keep_failed_s=0.0)
    (_,) = (name for name in _rayjobs(person.namespace) if name.startswith(job.name))
    ended = person.ended(job.name)
    assert (ended.phase, ended.cause) == (JobPhase.FAILED, Cause.TRIALS_FAILED)
    assert ended.reason.startswith("1 of 3 trials failed; the first, lr=0.01: Cell 2 raised")
    record, children, files = person.record(job.name)
    assert "results/trials.json" in files
    assert record.status is RunStatus.FAILED
    tried = {child.params["lr"]: (child.status, child.metrics.get("loss")) for child in children}
    assert tried == {
        "0.1": (RunStatus.FINISHED, pytest.approx(10)),
        "0.2": (RunStatus.FINISHED, pytest.approx(5)),
        "0.01": (RunStatus.FAILED, None),
    }
    for child in children:
        assert "lr" in person.artifact(child.run_id, "results/tries.ipynb")


def test_the_trials_of_a_sweep_apart_have_clusters_of_their_own(person):
    """The last of them completes the sweep: nobody looks meanwhile."""
    cell = "if lr < 0.05:\n    raise ValueError('too small')\nprint('fine')"
    notebook = person.notebook("tries.ipynb", cell, parameters="lr: float = 0.5")
    sweep = {"lr": [0.1, 0.01]}
    job = person.submit(notebook, sweep=sweep, apart=True, keep_failed_s=0.0)
    runs = person.app.runs_of(person.target)
    person.namespace.until(
        "the sweep is over", lambda: runs.get(job.run_id).status.is_terminal, 1.5 * SLOW_S
    )
    ended = person.status(job.name)
    assert (ended.phase, ended.cause) == (JobPhase.FAILED, Cause.TRIALS_FAILED)
    assert ended.reason.startswith("1 of 2 trials failed; the first, lr=0.01: Cell 2 raised")
    _, children, files = person.record(job.name)
    assert "results/trials.json" in files
    clusters = {child.tags[Tag.JOB] for child in children}
    assert clusters == {f"{job.name}-1", f"{job.name}-2"}
    done = person.command("job", "fetch", job.name, "--json")
    assert len(json.loads(done.stdout)["trials"]) == 2


def test_an_mlflow_that_pods_do_not_reach_is_told(person):
    """While the job waits for it, and when it ends; not in a log that somebody has to find."""
    nowhere = "http://nowhere.invalid:5000"
    with forwarded(person.namespace, "rayspace-mlflow", 5000) as port:
        tracking = {"url": f"http://127.0.0.1:{port}", "pod_url": nowhere}
        place = {"context": person.context, "namespace": person.namespace.name}
        file = person.project / ".rayspace" / "config.json"
        settings = {"Rayspace": {"targets": {"team": {**place, "tracking": tracking}}}}
        file.write_text(json.dumps(settings))
        person.app = person.elsewhere()
        person.target = "team"
        job = person.submit(person.notebook("train.ipynb", "1")).name
        told = f"MLflow at {nowhere} does not answer"
        waiting = person.until(job, "why it waits", lambda job: told in job.reason)
        assert waiting.phase is JobPhase.PENDING
        stopped = run(person.app.jobs.stop(job))
        assert (stopped.phase, stopped.cause) == (JobPhase.STOPPED, Cause.STOPPED)
        assert told in person.artifact(stopped.run_id, Artifact.DRIVER_LOG)


def test_a_namespace_without_mlflow_takes_no_job(cluster, namespace, tmp_path):
    """There would be no record of it; the way out is told, and nothing is left."""
    person = Shipper(cluster, namespace, tmp_path)
    with pytest.raises(TrackingMissingError, match="no MLflow") as caught:
        person.submit(person.notebook("train.ipynb", "1"))
    assert "rayspace doctor" in str(caught.value.hint)
    assert _rayjobs(namespace) == []


def _rayjobs(namespace) -> list[str]:
    return [item["metadata"]["name"] for item in namespace.items("rayjobs")]
