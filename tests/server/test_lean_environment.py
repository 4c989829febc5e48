"""JupyterLab in an environment of its own: neither Ray nor all of MLflow is there.

What a cluster or a job must fit is asked of the notebook's kernel, which has another Python.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from jupyter_client.manager import start_new_kernel

from tests.install.test_base_install import caller_home
from tests.laboratory import notebook_json
from tests.server.jupyter_process import JupyterProcess
from tests.server.twin import FAR

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def lean_python() -> str:
    """Return the Python of an environment with the base install and Jupyter's server alone."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    wanted = [*project["dependencies"], "jupyter_server"]
    key = hashlib.sha256(repr((wanted, sys.version)).encode()).hexdigest()[:16]
    folder = caller_home() / ".cache" / "rayspace-tests" / f"lean-{key}"
    python = folder / "bin" / "python"
    if not (folder / "ready").exists():
        uv = [sys.executable, "-m", "uv"]
        subprocess.run([*uv, "venv", "-q", "--clear", "-p", sys.executable, folder], check=True)
        subprocess.run([*uv, "pip", "install", "-q", "-p", python, *wanted], check=True)
        (folder / "ready").touch()
    return str(python)


@pytest.fixture(scope="module")
def lean_jupyter(own_home, lean_python, tmp_path_factory):
    root = tmp_path_factory.mktemp("lean-root")
    server = JupyterProcess(
        root,
        tmp_path_factory.mktemp("lean"),
        tmp_path_factory.mktemp("lean-state"),
        python=lean_python,
        environ={"PYTHONPATH": str(ROOT / "workspace")},
    ).start()
    yield server
    server.stop()


@pytest.fixture
def jupyter_with_kernel(own_home, lean_python, tmp_path):
    """Have one where a kernel with all of MLflow is known."""
    for name in ("root", "home", "state", "jupyter/kernels/full"):
        (tmp_path / name).mkdir(parents=True)
    spec = {
        "argv": [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"],
        "display_name": "All of it",
        "language": "python",
    }
    (tmp_path / "jupyter" / "kernels" / "full" / "kernel.json").write_text(json.dumps(spec))
    environ = {
        "PYTHONPATH": str(ROOT / "workspace"),
        "JUPYTER_PATH": str(tmp_path / "jupyter"),
    }
    server = JupyterProcess(
        *(tmp_path / "root", tmp_path / "home", tmp_path / "state"),
        python=lean_python,
        environ=environ,
    ).start()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def kernel_says(own_home):
    """Return what a real kernel answers to the code that a panel runs in it."""

    def ask(code: str, mime_type: str) -> dict:
        manager, client = start_new_kernel(kernel_name="python3")
        try:
            answers: list[dict] = []

            def hear(message: dict) -> None:
                if message["msg_type"] == "display_data":
                    answers.append(message["content"]["data"])

            reply = client.execute_interactive(
                code, silent=False, store_history=False, output_hook=hear, timeout=30
            )
            assert reply["content"]["status"] == "ok", reply
            left = client.execute_interactive(
                "assert '_rayspace_probe' not in dir()", store_history=False, timeout=30
            )
            assert left["content"]["status"] == "ok"
            return answers[0][mime_type]
        finally:
            client.stop_channels()
            manager.shutdown_kernel(now=True)

    return ask


async def test_it_serves_without_ray_and_without_mlflow(lean_jupyter):
    """Where nothing is on record yet, nothing is missing either."""
    health = await lean_jupyter.get("/rayspace/health")

    assert health["ray_version"] == ""
    assert health["python"] != sys.executable
    assert "proxy_missing" in [problem["code"] for problem in health["problems"]]
    assert (await lean_jupyter.get("/rayspace/clusters"))["clusters"] == []
    assert (await lean_jupyter.get("/rayspace/profiles"))["profiles"]
    assert (await lean_jupyter.get("/rayspace/jobs"))["jobs"] == []
    assert (await lean_jupyter.get("/rayspace/runs"))["runs"] == []


async def test_what_is_missing_is_said_with_the_command_that_brings_it(lean_jupyter):
    # The database of a kernel that has all of MLflow.
    (lean_jupyter.root / "mlflow.db").touch()
    async with lean_jupyter.stream() as tab:
        assert (await tab.next())["kind"] == "snapshot"
        told = await tab.until("jobs_problem", project="", timeout_s=60)
        assert told["data"]["problem"]["code"] == "missing_extra"
    jobs = await lean_jupyter.ask("GET", "/rayspace/jobs")
    pane = await lean_jupyter.ask("GET", "/rayspace/proxy/mlflow/local/")
    up = await lean_jupyter.done(
        await lean_jupyter.post("/rayspace/clusters", {"profile": "laptop"}, status=202)
    )

    assert (jobs.status, jobs.json["hint"]) == (
        501,
        "Install it with: pip install 'rayspace[local]'",
    )
    assert (pane.status, pane.json["hint"]) == (
        501,
        "Install it with: pip install 'rayspace[jupyter]'",
    )
    assert up["error"]["code"] == "missing_extra"


async def test_a_notebook_runs_with_the_python_of_the_kernel(jupyter_with_kernel, kernel_says):
    """Its Ray starts the cluster, and its MLflow tells of the runs."""
    server = jupyter_with_kernel
    probe = await server.get("/rayspace/kernel")
    kernel = kernel_says(probe["code"], probe["mime_type"])
    cell = "import mlflow\nmlflow.log_metric('loss', 0.25)"
    (server.root / "train.ipynb").write_text(json.dumps(notebook_json(cell)))
    wish = {"profile": "laptop", "name": "of-kernel", "kernel": kernel}

    up = await server.done(await server.post("/rayspace/clusters", wish, status=202))
    assert up["state"] == "done", up
    (found,) = (await server.get("/rayspace/clusters"))["clusters"]
    command = Path(f"/proc/{found['pid']}/cmdline").read_bytes().split(b"\0")
    async with server.stream() as tab:
        assert (await tab.next())["kind"] == "snapshot"
        wish = {"path": "train.ipynb", "cluster": "of-kernel", "kernel": kernel}
        shipped = await server.done(await server.post("/rayspace/jobs", wish, status=202))
        assert shipped["state"] == "done", shipped
        await tab.until("job", name=shipped["name"], phase="succeeded", timeout_s=120)
    (run,) = (await server.get("/rayspace/runs"))["runs"]
    paths = await server.post(f"/rayspace/jobs/{shipped['name']}/fetch")
    down = await server.done(
        await server.post("/rayspace/clusters/local/of-kernel/down", status=202)
    )

    assert kernel["ray_version"] == "2.60.0"
    assert found["python"] == kernel["python"] == sys.executable
    assert command[0].decode() == sys.executable
    assert (run["job"], run["metrics"][0]["value"]) == (shipped["name"], 0.25)
    assert Path(paths["notebook"]).exists()
    assert down["state"] == "done", down
    assert "@127.0.0.1" not in server.log


async def test_the_kernel_says_what_a_plan_must_fit(twin):
    kernel = {
        "python": "/opt/other/bin/python",
        "python_version": "3.12.9",
        "ray_version": "2.59.1",
        "rayspace_version": "",
    }

    await twin.post("/rayspace/clusters/plan", {"target": FAR, "kernel": kernel})
    await twin.post("/rayspace/clusters/plan", {"target": FAR})

    asked = [app.kernel for app in twin.apps]
    assert [item.ray_version for item in asked if item is not None] == ["2.59.1"]
    assert None in asked
