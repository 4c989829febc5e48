"""The runner as real processes: signals, sudden deaths, credentials, and the archive."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys

import psutil
import pytest

from rayspace.core.jobs.interruption import ERROR_MARKER_TAG
from rayspace.gateways.runner_archive import runner_archive
from rayspace.model.job import Cause
from rayspace.model.ray_job import POD_ENDS
from rayspace.model.run import Artifact, RunStatus, Tag
from rayspace.runner.orphans import adopt_orphans
from rayspace.runner.stopping import StopRequested, StopSignals
from tests.runner.workshop import notebook
from tests.waiting import PATIENCE_S, wait_for

LACKING = ("psutil", "rich", "pathspec", "nbconvert", "filelock", "argcomplete", "ipywidgets")
SLEEP = "import os, time; print('kernel', os.getpid(), flush=True); time.sleep(600)"


def _kernel_pid(workshop) -> int:
    def pid():
        lines = workshop.live_log().splitlines()
        return next((int(line.split()[1]) for line in lines if line.startswith("kernel ")), None)

    return wait_for(pid, "the cell prints the kernel's pid")


def _name(process) -> str:
    """Return what a process is called; nothing once it has ended."""
    with contextlib.suppress(psutil.NoSuchProcess):
        return process.name()
    return ""


def _attempt(process) -> psutil.Process:
    return next(
        child for child in psutil.Process(process.pid).children() if "--attempt" in child.cmdline()
    )


def test_a_job_runs_from_the_archive_that_travels(real_workshop, tmp_path):
    """The image need not have this package, and the process's own folder brings no surprise."""
    workshop = real_workshop
    archive = runner_archive(tmp_path / "archive")
    (workshop.directory / "log.py").write_text("raise RuntimeError('imported from the folder')")
    path = workshop.directory / "credentials.json"
    path.write_text(json.dumps({"MLFLOW_TRACKING_TOKEN": "secret-token-0815"}))
    where = (
        "import os, rayspace.version as v\nprint(v.__file__)\n"
        "print([name for name in os.environ if name.startswith('RAYSPACE_')])"
    )
    credentials = (
        "import os, json, stat, time\n"
        "token = os.environ['MLFLOW_TRACKING_TOKEN']\n"
        "file = os.environ['RAYSPACE_CREDENTIALS']\n"
        "print(token[::-1], json.load(open(file))['MLFLOW_TRACKING_TOKEN'] == token)\n"
        "print(oct(stat.S_IMODE(os.stat(file).st_mode)))\n"
        "config = os.environ['RAY_JOB_CONFIG_JSON_ENV_VAR']\n"
        "print(token in config, 'MLFLOW_TRACKING_URI' in config)"
    )
    record = workshop.submit(notebook(where, "%ray_job --help", credentials))
    environment = {
        **workshop.environment,
        "PYTHONPATH": "",
        "RAYSPACE_RUN_ID": record.run_id,
        "RAYSPACE_RUNNER_PATH": str(archive),
        "RAYSPACE_ARTIFACT_ROOT": "private",
        "RAYSPACE_CREDENTIALS_FILE": str(path),
    }
    done = subprocess.run(
        [sys.executable, str(archive)],
        env=environment,
        cwd=workshop.directory,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    result = workshop.result(record, done.returncode)
    assert done.returncode == 0, done.stdout
    assert done.stdout == result.log
    assert result.run.status is RunStatus.FINISHED
    assert f"{archive}/rayspace/version.py" in result.text("version")
    assert "usage: %ray_job" in result.text("%ray_job")
    names = result.text("version").splitlines()[1]
    assert "RAYSPACE_JOB" in names
    for private in ("SPOOL", "ARTIFACT_ROOT", "CREDENTIALS_FILE", "CREDENTIAL_NAMES"):
        assert private not in names
    expected = ["5180-nekot-terces True", "0o600", "False True"]
    assert result.text("token").splitlines() == expected
    assert not path.exists()
    assert "secret-token-0815" not in result.log
    assert result.spools == []


def test_a_stop_reaches_the_notebook_and_the_record_is_complete(real_workshop):
    workshop = real_workshop
    record = workshop.submit(notebook(SLEEP))
    process = workshop.start(record)
    kernel = _kernel_pid(workshop)
    # As Ray does it: every process below the driver, more than once.
    for target in (process.pid, _attempt(process).pid, kernel, process.pid):
        os.kill(target, signal.SIGTERM)
    result = workshop.finish(record, process)
    assert result.exit_code == 130
    assert result.tag(Tag.PHASE) == "stopped"
    assert result.run.status is RunStatus.KILLED
    assert set(result.files) >= {"results/train.ipynb", "results/train.html", Artifact.DRIVER_LOG}
    assert result.log.rstrip().endswith("The job was stopped in cell 1.")
    assert not psutil.pid_exists(kernel)
    assert result.spools == []


@pytest.fixture
def first_process():
    """Be the first process of a pod, which asks for no child that it did not start."""
    adopt_orphans()
    yield psutil.Process()
    adopt_orphans(does=False)


def test_a_stop_leaves_nothing_that_is_waited_for_in_vain(real_workshop, first_process):
    """Ray waits until all that it told to stop is gone, also what a notebook started."""
    workshop = real_workshop
    others = "import subprocess\nfor _ in range(2): subprocess.Popen(['sleep', '600'])\n"
    record = workshop.submit(notebook(others + SLEEP))
    process = workshop.start(record)
    kernel = _kernel_pid(workshop)
    below = psutil.Process(process.pid).children(recursive=True)
    assert [_name(child) for child in below].count("sleep") == 2
    for target in (process.pid, *(child.pid for child in below)):
        # Those that look something up for the runner have ended by themselves.
        with contextlib.suppress(ProcessLookupError):
            os.kill(target, signal.SIGTERM)
    assert workshop.finish(record, process).exit_code == 130
    assert not psutil.pid_exists(kernel)
    assert [child for child in below if child.is_running()] == []
    left = [child for child in first_process.children() if child.pid != process.pid]
    assert [child for child in left if _name(child) == "sleep"] == []


@pytest.mark.parametrize("retries", [0, 1])
def test_a_pod_that_ends_leaves_a_record_and_the_next_attempt(real_workshop, retries):
    """Kubernetes runs the file of the runner once more, and waits for it."""
    workshop = real_workshop
    record = workshop.submit(notebook(SLEEP), retries=retries)
    process = workshop.start(record, **({"RAYSPACE_RETRIES": str(retries)} if retries else {}))
    kernel = _kernel_pid(workshop)
    program = psutil.Process(process.pid).cmdline()
    ending = subprocess.run([*program, POD_ENDS], capture_output=True, text=True, check=False)
    assert (ending.returncode, ending.stderr) == (0, "")
    # It has waited.
    assert process.poll() is not None
    result = workshop.finish(record, process)
    assert not psutil.pid_exists(kernel)
    children = [r for r in workshop.runs.children(record) if r.tags.get(Tag.ATTEMPT) == "1"]
    told = children[0].tags if retries else result.run.tags
    assert told[Tag.SUMMARY] == (
        "Kubernetes took the job's pod away in cell 1: it was deleted, or its node drained."
    )
    assert (told[Tag.PHASE], told[Tag.CAUSE]) == (
        ("failed", "head_lost") if retries else ("stopped", "stopped")
    )
    # Another attempt may follow, on another pod.
    assert (Tag.PHASE in result.run.tags) == (not retries)
    if not retries:
        assert set(result.files) >= {"results/train.ipynb", Artifact.DRIVER_LOG}


def test_a_runner_that_is_killed_leaves_a_verdict_and_no_kernel(real_workshop):
    workshop = real_workshop
    record = workshop.submit(notebook("print('before')", SLEEP))
    process = workshop.start(record)
    kernel = psutil.Process(_kernel_pid(workshop))
    os.kill(_attempt(process).pid, signal.SIGKILL)
    result = workshop.finish(record, process)
    assert result.exit_code == 1
    assert result.tag(Tag.CAUSE) == Cause.RUNNER_KILLED.value
    assert result.tag(Tag.SUMMARY) == (
        "The runner was killed by signal 9 (SIGKILL), as the kernel does when memory runs out."
    )
    assert result.run.status is RunStatus.FAILED
    assert not kernel.is_running() or kernel.status() == psutil.STATUS_ZOMBIE
    cells = result.notebook.cells
    assert ERROR_MARKER_TAG in cells[0].metadata.tags
    failed = cells[int(result.tag(Tag.FAILED_CELL))]
    assert failed.metadata.papermill.status == "failed"
    assert set(result.files) >= {"results/train.html", Artifact.DRIVER_LOG}
    assert "[2/2] cell 2" in result.log
    assert "The runner was killed by signal 9" in result.log
    assert result.spools == []


def test_credentials_of_a_runner_that_was_killed_whole_go_with_the_next_job(real_workshop):
    """Nobody is left to remove them then, and the spool lies outside of what Ray removes."""
    workshop = real_workshop
    path = workshop.directory / "credentials.json"
    path.write_text(json.dumps({"MLFLOW_TRACKING_TOKEN": "secret-token-0815"}))
    record = workshop.submit(notebook(SLEEP))
    process = workshop.start(record, RAYSPACE_CREDENTIALS_FILE=str(path))
    kernel = psutil.Process(_kernel_pid(workshop))
    others = [_attempt(process), kernel]
    process.kill()
    for killed in others:
        killed.kill()
    process.wait(PATIENCE_S)
    psutil.wait_procs(others, timeout=PATIENCE_S)
    (orphan,) = workshop.spools()
    assert (orphan / "credentials.json").exists()
    result = workshop.run(workshop.submit(notebook("print('next')")))
    assert result.text("print") == "next\n"
    assert result.spools == []


def test_a_cell_can_be_interrupted_where_the_signal_was_blocked(real_workshop):
    """Ray blocks SIGINT in its processes, and children inherit that."""
    workshop = real_workshop
    record = workshop.submit(notebook(SLEEP))
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        process = workshop.start(record)
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    _kernel_pid(workshop)
    # The runner alone: a kernel that is told to end would do so.
    os.kill(_attempt(process).pid, signal.SIGTERM)
    result = workshop.finish(record, process)
    assert result.tag(Tag.CAUSE) == "stopped"
    assert "KeyboardInterrupt" in str(result.notebook.cells[-1].outputs)


def test_the_runner_does_without_what_an_image_may_lack(real_workshop):
    """An image of Ray with papermill, ipykernel and a client of MLflow is enough."""
    workshop = real_workshop
    blocker = workshop.directory / "blocker"
    blocker.mkdir()
    (blocker / "sitecustomize.py").write_text(
        "import os, sys\n"
        "if 'RAYSPACE_NOTEBOOK' not in os.environ:\n"  # not in the kernel, which needs psutil
        f"    sys.modules.update(dict.fromkeys({LACKING!r}))\n"
    )
    path = os.pathsep.join([str(blocker), workshop.environment["PYTHONPATH"]])
    result = workshop.run(workshop.submit(notebook("print('done')")), PYTHONPATH=path)
    assert result.text("print") == "done\n"
    assert "no HTML of the notebook: the image has no nbconvert" in result.log
    assert "results/train.html" not in result.files
    assert result.exit_code == 0


def test_a_runner_without_a_job_says_so():
    done = subprocess.run(
        [sys.executable, "-m", "rayspace.runner"],
        env={k: v for k, v in os.environ.items() if k != "RAYSPACE_RUN_ID"},
        capture_output=True,
        check=False,
        timeout=PATIENCE_S,
    )
    assert (done.returncode, done.stderr) == (2, b"The variable RAYSPACE_RUN_ID is not set.\n")


def test_a_stop_before_the_notebook_ends_what_goes_on_once():
    signals = StopSignals()
    raised = 0
    for _ in range(2):
        try:
            signals._receive(signal.SIGTERM, None)
        except StopRequested:
            raised += 1
    assert raised == 1
    assert signals.is_requested
