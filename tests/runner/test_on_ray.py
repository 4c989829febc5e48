"""Notebooks of jobs on a real cluster: what Ray's workers are given, and where their logs go."""

from __future__ import annotations

import textwrap

import pytest

from rayspace.loop import run
from rayspace.model.job import JobPhase
from rayspace.model.run import RunStatus


@pytest.fixture(scope="module")
def project(lab):
    """Return the project, with a module and a file beside the notebook, in a folder of it."""
    folder = lab.app.project / "study"
    folder.mkdir()
    (folder / "helper.py").write_text("NAME = 'helper'\n")
    (folder / "data.txt").write_text("data")
    (lab.app.project / ".gitignore").write_text("*.secret\n")
    return lab


def _texts(lab, job) -> list[str]:
    """Return what each code cell printed."""
    document = lab.result(job)
    return [
        "".join(text for output in cell["outputs"] for text in output.get("text", []))
        for cell in document["cells"]
        if cell["cell_type"] == "code"
    ]


def _run(lab, name, *cells, **options):
    path = lab.write(name, *(textwrap.dedent(cell) for cell in cells))
    job = run(lab.app.jobs.wait(lab.submit(path, **options).name))
    texts = _texts(lab, job)
    assert job.phase is JobPhase.SUCCEEDED, (job.reason, texts)
    return job, texts


def test_notebooks_on_a_cluster(project):
    """One job for all claims: a job on a cluster takes its time."""
    lab = project
    job, texts = _run(
        lab,
        "study/tasks.ipynb",
        """
        import os, ray, mlflow
        ray.init(num_cpus=4, address="local", include_dashboard=False, log_to_driver=False)
        """,
        """
        @ray.remote
        def task(i):
            import mlflow, helper
            mlflow.log_metric(f"task-{i}", i)
            if i == 0:
                with mlflow.start_run(run_name="from-task"):
                    mlflow.log_metric("inner", 1)
            return helper.NAME, open("data.txt").read(), os.path.basename(os.getcwd())
        print(set(ray.get([task.remote(i) for i in range(6)])))
        """,
        """
        @ray.remote(max_concurrency=4)
        class Actor:
            def log(self, i):
                import mlflow
                mlflow.log_metric(f"actor-{i}", i)
                return mlflow.active_run().info.run_id == os.environ["RAYSPACE_RUN_ID"]
            def train(self, i):
                import mlflow
                with mlflow.start_run(run_name=f"actor-run-{i}"):
                    mlflow.log_metric("inner", i)
        actor = Actor.remote()
        print(ray.get([actor.log.remote(i) for i in range(8)]))
        ray.get([actor.train.remote(i) for i in range(3)])
        """,
        """
        ray.shutdown()
        def hook():
            os.environ["HOOKED"] = "yes"
        ray.init(log_to_driver=False, runtime_env={
            "env_vars": {"MINE": "1", "PYTHONPATH": "/somewhere", "FROM_JOB": "notebook"},
            "worker_process_setup_hook": hook,
        })
        """,
        """
        @ray.remote
        def look():
            import sys, mlflow
            mlflow.log_metric("seen", 1)
            names = ("MINE", "HOOKED", "FROM_JOB", "OTHER", "RAYSPACE_JOB")
            return [os.environ.get(name) for name in names], "/somewhere" in sys.path
        print(ray.get(look.remote()))
        """,
        env={"FROM_JOB": "job", "OTHER": "job"},
    )
    # What the laptop's ray.init() says of a cluster to start is passed over, with one line.
    assert "ignored: address='local', include_dashboard, num_cpus" in texts[0]
    # Tasks find modules and files beside the notebook, as the notebook does.
    assert texts[1] == "{('helper', 'data', 'study')}\n"
    # Whatever logs without a run logs to the job's, from every task and thread of an actor.
    assert texts[2] == f"{[True] * 8}\n"
    record = lab.app.runs.get(job.run_id)
    assert record.status is RunStatus.FINISHED
    wanted = {f"task-{i}" for i in range(6)} | {f"actor-{i}" for i in range(8)} | {"seen"}
    assert wanted <= set(record.metrics)
    assert record.metrics["system/head/cpu_utilization_percentage"] >= 0
    # A run that they start is a child.
    children = lab.app.runs.children(record)
    assert {child.name for child in children} == {
        *("from-task", "actor-run-0", "actor-run-1", "actor-run-2"),
    }
    assert all(child.status is RunStatus.FINISHED for child in children)
    # What the notebook asks of Ray counts more than what the job brings.
    assert texts[4] == f"(['1', 'yes', 'notebook', 'job', '{job.name}'], True)\n"
