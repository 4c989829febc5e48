"""MLflow in user code: everything lands in the job's run or a child of it, and nothing ends it."""

from __future__ import annotations

import textwrap

import pytest

from rayspace.gateways.mlflow.runs import MlflowRunGateway
from rayspace.model.run import RunStatus, Tag
from tests.runner.workshop import notebook

JOB = "import os, mlflow\njob = os.environ['RAYSPACE_RUN_ID']\nclient = mlflow.MlflowClient()"
STATUS = "print(client.get_run(job).info.status)"


def _run(workshop, *cells, **order):
    record = workshop.submit(notebook(*(textwrap.dedent(cell) for cell in cells)), **order)
    result = workshop.attempt(record)
    assert result.exit_code == 0, result.log
    return result


def _children(workshop, result):
    return {child.name: child for child in workshop.children(result.run)}


def test_logging_without_a_run_goes_to_the_jobs_run(real_workshop):
    result = _run(
        real_workshop,
        JOB,
        """
        mlflow.log_metric("loss", 1.5)  # implicit
        print(mlflow.active_run().info.run_id == job, mlflow.last_active_run().info.run_id == job)
        mlflow.end_run()
        print(mlflow.active_run(), client.get_run(job).info.status)
        mlflow.log_metrics({"a": 1, "b": 2}); mlflow.set_tag("k", "v"); mlflow.log_param("p", 3)
        mlflow.log_text("text", "notes/a.txt"); mlflow.log_dict({"x": 1}, "d.json")
        mlflow.log_table({"c": [1, 2]}, "table.json")
        """,
        """
        # threads
        import threading
        from concurrent.futures import ThreadPoolExecutor
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda i: mlflow.log_metric(f"t{i}", i), range(8)))
        thread = threading.Thread(target=lambda: mlflow.log_param("from_thread", 1))
        thread.start(); thread.join()
        """,
        """
        # forks
        import multiprocessing
        context = multiprocessing.get_context("fork")
        process = context.Process(target=mlflow.log_metric, args=("forked", 1))
        process.start(); process.join()
        """,
        """
        # figures
        import matplotlib; matplotlib.use("Agg")
        import matplotlib.pyplot as plt
        figure = plt.figure(); mlflow.log_figure(figure, "f.png")
        open("file.txt", "w").write("x"); mlflow.log_artifact("file.txt", "files")
        import mlflow.evaluation.fluent as other
        print(other._get_or_start_run().info.run_id == job)
        """,
        """
        # traces
        @mlflow.trace
        def traced(x):
            return x + 1
        print(traced(1))
        mlflow.flush_trace_async_logging()
        found = client.search_traces([os.environ["MLFLOW_EXPERIMENT_ID"]])
        print(found[0].info.request_metadata.get("mlflow.sourceRun") == job)
        """,
    )
    assert result.text("implicit") == "True True\nNone RUNNING\n"
    assert result.text("figures").endswith("True\n")
    assert result.text("traces") == "2\nTrue\n"
    assert real_workshop.children(result.run) == []
    assert result.run.status is RunStatus.FINISHED
    metrics = result.run.metrics
    assert {name: metrics[name] for name in ("loss", "a", "b", "forked")} == {
        "loss": 1.5,
        "a": 1,
        "b": 2,
        "forked": 1,
    }
    assert {f"t{i}" for i in range(8)} <= set(metrics)
    assert result.run.params == {"p": "3", "from_thread": "1"}
    assert result.run.tags["k"] == "v"
    assert {"notes/a.txt", "d.json", "table.json", "f.png", "files/file.txt"} <= set(result.files)
    assert result.run.name == "train-1"


def test_runs_that_a_notebook_starts_are_children(real_workshop):
    result = _run(
        real_workshop,
        JOB,
        """
        # plain
        with mlflow.start_run(run_name="first") as run:
            mlflow.log_metric("m", 1)
            print(mlflow.active_run().info.run_id == run.info.run_id)
        for i in range(2):
            with mlflow.start_run(run_name=f"loop-{i}"):
                mlflow.log_param("lr", i)
        print(client.get_run(job).info.status, mlflow.active_run())
        """,
        """
        # nesting
        with mlflow.start_run(run_name="nested", nested=True):
            with mlflow.start_run(run_name="inner", nested=True) as inner:
                inner_parent = inner.data.tags["mlflow.parentRunId"]
                print(inner_parent == mlflow.get_parent_run(inner.info.run_id).info.run_id != job)
        mlflow.log_metric("x", 1)
        with mlflow.start_run(run_name="after-implicit"):
            pass
        with mlflow.start_run(None, None, "positional"):
            pass
        with mlflow.start_run(run_name="own-parent", parent_run_id=job):
            pass
        """,
        """
        # failing
        try:
            with mlflow.start_run(run_name="failed"):
                raise ValueError
        except ValueError:
            pass
        try:
            with mlflow.start_run(run_name="active"):
                mlflow.start_run()
        except Exception as error:
            print("already active" in str(error))
        """,
        """
        # attaching
        with mlflow.start_run(run_id=job, tags={"attached": "yes"}) as run:
            mlflow.log_metric("attached", 1)
            with mlflow.start_run(run_name="below-attached", nested=True):
                pass
            print(mlflow.active_run().info.run_id == job)
        print(client.get_run(job).info.status)
        mlflow.start_run(run_id=job)
        mlflow.end_run("FAILED")
        print(client.get_run(job).info.status, mlflow.active_run())
        mlflow.start_run(run_id=job)
        mlflow.start_run(run_name="left-open", nested=True)
        """,
    )
    assert result.text("plain") == "True\nRUNNING None\n"
    assert result.text("nesting") == "True\n"
    assert result.text("failing") == "True\n"
    assert result.text("attaching") == "True\nRUNNING\nRUNNING None\n"
    children = _children(real_workshop, result)
    assert set(children) == {
        *("first", "loop-0", "loop-1", "nested", "after-implicit", "positional", "own-parent"),
        *("failed", "active", "below-attached", "left-open"),
    }
    assert {name for name, c in children.items() if c.status is not RunStatus.FINISHED} == {
        "failed",
        "active",
    }
    assert children["first"].metrics == {"m": 1}
    assert children["loop-1"].params == {"lr": "1"}
    assert result.run.metrics["attached"] == 1
    assert result.run.tags["attached"] == "yes"
    assert result.run.name == "train-1"
    assert result.run.status is RunStatus.FINISHED


def test_parameters_experiments_and_other_servers(real_workshop):
    other = f"sqlite:///{real_workshop.directory}/other.db"
    result = _run(
        real_workshop,
        JOB,
        """
        # parameters
        mlflow.log_param("lr", 0.1)
        mlflow.log_param("lr", 0.1)
        mlflow.log_params({"epochs": 3, "lr": 0.1, "own": 1})
        mlflow.log_param("own", 1)
        try:
            mlflow.log_param("own", 2)
        except Exception as error:
            print(type(error).__name__)
        with mlflow.start_run(run_name="trial"):
            mlflow.log_param("lr", 0.9)
        """,
        """
        # experiments
        mlflow.set_experiment("elsewhere")
        mlflow.log_metric("still", 1)
        with mlflow.start_run(run_name="away") as run:
            print(run.info.experiment_id != client.get_run(job).info.experiment_id,
                  run.data.tags["mlflow.parentRunId"] == job)
        with mlflow.start_run(run_id=job):
            mlflow.log_metric("attached", 1)
        """,
        f"""
        # servers
        home = mlflow.get_tracking_uri()
        mlflow.set_tracking_uri({other!r})
        mlflow.set_experiment("there")
        mlflow.log_param("lr", 5)
        run = mlflow.active_run()
        print(run.info.run_id != job, "mlflow.parentRunId" in run.data.tags)
        mlflow.end_run()
        with mlflow.start_run() as run:
            print("mlflow.parentRunId" in run.data.tags)
        mlflow.set_tracking_uri(home)
        mlflow.log_metric("back", 1)
        """,
        """
        # programs
        import subprocess, sys
        code = "import mlflow; mlflow.log_metric('sub', 1); print(mlflow.active_run().info.run_id)"
        env = {**os.environ, "MLFLOW_EXPERIMENT_ID": client.get_run(job).info.experiment_id}
        run_id = subprocess.check_output([sys.executable, "-c", code], text=True, env=env).strip()
        print(client.get_run(run_id).data.tags["mlflow.parentRunId"] == job)
        """,
        parameters={"lr": 0.5, "epochs": 3},
    )
    assert result.run.params == {"lr": "0.5", "epochs": "3", "notebook.lr": "0.1", "own": "1"}
    assert result.text("# parameters").count("notebook.lr") == 1
    assert result.text("# parameters").endswith("MlflowException\n")
    assert result.text("experiments").splitlines()[-1] == "True True"
    assert result.text("servers").splitlines()[-2:] == ["True False", "False"]
    assert result.text("programs") == "True\n"
    assert result.run.metrics["still"] == 1
    assert result.run.metrics["attached"] == 1
    assert result.run.metrics["back"] == 1
    assert _children(real_workshop, result)["trial"].params == {"lr": "0.9"}
    there = MlflowRunGateway(other, None)
    assert there.jobs() == []
    there.close()


def test_automatic_logging_makes_a_child_of_each_fit(real_workshop):
    result = _run(
        real_workshop,
        JOB,
        """
        import mlflow.sklearn
        from sklearn.linear_model import LinearRegression, Ridge
        x, y = [[0.0], [1.0], [2.0]], [0.0, 1.0, 2.0]
        mlflow.sklearn.autolog(log_models=False)
        LinearRegression().fit(x, y)
        fitted = mlflow.last_active_run().info.run_id
        mlflow.log_metric("between", 1)
        Ridge().fit(x, y)
        print(fitted != job, mlflow.last_active_run().info.run_id not in (job, fitted))
        """,
        """
        # keep it
        mlflow.sklearn.autolog(disable=True)
        model = LinearRegression().fit(x, y)
        mlflow.sklearn.log_model(model, name="model", input_example=x)
        print(mlflow.active_run().info.run_id == job, client.get_run(job).info.status)
        """,
    )
    assert result.text("autolog").splitlines()[-1] == "True True"
    assert result.text("keep it").splitlines()[-1] == "True RUNNING"
    children = real_workshop.children(result.run)
    assert len(children) == 2
    assert all(child.status is RunStatus.FINISHED for child in children)
    assert all("training_r2_score" in child.metrics for child in children)
    assert result.run.metrics["between"] == 1
    assert not any(key.startswith("notebook.") for key in result.run.params)


def test_a_notebook_that_does_not_use_mlflow_does_not_load_it(real_workshop):
    result = _run(real_workshop, "import sys; print('mlflow' in sys.modules, 'ray' in sys.modules)")
    assert result.text("sys") == "False False\n"


def test_a_kernel_that_dies_leaves_no_child_running(real_workshop):
    record = real_workshop.submit(notebook(JOB, "mlflow.start_run(run_name='open')", "os._exit(1)"))
    result = real_workshop.attempt(record)
    assert result.tag(Tag.CAUSE) == "kernel_died"
    assert _children(real_workshop, result)["open"].status is RunStatus.FAILED


@pytest.mark.parametrize("order", ["hook first", "mlflow first"])
def test_the_hook_works_whenever_mlflow_is_imported(order):
    import subprocess
    import sys

    hook = (
        "from rayspace.runner.import_hook import after_import\n"
        "seen = []\nafter_import('json.tool' if 0 else 'colorsys', seen.append)\n"
    )
    use = "import colorsys\n"
    program = hook + use if order == "hook first" else use + hook
    check = (
        "import sys, importlib\n"
        "assert seen == [sys.modules['colorsys']], seen\n"
        "assert not any('_Finder' in type(f).__name__ for f in sys.meta_path)\n"
        "assert type(colorsys.__loader__).__name__ == 'SourceFileLoader'\n"
        "assert importlib.reload(colorsys) is colorsys\n"
    )
    subprocess.run([sys.executable, "-c", program + check], check=True, timeout=240)
