"""Decisions of the runner that need no process: claims, verdicts, marks, text, words."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import nbformat
import pytest
from hypothesis import given
from hypothesis import strategies as st
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from rayspace.core.jobs.interruption import ERROR_MARKER_TAG
from rayspace.errors import SettingsError
from rayspace.model.job import Cause, JobOrder, JobPhase, Verdict
from rayspace.model.run import RunRecord, RunStatus, Tag
from rayspace.runner.claim import claim
from rayspace.runner.execution import Ending, Execution
from rayspace.runner.log import RunnerLog
from rayspace.runner.marking import failed_cell, marked
from rayspace.runner.notebook_text import notebook_bytes
from rayspace.runner.packages import packages_text
from rayspace.runner.processes import ProcessIdentity, exit_in_words, identify, kill_group
from rayspace.runner.progress import ProgressMeter, preview
from rayspace.runner.settings import RunnerSettings, take_credentials
from rayspace.runner.spool import Spool
from rayspace.runner.verdicts import killed_verdict, verdict_of

ORDER = JobOrder("train-1", "train.ipynb", "b.tar.gz", cell_timeout_s=90.0, deadline_s=7200.0)


def _run(**tags):
    return RunRecord("run1", "train-1", "1", "e", RunStatus.SCHEDULED, 0, 0, tags=tags)


def test_the_first_claim_may_run():
    made = claim(_run(), "session_1")
    assert (made.attempt, made.verdict) == (1, None)
    assert made.tags("session_1") == {Tag.ATTEMPT: "1", Tag.SESSION: "session_1"}


@pytest.mark.parametrize(
    ("session", "summary"),
    [
        ("session_2", "The head was lost and no retry is left."),
        ("", "The head was lost and no retry is left."),
        ("session_1", "An earlier attempt was cut off and no retry is left."),
    ],
)
def test_a_second_claim_may_not(session, summary):
    made = claim(_run(**{Tag.ATTEMPT: "1", Tag.SESSION: "session_1"}), session)
    assert made.attempt == 2
    assert made.verdict == Verdict(JobPhase.FAILED, Cause.HEAD_LOST, summary)
    assert not made.is_recorded


def test_a_job_that_has_its_verdict_keeps_it():
    made = claim(_run(**{Tag.ATTEMPT: "1", Tag.PHASE: "succeeded"}), "session_2")
    assert made.is_recorded
    assert made.verdict == Verdict(JobPhase.SUCCEEDED)


def _verdict(ending, *, number=4, head_answers=True):
    return verdict_of(ending, ORDER, cell_number=number, failed_cell=5, head_answers=head_answers)


@pytest.mark.parametrize(
    ("ending", "number", "summary"),
    [
        (
            Ending(Cause.CELL_ERROR, 3, "ValueError", "bad lr"),
            4,
            "Cell 4 raised ValueError: bad lr",
        ),
        (Ending(Cause.CELL_ERROR, 3, "KeyError", "\n\n"), 4, "Cell 4 raised KeyError"),
        (Ending(Cause.KERNEL_DIED, 3, returncode=1), 4, "The kernel died in cell 4 (exit code 1)."),
        (Ending(Cause.KERNEL_DIED, 3), 4, "The kernel died in cell 4."),
        (
            Ending(Cause.KERNEL_DIED, detail="Kernel died before replying to kernel_info"),
            0,
            "The kernel did not start: Kernel died before replying to kernel_info.",
        ),
        (Ending(Cause.CELL_TIMEOUT, 3), 4, "Cell 4 ran longer than its limit of 1 min 30 s."),
        (
            Ending(Cause.DEADLINE, 3),
            4,
            "The job ran longer than its deadline of 2 h; it was in cell 4.",
        ),
        (Ending(Cause.DEADLINE), 0, "The job ran longer than its deadline of 2 h."),
        (Ending(Cause.STOPPED, 3), 4, "The job was stopped in cell 4."),
        (Ending(Cause.STOPPED), 0, "The job was stopped."),
        (Ending(Cause.HEAD_LOST, 3), 4, "The head of the cluster was lost in cell 4."),
    ],
)
def test_each_end_is_one_sentence(ending, number, summary):
    assert _verdict(ending, number=number).summary == summary


def test_success_says_nothing():
    assert _verdict(Ending()) == Verdict(JobPhase.SUCCEEDED)


def test_a_head_that_is_gone_takes_the_blame_for_errors_only():
    error = Ending(Cause.CELL_ERROR, 3, "RayError", "x")
    verdict = _verdict(error, head_answers=False)
    assert (verdict.cause, verdict.ename) == (Cause.HEAD_LOST, "RayError")
    assert verdict.summary.endswith("Cell 4 raised RayError: x")
    assert _verdict(Ending(Cause.STOPPED, 3), head_answers=False).cause is Cause.STOPPED


def test_long_errors_are_cut():
    verdict = _verdict(Ending(Cause.CELL_ERROR, 3, "E", "x" * 5000))
    assert len(verdict.summary) < 330
    assert len(verdict.evalue) == 2000


@pytest.mark.parametrize(
    ("returncode", "stopped", "cause", "summary"),
    [
        (
            -9,
            False,
            Cause.RUNNER_KILLED,
            "The runner was killed by signal 9 (SIGKILL), as the kernel does when memory runs out.",
        ),
        (-11, False, Cause.RUNNER_KILLED, "The runner was killed by signal 11 (SIGSEGV)."),
        (3, False, Cause.RUNNER_ERROR, "The runner ended with exit code 3."),
        (-9, True, Cause.STOPPED, "The job was stopped."),
    ],
)
def test_a_runner_without_a_verdict_gets_one(returncode, stopped, cause, summary):
    verdict = killed_verdict(returncode, stopped=stopped)
    assert (verdict.cause, verdict.summary) == (cause, summary)


def test_an_exit_in_words():
    assert exit_in_words(-9) == "signal 9 (SIGKILL)"
    assert exit_in_words(-200) == "signal 200"
    assert exit_in_words(1) == "exit code 1"


def _document(*statuses):
    cells = [new_markdown_cell("text")]
    for status in statuses:
        cell = new_code_cell("1", execution_count=1)
        cell.metadata["papermill"] = {"status": status, "exception": status == "failed"}
        cells.append(cell)
    return new_notebook(cells=cells, metadata={"papermill": {}})


@pytest.mark.parametrize("statuses", [("completed", "failed", "pending"), ("running", "pending")])
def test_a_notebook_that_failed_is_marked_once(statuses):
    verdict = Verdict(JobPhase.FAILED, Cause.CELL_ERROR, "why")
    document = _document(*statuses)
    before = json.dumps(document)
    once = marked(document, verdict)
    assert json.dumps(document) == before
    assert marked(once, verdict) == once
    index = failed_cell(once)
    assert once["cells"][index]["metadata"]["papermill"]["status"] == "failed"
    assert ERROR_MARKER_TAG in once["cells"][index - 1]["metadata"]["tags"]
    assert ERROR_MARKER_TAG in once["cells"][0]["metadata"]["tags"]
    nbformat.validate(nbformat.from_dict(once))


def test_a_notebook_that_succeeded_is_left_alone():
    document = _document("completed", "failed")
    assert marked(document, Verdict(JobPhase.SUCCEEDED)) is document
    assert failed_cell(_document("completed")) == -1


_TEXT = st.text(st.characters(codec="utf-8"), max_size=40)


@given(
    sources=st.lists(_TEXT, max_size=4),
    streams=st.lists(_TEXT, max_size=3),
    plain=_TEXT,
    trusted=st.booleans(),
)
def test_the_text_of_a_notebook_is_that_of_nbformat(sources, streams, plain, trusted):
    outputs = [new_output("stream", name="stdout", text=text) for text in streams]
    outputs.append(
        new_output(
            "display_data",
            {"text/plain": plain, "image/png": "ab\ncd", "application/json": {"a": [1]}},
        )
    )
    cells = [new_code_cell(source, outputs=outputs, id=f"c{i}") for i, source in enumerate(sources)]
    cells.append(new_markdown_cell(plain, attachments={"a.svg": {"image/svg+xml": plain}}, id="m"))
    cells[0].metadata["trusted"] = trusted
    document = new_notebook(
        cells=cells, metadata={"signature": "x", "kernelspec": {"name": "p", "display_name": "p"}}
    )
    expected = nbformat.v4.writes(document) + "\n"
    assert notebook_bytes(document).decode() == expected


def test_a_notebook_without_cells_has_a_text():
    document = new_notebook()
    assert json.loads(notebook_bytes(document)) == document


def test_lines_begin_on_their_own_and_hold_no_secret():
    written = []
    log = RunnerLog(lambda content: written.append(content.decode()), ["secret-1", "no"])
    log.output("no newline")
    log.output("")
    log.line("the secret-1 is no secret")
    log.output("as it is: secret-1\n")
    log.line("last")
    assert "".join(written) == "no newline\nthe *** is no secret\nas it is: secret-1\nlast\n"


def test_a_preview_is_the_first_line_that_says_something():
    assert preview("\n\n  x = 1  \ny = 2") == "x = 1"
    assert preview("") == ""
    assert preview("x" * 100) == "x" * 59 + "…"


def test_progress_counts_code_cells():
    meter = ProgressMeter(0.0)
    assert meter.read() is None
    meter.begin(_document("a", "b")["cells"])
    meter.cell_started(2, "train()")
    meter.cell_finished()
    progress = meter.read()
    assert (progress.n_done, progress.n_cells, progress.cell_number) == (1, 2, 2)
    assert progress.cell_preview == "train()"
    assert progress.elapsed_s >= progress.cell_elapsed_s >= 0
    assert (meter.number(2), meter.number(0)) == (2, 0)


def test_the_cell_that_papermill_adds_is_not_counted():
    """A notebook of two cells stays one of two, and its second cell is number 2."""
    cells = _document("lr = 1", "lr = 2", "train()")["cells"]
    first, added, last = (i for i, cell in enumerate(cells) if cell["cell_type"] == "code")
    cells[added]["metadata"] = {"tags": ["injected-parameters"]}
    meter = ProgressMeter(0.0)
    meter.begin(cells)
    seen = []
    for index in (first, added, last):
        meter.cell_started(index, cells[index]["source"])
        meter.cell_finished()
        progress = meter.read()
        seen.append((progress.cell_number, progress.n_done, progress.n_cells))
    assert seen == [(1, 1, 2), (1, 1, 2), (2, 2, 2)]
    assert meter.number(last) == 2


def test_packages_are_sorted_as_pip_sorts():
    assert packages_text({"b": "1", "A": "2", "a-b": "3"}) == "A==2\na-b==3\nb==1\n"


def test_a_process_is_known_by_its_start(tmp_path):
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    identity = identify(process.pid)
    assert identity.is_alive
    assert not ProcessIdentity(process.pid, "another start").is_alive
    assert not kill_group(ProcessIdentity(process.pid, "another start"))
    assert process.poll() is None
    assert kill_group(identity)
    assert process.wait(120) == -9
    assert not identity.is_alive
    assert not kill_group(identity)
    assert identify(os.getpid()).is_alive


def test_a_spool_keeps_what_must_not_be_lost(tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    spool = Spool.create("0123456789")
    assert spool.directory.name.startswith("rayspace-job-01234567-")
    assert spool.directory.stat().st_mode & 0o777 == 0o700
    assert (spool.verdict, spool.kernel, spool.notebook(), spool.is_stored) == (
        None,
        None,
        None,
        False,
    )
    verdict = Verdict(JobPhase.FAILED, Cause.CELL_ERROR, "why", 3, "E", "v")
    spool.write_verdict(verdict)
    assert spool.verdict == verdict
    spool.write_kernel(os.getpid())
    assert spool.kernel == identify(os.getpid())
    spool.write_credentials({"A": "b"})
    assert spool.credentials.stat().st_mode & 0o777 == 0o600
    spool.write(spool.results_dir / "train.ipynb", b"1")
    assert spool.notebook() == spool.results_dir / "train.ipynb"
    spool.mark_stored()
    assert spool.is_stored
    spool.remove()
    assert not spool.directory.exists()


def test_settings_are_read_and_hide_secrets(tmp_path):
    environment = {
        "RAYSPACE_RUN_ID": "r",
        "MLFLOW_TRACKING_URI": "http://user:pass-word@h:5000",
        "RAYSPACE_SPOOL": str(tmp_path),
        "RAYSPACE_CREDENTIAL_NAMES": "MLFLOW_TRACKING_TOKEN,AWS_REGION",
        "MLFLOW_TRACKING_TOKEN": "token-value",
        "AWS_REGION": "eu-west",
        "RAY_AUTH_TOKEN": "ray-token",
        "RAYSPACE_DASHBOARD_URL": "http://h:8265/",
    }
    settings = RunnerSettings.from_environment(environment)
    assert settings.credentials == {"MLFLOW_TRACKING_TOKEN": "token-value", "AWS_REGION": "eu-west"}
    assert set(settings.secrets) == {"token-value", "pass-word", "ray-token"}
    assert settings.dashboard_url == "http://h:8265"
    assert "token-value" not in repr(settings)
    with pytest.raises(SettingsError):
        RunnerSettings.from_environment({**environment, "RAYSPACE_RUN_ID": ""})


def test_credentials_are_read_once(tmp_path):
    path = tmp_path / "c.json"
    path.write_text('{"A": "b"}')
    assert take_credentials(str(path)) == {"A": "b"}
    assert take_credentials(str(path)) == {}
    assert take_credentials("") == {}


def test_a_stop_counts_more_than_any_other_cause():
    execution = Execution()
    execution.interrupt(Cause.DEADLINE)
    execution.interrupt(Cause.HEAD_LOST)
    assert execution.requested is Cause.DEADLINE
    execution.interrupt(Cause.STOPPED)
    execution.interrupt(Cause.DEADLINE)
    assert execution.requested is Cause.STOPPED
