"""How jobs end: every kind of end, on real kernels, with a complete record."""

from __future__ import annotations

import sys

import pytest
from nbformat.v4 import new_markdown_cell, new_notebook

from rayspace.core.jobs.interruption import ERROR_MARKER_TAG
from rayspace.model.job import Cause, JobPhase
from rayspace.model.run import Artifact, RunStatus, Tag
from rayspace.runner import attempt, notebook_client
from tests.runner.endings import check_complete, is_marked
from tests.runner.workshop import notebook
from tests.waiting import PATIENCE_S

KILL_KERNEL = "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"


def test_a_notebook_that_works_succeeds_with_its_parameters(workshop):
    record = workshop.submit(
        notebook("print('lr is', lr)", "", "6 * 7", parameters="lr = 0.1"), parameters={"lr": 0.5}
    )
    result = workshop.attempt(record)
    assert result.exit_code == 0
    assert result.verdict.phase is JobPhase.SUCCEEDED
    assert result.run.status is RunStatus.FINISHED
    assert result.text("print") == "lr is 0.5\n"
    assert [status for _, status in result.cells] == ["completed"] * 6
    check_complete(result)
    lines = result.log.splitlines()
    assert lines[2] == "[2/4] cell 2: print('lr is', lr)"
    assert lines[3] == "lr is 0.5"
    assert "42" in lines
    assert lines[-1].startswith("rayspace: the job succeeded in ")
    packages = result.files[Artifact.PACKAGES].read_text().splitlines()
    names = [line.partition("==")[0] for line in packages]
    assert "ipykernel" in names
    assert names == sorted(names, key=str.lower)
    assert result.tag(Tag.PYTHON_VERSION).startswith("3.")
    assert result.tag(Tag.RAY_VERSION)
    assert result.tag(Tag.MLFLOW_VERSION)


def test_the_last_line_is_awaited_as_it_is_written_though_it_held_a_secret(workshop, monkeypatch):
    """Who looked for it as it was would wait for what never comes."""
    monkeypatch.setattr(attempt, "_DRAIN_S", 1e9)
    secret = "a-token-of-mlflow"
    record = workshop.submit(notebook(f"raise ValueError('{secret}')"))
    result = workshop.attempt(record, MLFLOW_TRACKING_TOKEN=secret)
    last = result.log.splitlines()[-1]
    assert last.startswith("rayspace: the job failed in ")
    assert "***" in last
    assert secret not in last


def test_a_notebook_beside_others_runs_in_its_own_folder(workshop):
    document = notebook("import helper; print(helper.NAME, open('data.txt').read())")
    files = {"deep/down/helper.py": "NAME = 'helper'", "deep/down/data.txt": "data"}
    record = workshop.submit(document, files, notebook="deep/down/train.ipynb")
    assert workshop.attempt(record).text("helper") == "helper data\n"


def test_files_that_the_notebook_wrote_are_told_of(workshop):
    code = "open('data.txt', 'a').write('more'); open('model.bin', 'wb').write(bytes(2048))"
    record = workshop.submit(notebook(code), {"data.txt": "data", "kept.txt": "as it is"})
    log = workshop.attempt(record).log
    assert "the notebook wrote model.bin (2.0 KiB), data.txt (8 B), which the job" in log


def test_a_notebook_of_an_older_minor_format_runs_without_a_word(workshop):
    document = notebook("print(1)")
    document.nbformat_minor = 2
    for cell in document.cells:
        del cell["id"]
    result = workshop.attempt(workshop.submit(document))
    assert result.text("print") == "1\n"
    assert "Warning" not in result.log


def test_a_cell_that_raises_fails_the_job(workshop):
    code = "class Bad(Exception): pass\nraise Bad('\\x1b[31mred\\x1b[0m bad lr\\nmore')"
    result = workshop.attempt(workshop.submit(notebook("1", code, "print('never')")))
    assert result.exit_code == 1
    assert result.verdict.cause is Cause.CELL_ERROR
    assert result.verdict.summary == "Cell 2 raised Bad: red bad lr"
    assert (result.verdict.ename, result.verdict.evalue) == ("Bad", "red bad lr\nmore")
    assert [status for _, status in result.cells][-2:] == ["failed", "pending"]
    assert result.run.status is RunStatus.FAILED
    assert is_marked(result)
    check_complete(result)
    assert "Bad: red bad lr" in result.log
    assert result.log.splitlines()[-1].endswith(": Cell 2 raised Bad: red bad lr")


def test_an_error_that_was_asked_for_is_none(workshop):
    document = notebook("1 / 0", "print('after')")
    document.cells[1].metadata["tags"] = ["raises-exception"]
    result = workshop.attempt(workshop.submit(document))
    assert result.verdict.phase is JobPhase.SUCCEEDED
    assert result.text("after") == "after\n"
    assert not any(
        ERROR_MARKER_TAG in cell.metadata.get("tags", []) for cell in result.notebook.cells
    )


@pytest.mark.parametrize("code", ["import sys; sys.exit(0)", "raise SystemExit", "exit()"])
def test_leaving_early_with_zero_succeeds(workshop, code):
    result = workshop.attempt(workshop.submit(notebook(code, "print('never')")))
    assert result.verdict.phase is JobPhase.SUCCEEDED
    assert [status for _, status in result.cells] == ["completed", "completed", "pending"]


def test_leaving_with_another_code_fails(workshop):
    result = workshop.attempt(workshop.submit(notebook("import sys; sys.exit(3)")))
    assert result.verdict.summary == "Cell 1 raised SystemExit: 3"


def test_a_notebook_without_code_cells_succeeds(workshop):
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    document = new_notebook(cells=[new_markdown_cell("text")], metadata={"kernelspec": kernel})
    assert workshop.attempt(workshop.submit(document)).verdict.phase is JobPhase.SUCCEEDED


@pytest.mark.parametrize(
    ("code", "summary"),
    [
        ("import os; os._exit(7)", "The kernel died in cell 2 (exit code 7)."),
        (
            KILL_KERNEL,
            (
                "The kernel died in cell 2 (signal 9 (SIGKILL)); this is what the system does"
                " when memory runs out."
            ),
        ),
    ],
)
def test_a_kernel_that_dies_fails_the_job(workshop, code, summary):
    result = workshop.attempt(workshop.submit(notebook("1", f"print('x')\n{code}", "3")))
    assert result.verdict.cause is Cause.KERNEL_DIED
    assert result.verdict.summary == summary
    assert [status for _, status in result.cells][-2:] == ["failed", "pending"]
    assert result.cells[-3][0].startswith("<span id=")
    assert is_marked(result)
    check_complete(result)


def test_a_cell_that_takes_too_long_fails_and_shows_where_it_was(workshop, monkeypatch):
    monkeypatch.setattr(notebook_client, "_INTERRUPT_GRACE_S", PATIENCE_S)
    code = "import time\ndef lost_here():\n    time.sleep(600)\nlost_here()"
    # Longer than a kernel at work needs for the first cell, and to begin the second.
    record = workshop.submit(notebook("1", code, "3"), cell_timeout_s=10.0)
    result = workshop.attempt(record)
    assert result.verdict.cause is Cause.CELL_TIMEOUT
    assert result.verdict.summary == "Cell 2 ran longer than its limit of 10 s."
    assert "lost_here" in str(result.notebook.cells[-2].outputs)
    assert is_marked(result)
    check_complete(result)


def test_a_cell_that_refuses_to_be_interrupted_is_ended_all_the_same(workshop, monkeypatch):
    monkeypatch.setattr(notebook_client, "_INTERRUPT_GRACE_S", 0.5)
    code = "import signal, time\nsignal.signal(2, signal.SIG_IGN)\nwhile True: time.sleep(1)"
    result = workshop.attempt(workshop.submit(notebook(code), cell_timeout_s=0.5))
    assert result.verdict.cause is Cause.CELL_TIMEOUT
    assert is_marked(result)


def test_a_job_past_its_deadline_fails(workshop):
    record = workshop.submit(notebook("1", "import time; time.sleep(600)"), deadline_s=2.0)
    result = workshop.attempt(record)
    assert result.verdict.cause is Cause.DEADLINE
    assert result.verdict.summary.startswith("The job ran longer than its deadline of 2.0 s")
    assert is_marked(result)
    check_complete(result)


def test_the_deadline_of_a_namespace_is_for_jobs_without_one(workshop):
    """It comes by the environment, since who orders need not know of it."""
    # It is the runner's own: the notebook does not see it.
    code = notebook("import os, time; time.sleep(60 * ('RAYSPACE_DEADLINE_S' in os.environ))")
    own = workshop.attempt(workshop.submit(code, deadline_s=50.0), RAYSPACE_DEADLINE_S="0.001")
    assert own.verdict.cause is Cause.NONE
    result = workshop.attempt(workshop.submit(code), RAYSPACE_DEADLINE_S="0.001")
    assert result.verdict.cause is Cause.DEADLINE


def test_a_deadline_counts_the_start_of_the_kernel(workshop):
    result = workshop.attempt(workshop.submit(notebook("1"), deadline_s=0.001))
    assert result.verdict.cause is Cause.DEADLINE
    assert result.verdict.summary == "The job ran longer than its deadline of 0.0 s."
    assert result.cells[-1][1] == "failed"


def test_a_missing_kernel_is_told_in_one_sentence(workshop):
    result = workshop.attempt(workshop.submit(notebook("1"), kernel_name="julia-1.9"))
    assert result.exit_code == 1
    assert result.verdict.cause is Cause.RUNNER_ERROR
    assert "There is no Jupyter kernel 'julia-1.9' where the job runs" in result.verdict.summary
    assert "python3" in result.verdict.summary
    assert Artifact.DRIVER_LOG in result.files


def test_a_missing_package_is_told_in_one_sentence(workshop, monkeypatch):
    monkeypatch.setitem(sys.modules, "papermill.iorw", None)
    result = workshop.attempt(workshop.submit(notebook("1")))
    assert result.verdict.cause is Cause.RUNNER_ERROR
    assert result.verdict.summary == (
        "The package 'papermill.iorw' is missing where the job runs, which needs papermill,"
        " ipykernel and mlflow."
    )


def test_a_missing_bundle_and_a_broken_notebook_are_told(workshop):
    result = workshop.attempt(workshop.submit(notebook("1"), bundle="rayspace/other.tar.gz"))
    assert result.verdict.cause is Cause.RUNNER_ERROR
    assert "rayspace/other.tar.gz" in result.verdict.summary
    broken = workshop.submit(notebook("1"), {"broken.ipynb": "{"}, notebook="train.ipynb")
    workshop.runs.upload(broken.run_id, _order_for(workshop, "broken.ipynb"), "rayspace")
    result = workshop.attempt(broken)
    assert result.verdict.cause is Cause.RUNNER_ERROR
    assert "broken.ipynb is not a notebook that can run" in result.verdict.summary


def _order_for(workshop, name):
    path = workshop.directory / "job.json"
    path.write_text(
        f'{{"name": "train-1", "notebook": "{name}", "bundle": "{Artifact.BUNDLE}", "new": 1}}'
    )
    return path


def test_parameters_of_a_language_that_nobody_can_write_are_refused(workshop):
    document = notebook("1", language="brainfuck")
    record = workshop.submit(document, language="brainfuck", parameters={"lr": 1})
    assert "language 'brainfuck'" in workshop.attempt(record).verdict.summary


def test_a_second_claim_ends_with_the_head_lost_and_the_last_snapshot(workshop, tmp_path):
    record = workshop.submit(notebook("print('once')"))
    workshop.runs.update(record.run_id, tags={Tag.ATTEMPT: "1", Tag.SESSION: "session_before"})
    snapshot = tmp_path / "train.ipynb"
    document = notebook("print('once')")
    document.cells[1].metadata["papermill"] = {"status": "running"}
    import nbformat

    nbformat.write(document, snapshot)
    workshop.runs.upload(record.run_id, snapshot, Artifact.RESULTS_DIR)
    log = tmp_path / "driver.log"
    log.write_text("what the first one said\n")
    workshop.runs.upload(record.run_id, log, "logs")
    result = workshop.attempt(record)
    assert result.exit_code == 1
    assert result.verdict.cause is Cause.HEAD_LOST
    # Its log stands before ours.
    stored = workshop.runs.download(record.run_id, Artifact.DRIVER_LOG, tmp_path / "stored")
    assert stored.read_text().startswith("what the first one said\nrayspace: here the attempt was")
    assert result.verdict.summary == "The head was lost and no retry is left."
    assert result.tag(Tag.ATTEMPT) == "2"
    assert is_marked(result)
    assert "once" not in result.log


def test_a_job_that_has_ended_is_left_as_it_is(workshop):
    record = workshop.submit(notebook("print('once')"))
    first = workshop.attempt(record)
    again = workshop.attempt(record)
    assert again.exit_code == 0
    assert again.run == first.run


def test_children_that_nobody_can_end_any_more_are_ended(workshop):
    record = workshop.submit(notebook("import os; os._exit(1)"))

    def child(name, tags):
        run = workshop.runs.create(experiment="lab", name=name, tags=tags, params={})
        workshop.runs.set_status(run.run_id, RunStatus.RUNNING)
        return run.run_id

    fit = child("fit", {Tag.PARENT_RUN_ID: record.run_id})
    nested = child("fold", {Tag.PARENT_RUN_ID: fit})
    job = child("job", {Tag.PARENT_RUN_ID: record.run_id, Tag.JOB: "job-2"})
    workshop.attempt(record)
    statuses = [workshop.runs.get(run_id).status for run_id in (fit, nested, job)]
    assert statuses == [RunStatus.FAILED, RunStatus.FAILED, RunStatus.RUNNING]
