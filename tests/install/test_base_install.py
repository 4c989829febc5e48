"""The base install, from a wheel: neither Ray nor all of MLflow nor JupyterLab is there."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def caller_home() -> Path:
    """Return the home of whoever runs the tests, where environments are kept between runs."""
    import pwd

    return Path(os.environ.get("RAYSPACE_TEST_CACHE") or pwd.getpwuid(os.getuid()).pw_dir)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    """Build the wheel as a release would."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "-q",
        "--no-deps",
        "-w",
        str(folder),
        str(ROOT),
    ]
    subprocess.run(command, check=True)
    (found,) = folder.glob("*.whl")
    return found


@pytest.fixture(scope="module")
def base(wheel, tmp_path_factory):
    """Install it without extras; its dependencies are kept for the next run."""
    key = hashlib.sha256((ROOT / "pyproject.toml").read_bytes() + sys.version.encode())
    folder = caller_home() / ".cache" / "rayspace-tests" / f"base-{key.hexdigest()[:16]}"
    python = folder / "bin" / "python"
    if not (folder / "ready").exists():
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(folder)], check=True)
        subprocess.run([python, "-m", "pip", "install", "-q", str(wheel)], check=True)
        (folder / "ready").touch()
    install = [python, "-m", "pip", "install", "-q", "--no-deps", "--force-reinstall", str(wheel)]
    subprocess.run(install, check=True)
    project = tmp_path_factory.mktemp("base")
    (project / ".rayspace").mkdir()
    env = {**os.environ, "RAYSPACE_STATE_DIR": str(project / "state")}

    def call(*words: str, **more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(folder / "bin" / words[0]), *words[1:]],
            cwd=project,
            env={**env, **more},
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )

    call.project = project
    return call


def test_the_wheel_brings_the_templates(wheel) -> None:
    """Profiles and notebooks travel inside the package."""
    names = zipfile.ZipFile(wheel).namelist()
    assert "rayspace/templates/profiles/laptop.yaml" in names
    assert "rayspace/templates/notebooks/hyperparameter-search.ipynb" in names
    assert "rayspace/py.typed" in names


def test_neither_ray_nor_jupyterlab_is_there(base) -> None:
    """The base install stays small."""
    for package in ("ray", "papermill", "jupyterlab", "sqlalchemy"):
        done = base("python", "-c", f"import {package}")
        assert "ModuleNotFoundError" in done.stderr, package


def test_the_command_and_the_magics_work(base) -> None:
    """What needs no Ray needs none."""
    assert base("rayspace", "--help").returncode == 0
    listed = base("rayspace", "cluster", "list", "--json")
    assert json.loads(listed.stdout) == {"clusters": []}, listed.stderr
    profiles = json.loads(base("rayspace", "cluster", "profiles", "--json").stdout)["profiles"]
    assert "laptop" in [profile["name"] for profile in profiles]
    code = "from IPython.core.interactiveshell import InteractiveShell as S; s = S.instance();"
    code += "s.run_line_magic('load_ext', 'rayspace'); s.run_line_magic('ray_cluster', 'list')"
    done = base("python", "-c", code)
    assert "There is no cluster" in done.stdout, done.stderr


def test_no_job_is_listed_where_none_ever_ran(base) -> None:
    """That takes no database."""
    assert json.loads(base("rayspace", "job", "list", "--json").stdout) == {"jobs": []}


@pytest.mark.parametrize("words", [("cluster", "up"), ("job", "list")])
def test_a_missing_extra_is_one_error_with_the_command(base, words) -> None:
    """Starting Ray here, and runs in a database, need what the extra brings."""
    (base.project / "mlflow.db").touch()
    done = base("rayspace", *words, "--json")
    assert done.returncode == 2, done.stdout + done.stderr
    error = json.loads(done.stdout)
    assert error["code"] == "missing_extra"
    assert "pip install 'rayspace[local]'" in error["hint"]


def test_the_doctor_says_what_is_missing(base) -> None:
    """Each missing package is a problem with what helps."""
    done = base("rayspace", "doctor", "--json")
    assert done.returncode == 1
    checks = {check["name"]: check for check in json.loads(done.stdout)["checks"]}
    assert checks["ray"]["state"] == "problem"
    assert "rayspace[local]" in checks["ray"]["hint"]
