"""What the kernel and Ray's workers are given."""

from __future__ import annotations

import json
import os

from hypothesis import given
from hypothesis import strategies as st

from rayspace.model.job import JobOrder
from rayspace.model.run import RunRecord, RunStatus
from rayspace.model.tracking import BY_THE_SERVER
from rayspace.runner.kernel_environment import ignore_pattern, kernel_environment, left_out_files

RUN = RunRecord("run1", "train-1", "7", "study", RunStatus.RUNNING, 0, 0)
BARE = "http://mlflow:5000"
FULL = "http://user:password@mlflow:5000"


def _environment(inherited=None, *, uri=BARE, excludes=(), **changes):
    order = JobOrder(
        **{"name": "train-1", "notebook": "a/train.ipynb", "bundle": "b.tar.gz", **changes}
    )
    environment = kernel_environment(
        inherited or {},
        order,
        run=RUN,
        tracking_uri=uri,
        runner_path="/r/runner.zip",
        credentials_path="/s/credentials.json",
        bundle_dir="/s/work",
        excludes=excludes,
    )
    return environment, json.loads(environment["RAY_JOB_CONFIG_JSON_ENV_VAR"])


def test_the_kernel_knows_its_job_and_run():
    environment, _ = _environment({"PATH": "/bin", "RAY_ADDRESS": "1.2.3.4:6379"}, depth=1)
    expected = {
        "PATH": "/bin",
        "RAY_ADDRESS": "1.2.3.4:6379",
        "RAYSPACE_RUN_ID": "run1",
        "RAYSPACE_JOB": "train-1",
        "RAYSPACE_DEPTH": "1",
        "RAYSPACE_EXPERIMENT": "study",
        "RAYSPACE_NOTEBOOK": "/s/work/a/train.ipynb",
        "RAYSPACE_RUNNER_PATH": "/r/runner.zip",
        "MLFLOW_TRACKING_URI": BARE,
        "MLFLOW_EXPERIMENT_ID": "7",
        "PYTHONPATH": "/r/runner.zip",
        "RAY_OVERRIDE_JOB_RUNTIME_ENV": "1",
    }
    assert {name: environment.get(name) for name in expected} == expected
    assert json.loads(environment["MLFLOW_RUN_CONTEXT"]) == {"mlflow.parentRunId": "run1"}


def test_what_is_the_runners_own_stays_with_it():
    environment, config = _environment(
        {
            "RAYSPACE_SPOOL": "/s",
            "RAYSPACE_CREDENTIAL_NAMES": "A",
            "MLFLOW_RUN_ID": "other",
            "MLFLOW_EXPERIMENT_NAME": "other",
            "RAY_JOB_CONFIG_JSON_ENV_VAR": json.dumps(
                {"runtime_env": {"env_vars": {"RAYSPACE_CREDENTIALS_FILE": "/c", "X": "1"}}}
            ),
        }
    )
    gone = {
        "RAYSPACE_SPOOL",
        "RAYSPACE_CREDENTIAL_NAMES",
        "MLFLOW_RUN_ID",
        "MLFLOW_EXPERIMENT_NAME",
    }
    assert gone.isdisjoint(environment)
    assert "RAYSPACE_CREDENTIALS_FILE" not in config["runtime_env"]["env_vars"]
    assert config["runtime_env"]["env_vars"]["X"] == "1"


def test_the_users_variables_count_more_than_the_jobs():
    environment, config = _environment(
        {"PYTHONPATH": f"/inherited{os.pathsep}/r/runner.zip", "A": "inherited"},
        env={"A": "user", "PYTHONPATH": "/user", "MLFLOW_EXPERIMENT_NAME": "mine"},
    )
    assert environment["A"] == "user"
    assert environment["PYTHONPATH"] == os.pathsep.join(["/r/runner.zip", "/user", "/inherited"])
    assert environment["MLFLOW_EXPERIMENT_NAME"] == "mine"
    assert "MLFLOW_EXPERIMENT_ID" not in environment
    assert config["runtime_env"]["env_vars"]["A"] == "user"


def test_artifacts_go_by_the_server_unless_somebody_says_otherwise():
    """An object store behind it may be out of a pod's reach; of its image or person who knows."""
    download, upload = BY_THE_SERVER
    environment, config = _environment({download: "true"}, env={upload: "true"})
    assert (environment[download], environment[upload]) == ("true", "true")
    environment, config = _environment()
    assert BY_THE_SERVER.items() <= environment.items()
    assert BY_THE_SERVER.items() <= config["runtime_env"]["env_vars"].items()


def test_a_database_of_this_machine_is_waited_for():
    """Where fifty jobs write at once; a server is left to its own."""
    environment, config = _environment(uri="sqlite:////p/mlflow.db")
    patient = "sqlite:////p/mlflow.db?timeout=60"
    assert environment["MLFLOW_TRACKING_URI"] == patient
    assert config["runtime_env"]["env_vars"]["MLFLOW_TRACKING_URI"] == patient
    # A job that a job submits.
    assert _environment(uri=patient)[0]["MLFLOW_TRACKING_URI"] == patient
    assert _environment(uri=BARE)[0]["MLFLOW_TRACKING_URI"] == BARE


def test_ray_gets_the_bundle_and_our_hook_and_keeps_what_it_had():
    before = {"metadata": {"m": "1"}, "runtime_env": {"pip": ["x"], "env_vars": {"A": "1"}}}
    _, config = _environment(
        {"RAY_JOB_CONFIG_JSON_ENV_VAR": json.dumps(before)}, excludes=["/big.bin"]
    )
    assert config["metadata"] == {"m": "1"}
    runtime_env = config["runtime_env"]
    assert runtime_env["pip"] == ["x"]
    assert runtime_env["working_dir"] == "/s/work"
    assert runtime_env["excludes"] == ["/big.bin"]
    assert runtime_env["worker_process_setup_hook"] == (
        "rayspace.runner.worker_setup.install_in_worker"
    )
    assert runtime_env["env_vars"]["RAYSPACE_NOTEBOOK_DIR"] == "a"
    assert runtime_env["env_vars"]["RAYSPACE_CREDENTIALS"] == "/s/credentials.json"
    assert runtime_env["env_vars"]["RAYSPACE_RUN_ID"] == "run1"


def test_a_password_is_for_the_kernel_only():
    environment, config = _environment({"MLFLOW_TRACKING_TOKEN": "token"}, uri=FULL)
    assert environment["MLFLOW_TRACKING_URI"] == FULL
    assert environment["MLFLOW_TRACKING_TOKEN"] == "token"
    assert config["runtime_env"]["env_vars"]["MLFLOW_TRACKING_URI"] == BARE
    assert "password" not in json.dumps(config)
    assert "token" not in json.dumps(config)


def test_the_largest_files_are_left_out_until_the_rest_fits():
    files = [("a", 50), ("b", 30), ("c/d", 30), ("e", 5)]
    assert left_out_files(files, 115) == []
    assert left_out_files(files, 114) == ["a"]
    assert left_out_files(files, 40) == ["a", "b"]
    assert left_out_files(files, 0) == ["a", "b", "c/d", "e"]
    assert left_out_files([], 0) == []


@given(
    st.lists(st.tuples(st.text(min_size=1), st.integers(0, 1000)), unique_by=lambda f: f[0]),
    st.integers(0, 5000),
)
def test_what_remains_always_fits(files, limit):
    left_out = set(left_out_files(files, limit))
    assert sum(size for path, size in files if path not in left_out) <= limit


def test_a_pattern_fits_one_path_as_git_reads_it():
    import pathspec

    paths = ["data/big.csv", "a b[1].csv", "x*.bin", "!odd", "#odd", "xy.bin", "sub/data/big.csv"]
    for path in paths:
        spec = pathspec.PathSpec.from_lines("gitignore", [ignore_pattern(path)])
        assert list(spec.match_files(paths)) == [path]
