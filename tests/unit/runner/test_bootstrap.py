"""What is put into processes of the user's: the hooks on imports, ``ray.init`` and credentials."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
import types

import pytest

from rayspace.runner import ray_hook, worker_setup
from rayspace.runner.import_hook import after_import


def test_nothing_heavy_comes_with_the_bootstrap():
    program = (
        "import sys; import rayspace.runner.bootstrap as b; b.mlflow_hook.adapt_on_import();"
        "print([n for n in ('mlflow', 'ray', 'papermill', 'nbclient', 'yaml', 'IPython')"
        " if n in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={"RAYSPACE_RUN_ID": "r", "PYTHONPATH": ":".join(sys.path), "PATH": ""},
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    )
    assert done.stdout == "[]\n"


def test_a_failure_of_ours_is_no_failure_of_the_import(capsys):
    sys.modules.pop("colorsys", None)

    def fail(module):
        raise ValueError("ours")

    after_import("colorsys", fail)
    import colorsys

    assert colorsys.rgb_to_hsv(0, 0, 0) == (0, 0, 0)
    assert "could not adapt colorsys" in capsys.readouterr().err


def test_a_module_that_is_not_there_stays_missing():
    after_import("no_such_module_here", pytest.fail)
    with pytest.raises(ModuleNotFoundError):
        import no_such_module_here  # noqa: F401
    sys.meta_path[:] = [
        f for f in sys.meta_path if getattr(f, "_name", "") != "no_such_module_here"
    ]


@pytest.fixture
def ray(monkeypatch):
    """Return a module that stands for Ray, adapted; its init returns what it was given."""
    monkeypatch.setenv("RAY_ADDRESS", "10.0.0.1:6379")
    monkeypatch.setenv("RAYSPACE_RUNNER_PATH", "/r/runner.zip")

    def init(address=None, *, num_cpus=None, include_dashboard=None, runtime_env=None, **kwargs):
        return {"address": address, "runtime_env": runtime_env, "num_cpus": num_cpus, **kwargs}

    module = types.ModuleType("ray")
    module.init = init
    ray_hook.adapt(module)
    ray_hook.adapt(module)
    return module


def test_words_for_a_cluster_to_start_are_dropped_with_one_line(ray, caplog):
    with caplog.at_level(logging.WARNING, "rayspace"):
        given = ray.init(num_cpus=4, _temp_dir="/t", namespace="n", include_dashboard=None)
    assert given == {"address": None, "runtime_env": None, "num_cpus": None, "namespace": "n"}
    assert caplog.messages == [
        "ray.init: the job's own cluster is used; ignored: _temp_dir, num_cpus."
    ]


@pytest.mark.parametrize("address", ["local", "ray://laptop:10001"])
def test_another_way_to_a_cluster_becomes_the_jobs_own(ray, address, caplog):
    assert ray.init(address)["address"] is None
    assert address in caplog.messages[0]


@pytest.mark.parametrize("address", [None, "auto", "10.0.0.9:6379"])
def test_other_addresses_stay(ray, address, caplog):
    assert ray.init(address=address)["address"] == address
    assert caplog.messages == []


def test_workers_of_a_notebook_that_asks_for_much_still_load_us(ray):
    def own():
        pass

    given = ray.init(
        runtime_env={
            "env_vars": {"PYTHONPATH": "/mine"},
            "worker_process_setup_hook": own,
            "pip": ["x"],
        }
    )["runtime_env"]
    assert given["env_vars"] == {"PYTHONPATH": "/r/runner.zip:/mine"}
    assert given["worker_process_setup_hook"] is not own
    assert given["pip"] == ["x"]
    given = ray.init(runtime_env={"worker_process_setup_hook": "mine.hook"})["runtime_env"]
    assert given == {"env_vars": {"RAYSPACE_NEXT_HOOK": "mine.hook"}}


def test_outside_of_a_job_ray_is_left_alone(monkeypatch):
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    module = types.ModuleType("ray")
    module.init = original = lambda: None
    ray_hook.adapt(module)
    assert module.init is original


def test_a_worker_takes_credentials_and_the_notebooks_folder(tmp_path):
    (tmp_path / "study").mkdir()
    (tmp_path / "study" / "mine.py").write_text("def hook(): print('hooked')")
    path = tmp_path / "credentials.json"
    path.write_text(
        json.dumps({"MLFLOW_TRACKING_URI": "http://u:p@h:5000", "TOKEN": "t", "HAS": "file"})
    )
    program = (
        "import os; from rayspace.runner.worker_setup import install_in_worker as i; i()\n"
        "print(os.path.basename(os.getcwd()), os.environ['MLFLOW_TRACKING_URI'],"
        " os.environ['TOKEN'], os.environ['HAS'])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={
            "PYTHONPATH": ":".join(sys.path),
            "RAYSPACE_CREDENTIALS": str(path),
            "RAYSPACE_NOTEBOOK_DIR": "study",
            "RAYSPACE_NEXT_HOOK": "mine.hook",
            "MLFLOW_TRACKING_URI": "http://h:5000",
            "HAS": "environment",
        },
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    )
    assert done.stdout == "hooked\nstudy http://u:p@h:5000 t environment\n"


def test_a_worker_elsewhere_does_without_the_file(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RAYSPACE_CREDENTIALS", "/nowhere/credentials.json")
    monkeypatch.setenv("RAYSPACE_NOTEBOOK_DIR", "not-here")
    monkeypatch.delenv("RAYSPACE_RUN_ID", raising=False)
    worker_setup.install_in_worker()
