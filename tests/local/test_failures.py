"""Each way in which a job can fail, on real Ray, real kernels and real MLflow."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import psutil
import pytest

from rayspace.gateways.local_ray.processes import all_processes
from rayspace.loop import run
from rayspace.model.job import Cause, JobPhase, JobState
from rayspace.model.run import RunStatus
from tests.laboratory import Lab, make_app
from tests.waiting import wait_for

#: A cell that tells in the driver's log that it has begun, then takes long.
SLEEP = "print('SLEEPING', flush=True)\nimport time\ntime.sleep(600)"
#: What each notebook does after a first cell that works, and the limits it is given.
CASES: dict[str, tuple[list[str], dict]] = {
    # Limits are longer than any needs to come so far among all of them; the longest begins first.
    "late": ([SLEEP, "never = 1"], {"deadline_s": 90.0}),
    "raises": (["x = 1", "raise ValueError('bad lr')", "never = 1"], {}),
    "dies": (["import os; os._exit(7)", "never = 1"], {}),
    "stopped": ([SLEEP, "never = 1"], {}),
    "runner-term": ([SLEEP, "never = 1"], {}),
    "runner-kill": ([SLEEP, "never = 1"], {}),
    "all-killed": ([SLEEP, "never = 1"], {}),
    "hangs": ([SLEEP, "never = 1"], {"cell_timeout_s": 20.0}),
}


def processes_of(run_id: str) -> list[psutil.Process]:
    """List the processes of a job's runner and kernel, the oldest first."""
    found = []
    for process in all_processes():
        try:
            words = process.cmdline()
            if process.environ().get("RAYSPACE_RUN_ID") == run_id and (
                any("rayspace-runner" in word for word in words)
                or any("ipykernel_launcher" in word for word in words)
            ):
                found.append((process.create_time(), process.pid, process))
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
    return [process for _, _, process in sorted(found)]


def attempt_of(run_id: str) -> psutil.Process:
    """Return the process that runs the notebook: the parent of the kernel."""
    kernel = next(
        p for p in processes_of(run_id) if any("ipykernel_launcher" in w for w in p.cmdline())
    )
    parent = kernel.parent()
    assert parent is not None
    return parent


@pytest.fixture(scope="module")
def begun(lab):
    """Run all cases at once, and act on those that need it."""
    jobs = {}
    for name, (cells, limits) in CASES.items():
        notebook = lab.write(f"{name}.ipynb", "first = 1", *cells)
        jobs[name] = lab.submit(notebook, **limits)

    def await_sleep(name: str) -> JobState:
        job = jobs[name]
        # A head has room for some of them only: the others begin as these end.
        wait_for(
            lambda: "\nSLEEPING" in "".join(run(_log(lab, job.name))), f"{name} is asleep", 400
        )
        return job

    def await_snapshot(name: str) -> JobState:
        """Wait for what is left of a notebook whose runner is killed."""
        job = await_sleep(name)
        # The next one comes after twenty times as long as the one before took.
        wait_for(lambda: f"{name}.ipynb" in _snapshot(lab, job), f"a snapshot of {name}", 400)
        return job

    run(lab.app.jobs.stop(await_sleep("stopped").name))
    os.kill(attempt_of(await_sleep("runner-term").run_id).pid, signal.SIGTERM)
    os.kill(attempt_of(await_snapshot("runner-kill").run_id).pid, signal.SIGKILL)
    for process in processes_of(await_snapshot("all-killed").run_id):
        process.kill()
    return jobs


@pytest.fixture(scope="module")
def ended(lab, begun):
    """Wait for all cases, and return how each ended."""
    return {name: run(lab.app.jobs.wait(job.name, timeout_s=600)) for name, job in begun.items()}


async def _log(lab, name: str) -> list[str]:
    return [piece async for piece in lab.app.jobs.logs(name)]


def _snapshot(lab, job) -> str:
    names = lab.app.runs.artifacts(job.run_id, "results")
    if not names:
        return ""
    document = lab.result(job)
    running = [
        "".join(cell["source"])
        for cell in document["cells"]
        if cell["metadata"].get("papermill", {}).get("status") == "running"
    ]
    return " ".join(names) if running == [SLEEP] else ""


@pytest.mark.usefixtures("begun")
def test_a_lost_head_ends_the_job(tmp_path_factory) -> None:
    """A head that is killed takes its job down with a verdict, and is recognised as gone."""
    # The first one, since a deadline of another cluster's job passes meanwhile.
    app = make_app(tmp_path_factory.mktemp("doomed"), tmp_path_factory.mktemp("state"))
    state = run(app.clusters.up("laptop", name="doomed"))
    doomed = Lab(app, "doomed")
    try:
        job = doomed.submit(doomed.write("doomed.ipynb", "first = 1", SLEEP))
        wait_for(lambda: at_cell(run(app.jobs.status(job.name))) == 2, "the second cell", 400)
        psutil.Process(state.pid).kill()
        for child in processes_named(state.pid, "gcs_server"):
            child.kill()
        final = wait_for(
            lambda: s if (s := run(app.jobs.status(job.name))).phase.is_terminal else None,
            "the job ends",
            patience_s=240,
        )
        assert final.cause is Cause.HEAD_LOST
        assert final.phase in {JobPhase.FAILED, JobPhase.LOST}
        assert "head" in final.reason
        document = doomed.result(final)
        marked = [
            c for c in document["cells"] if c["metadata"].get("papermill", {}).get("exception")
        ]
        assert ["".join(c["source"]) for c in marked] == [SLEEP]
    finally:
        run(app.clusters.down("doomed"))
    assert not marked_processes(state.log_dir)


@pytest.mark.parametrize(
    ("name", "phase", "cause", "words"),
    [
        ("raises", JobPhase.FAILED, Cause.CELL_ERROR, ["ValueError", "bad lr"]),
        ("dies", JobPhase.FAILED, Cause.KERNEL_DIED, ["kernel"]),
        ("hangs", JobPhase.FAILED, Cause.CELL_TIMEOUT, ["Cell 2", "20 s"]),
        ("late", JobPhase.FAILED, Cause.DEADLINE, ["deadline", "1 min 30 s"]),
        ("stopped", JobPhase.STOPPED, Cause.STOPPED, ["stopped"]),
        ("runner-term", JobPhase.STOPPED, Cause.STOPPED, ["stopped"]),
        ("runner-kill", JobPhase.FAILED, Cause.RUNNER_KILLED, ["signal 9"]),
        ("all-killed", JobPhase.FAILED, Cause.RUNNER_KILLED, ["signal 9"]),
    ],
)
def test_a_failure_ends_in_its_state_with_its_cause(ended, name, phase, cause, words) -> None:
    """The phase, the cause for programs, and one sentence for people."""
    state = ended[name]
    assert (state.phase, state.cause) == (phase, cause), state.reason
    for word in words:
        assert word in state.reason
    assert "\n" not in state.reason.strip()


@pytest.mark.parametrize("name", CASES)
def test_a_failed_job_is_complete_in_its_run(lab, ended, name) -> None:
    """Status, notebook, page and log are in the run, also when its runner could not put them."""
    state = ended[name]
    record = lab.app.runs.get(state.run_id)
    stopped = state.phase is JobPhase.STOPPED
    assert record.status is (RunStatus.KILLED if stopped else RunStatus.FAILED)
    paths = run(lab.app.jobs.fetch(state.name))
    assert "first = 1" in json.dumps(json.loads(Path(paths.notebook).read_text("utf-8")))
    log = Path(paths.log).read_text("utf-8")
    # Each cell that began, what it printed, and how it ended, which only a live process can add.
    assert "[2/" in log
    assert ("\nSLEEPING" in log) is (SLEEP in CASES[name][0])
    assert name == "all-killed" or state.reason in log
    if name != "all-killed":
        assert Path(paths.html).stat().st_size > 1000


@pytest.mark.parametrize("name", CASES)
def test_the_failing_cell_is_marked(lab, ended, name) -> None:
    """The cell at which it ended is marked as papermill marks it; what came after has not run."""
    document = lab.result(ended[name])
    failed = [
        "".join(cell["source"])
        for cell in document["cells"]
        if cell["metadata"].get("papermill", {}).get("exception")
    ]
    expected = next(c for c in CASES[name][0] if c != "x = 1")
    assert failed == [expected]
    assert document["metadata"]["papermill"]["exception"] is True
    tags = [tag for cell in document["cells"] for tag in cell["metadata"].get("tags", [])]
    assert tags.count("papermill-error-cell-tag") == 2
    never = next(c for c in document["cells"] if "".join(c["source"]) == "never = 1")
    assert never["execution_count"] is None


def test_nothing_of_a_failed_job_runs_on(ended) -> None:
    """No kernel is left behind, however the runner ended."""
    for state in ended.values():
        wait_for(lambda run_id=state.run_id: not processes_of(run_id), f"{state.name} is gone")


def at_cell(state: JobState) -> int:
    """Return the number of the cell that a job is at; 0 before the first."""
    return state.progress.cell_number if state.progress else 0


def processes_named(session: int, name: str) -> list[psutil.Process]:
    """List the processes of a session by the end of their program's path."""
    found = []
    for process in all_processes():
        try:
            words = process.cmdline() or [""]
            if words[0].endswith(name) and os.getsid(process.pid) == session:
                found.append(process)
        except (psutil.NoSuchProcess, psutil.AccessDenied, ProcessLookupError):
            continue
    return found


def marked_processes(log_dir: str) -> list[int]:
    """List the processes whose token lay in a cluster's directory."""
    found = []
    for process in all_processes():
        try:
            if process.environ().get("RAY_AUTH_TOKEN_PATH", "").startswith(log_dir):
                found.append(process.pid)
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
    return found
