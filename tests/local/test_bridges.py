"""Notebooks that come to a real Ray by papermill and by jupyter-scheduler, both as they are."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import subprocess
import sys
import sysconfig
import time

import nbformat
import papermill
import pytest
from papermill.exceptions import PapermillExecutionError

from rayspace.errors import JobFailedError, SpecError, UsageError
from rayspace.loop import run
from rayspace.model.job import JobPhase
from tests.install.test_base_install import caller_home
from tests.server.jupyter_process import JupyterProcess

#: What jupyter-scheduler needs beside what tests have anyway.
SCHEDULER = ("jupyter-scheduler==2.12.1", "croniter", "pytz", "fsspec")
MANAGER = "rayspace.bridges.scheduler.RayExecutionManager"


@pytest.fixture
def at_work(lab, monkeypatch):
    """Work in the project, as somebody who has chosen nothing there."""
    monkeypatch.chdir(lab.app.project)
    monkeypatch.setenv("RAYSPACE_STATE_DIR", lab.app.environ["RAYSPACE_STATE_DIR"])
    return lab


def test_papermill_ships_by_its_command(at_work):
    """Parameters, logs and outputs are where papermill has them; the job is one of ours."""
    at_work.write(
        "train.ipynb",
        "import ray; ray.init(ignore_reinit_error=True)",
        "print('lr', lr, ray.get(ray.remote(lambda: 6 * 7).remote()))",
        parameters="lr: float = 0.1",
    )
    done = subprocess.run(
        [sys.executable, "-m", "papermill", "--engine", "rayspace", "train.ipynb", "out.ipynb",
         "-p", "lr", "0.25"],
        env={**os.environ, "RAYSPACE_SUBMIT": f"--cluster {at_work.cluster}"},
        capture_output=True, text=True, check=False, timeout=600,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    made = nbformat.read(at_work.app.project / "out.ipynb", as_version=4)
    assert "lr 0.25 42" in made.cells[-1].outputs[-1].text
    assert made.metadata.papermill.output_path == "out.ipynb"
    assert made.metadata.papermill.parameters == {"lr": 0.25}
    (job,) = [j for j in run(at_work.app.jobs.list()) if j.notebook == "train.ipynb"]
    assert (job.phase, job.cluster) == (JobPhase.SUCCEEDED, at_work.cluster)
    assert float(job.parameters["lr"]) == 0.25
    assert job.name in done.stderr


def test_papermill_tells_of_a_cell_that_fails_and_keeps_what_there_was(at_work, tmp_path):
    """In its own words; a document needs no file."""
    path = at_work.write("fails.ipynb", "print('before')", "1 / 0", "print('never')")
    document = nbformat.read(path, as_version=4)
    path.unlink()
    out = tmp_path / "out.ipynb"
    with pytest.raises(PapermillExecutionError, match="ZeroDivisionError"):
        papermill.execute_notebook(
            document, str(out), engine_name="rayspace", cluster=at_work.cluster, progress_bar=False
        )
    made = nbformat.read(out, as_version=4)
    statuses = [c.metadata.get("papermill", {}).get("status") for c in made.cells]
    assert [s for s in statuses if s] == ["completed", "failed", "pending"]
    assert "An Exception was encountered" in made.cells[0].source


def test_a_job_that_is_cut_off_is_no_success(at_work, tmp_path):
    """Papermill would take it for one."""
    # The first one is empty, since no limit is too short for it.
    at_work.write("slow.ipynb", "", "import time; time.sleep(600)", "1")
    out = tmp_path / "out.ipynb"
    with pytest.raises(JobFailedError, match="Cell 2 ran longer") as caught:
        papermill.execute_notebook(
            "slow.ipynb", str(out), engine_name="rayspace", cluster=at_work.cluster,
            execution_timeout=1, progress_bar=False,
        )  # fmt: skip
    assert caught.value.details["cause"] == "cell_timeout"
    made = nbformat.read(out, as_version=4)
    statuses = [c.metadata.papermill.status for c in made.cells]
    assert statuses == ["completed", "failed", "pending"]


def test_what_no_job_has_is_refused_before_anything_is_sent(at_work, monkeypatch):
    """Options, and words of the variable."""
    at_work.write("a.ipynb", "1")
    before = len(run(at_work.app.jobs.list()))

    def execute(**options):
        papermill.execute_notebook(
            "a.ipynb", None, engine_name="rayspace", progress_bar=False, **options
        )

    with pytest.raises(SpecError, match="does not take clster"):
        execute(clster="lab")
    for text, said in (("--nope", "--nope"), ("--wait", "--wait"), ("'", "quotation")):
        monkeypatch.setenv("RAYSPACE_SUBMIT", text)
        with pytest.raises(UsageError, match=said):
            execute()
    assert len(run(at_work.app.jobs.list())) == before


@pytest.fixture(scope="module")
def scheduling_python() -> str:
    """Return the Python of an environment that sees this one's packages, and jupyter-scheduler."""
    site = sysconfig.get_path("purelib")
    key = hashlib.sha256(repr((SCHEDULER, site, sys.version)).encode()).hexdigest()[:16]
    folder = caller_home() / ".cache" / "rayspace-tests" / f"scheduler-{key}"
    python = folder / "bin" / "python"
    if not (folder / "ready").exists():
        uv = [sys.executable, "-m", "uv"]
        subprocess.run([*uv, "venv", "-q", "--clear", "-p", sys.executable, folder], check=True)
        subprocess.run(
            [*uv, "pip", "install", "-q", "--no-deps", "-p", python, *SCHEDULER], check=True
        )
        (packages,) = folder.glob("lib/python*/site-packages")
        # By addsitedir, so that what is installed editable there is found as well.
        (packages / "others.pth").write_text(f"import site; site.addsitedir({site!r})\n")
        (folder / "ready").touch()
    return str(python)


@pytest.fixture(scope="module")
def scheduler(lab, scheduling_python, tmp_path_factory):
    """Start a Jupyter server with jupyter-scheduler and our manager, in the lab's project."""
    home = tmp_path_factory.mktemp("scheduler")
    # jupyter-scheduler's database lies in the one, and it does not make it.
    for name in ("data", "config"):
        (home / name).mkdir()
    settings = {"Scheduler": {"execution_manager_class": MANAGER}}
    (home / "config" / "jupyter_server_config.json").write_text(json.dumps(settings))
    server = JupyterProcess(
        lab.app.project,
        home,
        lab.app.environ["RAYSPACE_STATE_DIR"],
        python=scheduling_python,
        extensions={"jupyter_scheduler": True, "rayspace.server": False},
        environ={"RAYSPACE_SUBMIT": f"--cluster {lab.cluster}"},
    ).start()
    yield server
    # Nobody asks how it ends.
    server.stop(hard=True)


async def create(scheduler, notebook: str, **more) -> str:
    """Press "Create Notebook Job"."""
    body = {"name": notebook, "input_uri": notebook, "runtime_environment_name": "any",
            "runtime_environment_parameters": {}, "output_formats": ["ipynb", "html"],
            **more}  # fmt: skip
    return (await scheduler.post("/scheduler/jobs", body))["job_id"]


async def until(scheduler, job_id: str, *statuses: str) -> dict:
    """Wait for a status of a notebook job."""
    deadline_s = time.monotonic() + 120
    while (found := await scheduler.get(f"/scheduler/jobs/{job_id}"))["status"] not in statuses:
        assert time.monotonic() < deadline_s, (found, scheduler.log)
        await asyncio.sleep(0.3)
    return found


def ours(lab, notebook: str):
    """Return the job on Ray of a notebook, once there is one."""
    return next((j for j in run(lab.app.jobs.list()) if j.notebook == notebook), None)


async def test_a_notebook_job_runs_on_ray(lab, scheduler):
    """Parameters go there, outputs come back, and jupyter-scheduler knows how it ended."""
    code = "import ray; print(ray.init(ignore_reinit_error=True).address_info['session_dir'], lr)"
    lab.write("scheduled.ipynb", code, parameters="lr: float = 0.1")
    job_id = await create(scheduler, "scheduled.ipynb", parameters={"lr": "0.5"})
    found = await until(scheduler, job_id, "COMPLETED", "FAILED")
    assert found["status"] == "COMPLETED", (found, scheduler.log)
    job = await asyncio.to_thread(ours, lab, "scheduled.ipynb")
    assert (job.phase, job.cluster) == (JobPhase.SUCCEEDED, lab.cluster)
    assert float(job.parameters["lr"]) == 0.5
    staged = list((scheduler.home / "data" / "scheduler_staging_area" / job_id).glob("*.ipynb"))
    (made,) = [path for path in staged if path.name != "scheduled.ipynb"]
    notebook = nbformat.read(made, as_version=4)
    assert notebook.cells[-1].outputs[-1].text.rstrip().endswith(" 0.5")


async def test_a_notebook_job_that_fails_says_why(lab, scheduler):
    """And what it had can be fetched."""
    lab.write("broken.ipynb", "print('so far')", "1 / 0")
    found = await until(scheduler, await create(scheduler, "broken.ipynb"), "COMPLETED", "FAILED")
    assert found["status"] == "FAILED"
    assert "ZeroDivisionError" in found["status_message"]
    staged = (scheduler.home / "data" / "scheduler_staging_area" / found["job_id"]).glob("*.html")
    assert "so far" in next(staged).read_text("utf-8")


async def test_a_notebook_job_that_is_stopped_stops_on_ray(lab, scheduler):
    """Although its process there is killed at once."""
    lab.write("endless.ipynb", "import time; time.sleep(3600)")
    job_id = await create(scheduler, "endless.ipynb")

    async def reached(*phases: JobPhase):
        deadline_s = time.monotonic() + 120
        while True:
            job = await asyncio.to_thread(ours, lab, "endless.ipynb")
            if job is not None and job.phase in phases:
                return job
            assert time.monotonic() < deadline_s, (job, scheduler.log)
            await asyncio.sleep(0.3)

    await reached(JobPhase.RUNNING)
    answer = await scheduler.ask("PATCH", f"/scheduler/jobs/{job_id}", {"status": "STOPPED"})
    assert answer.status < 300, answer
    assert (await reached(*(p for p in JobPhase if p.is_terminal))).phase is JobPhase.STOPPED
