"""What every tracking server promises, real or in memory."""

from __future__ import annotations

import concurrent.futures
import os
import shutil
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import TYPE_CHECKING

import pytest

from rayspace.errors import (
    AccessError,
    GatewayError,
    GatewayUnavailableError,
    JobNotFoundError,
    RayspaceError,
    SpecError,
    StorageError,
)
from rayspace.gateways.memory.runs import MemoryRunGateway
from rayspace.gateways.mlflow.errors import CODES, without_credentials
from rayspace.gateways.mlflow.runs import MlflowRunGateway
from rayspace.model.run import Artifact, RunStatus, Tag

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from rayspace.gateways.contracts import RunGateway


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a database with MLflow's tables; making them takes seconds, copying does not."""
    path = tmp_path_factory.mktemp("mlflow") / "empty.db"
    gateway = MlflowRunGateway(f"sqlite:///{path}", None)
    with pytest.raises(JobNotFoundError):
        gateway.get("0" * 32)
    gateway.close()
    return path


@pytest.fixture(params=["memory", "mlflow"])
def runs(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[RunGateway]:
    """Return each side of the contract in turn."""
    if request.param == "memory":
        yield MemoryRunGateway()
        return
    database = tmp_path / "mlflow.db"
    shutil.copy(request.getfixturevalue("empty_database"), database)
    gateway = MlflowRunGateway(f"sqlite:///{database}", tmp_path / "artifacts")
    yield gateway
    gateway.close()


def _create(runs: RunGateway, name: str = "train-1", **tags: str) -> str:
    record = runs.create(
        experiment="My models",
        name=name,
        tags={Tag.JOB: name, **tags},
        params={"lr": "0.1"},
    )
    return record.run_id


def test_a_new_run_is_scheduled_and_holds_what_it_was_given(runs: RunGateway) -> None:
    """A run that waits for its runner is not RUNNING."""
    before_ms = time.time_ns() // 1_000_000
    record = runs.create(
        experiment="My models", name="train-1", tags={Tag.JOB: "train-1"}, params={"lr": "0.1"}
    )
    assert record.status is RunStatus.SCHEDULED
    assert (record.name, record.experiment) == ("train-1", "My models")
    assert record.params == {"lr": "0.1"}
    assert record.tags[Tag.JOB] == "train-1"
    assert record.ended_ms == 0
    assert before_ms <= record.started_ms <= time.time_ns() // 1_000_000
    assert runs.get(record.run_id) == record


def test_two_runs_share_an_experiment(runs: RunGateway) -> None:
    """An experiment that exists is used as it is."""
    first, second = runs.get(_create(runs)), runs.get(_create(runs, "train-2"))
    assert first.experiment_id == second.experiment_id


def test_an_unknown_run_is_not_found(runs: RunGateway) -> None:
    """Each verb on a missing run says so in the same way."""
    missing = "f" * 32
    with pytest.raises(JobNotFoundError):
        runs.get(missing)
    with pytest.raises(JobNotFoundError):
        runs.update(missing, tags={"a": "b"})
    with pytest.raises(JobNotFoundError):
        runs.set_status(missing, RunStatus.RUNNING)
    with pytest.raises(JobNotFoundError):
        runs.artifacts(missing)


def test_an_update_writes_tags_metrics_and_parameters(runs: RunGateway) -> None:
    """One call writes all three, and the latest value of a metric is read back."""
    run_id = _create(runs)
    runs.update(
        run_id,
        tags={Tag.CAUSE: "none"},
        metrics=[("loss", 2.0, 1000, 0), ("loss", 1.0, 2000, 1), ("acc", 0.5, 2000, 1)],
        params={"depth": "3"},
    )
    record = runs.get(run_id)
    assert record.tags[Tag.CAUSE] == "none"
    assert record.metrics == {"loss": 1.0, "acc": 0.5}
    assert record.params == {"lr": "0.1", "depth": "3"}


def test_a_tag_is_replaced_and_a_parameter_is_not(runs: RunGateway) -> None:
    """MLflow keeps a parameter once it is set."""
    run_id = _create(runs)
    runs.update(run_id, tags={Tag.PROGRESS: "1"})
    runs.update(run_id, tags={Tag.PROGRESS: "2"}, params={"lr": "0.1"})
    assert runs.get(run_id).tags[Tag.PROGRESS] == "2"
    with pytest.raises(SpecError):
        runs.update(run_id, params={"lr": "0.2"})
    assert runs.get(run_id).params["lr"] == "0.1"


def test_more_metrics_than_one_request_may_hold(runs: RunGateway) -> None:
    """MLflow takes at most 1,000 metrics a request; the caller need not know."""
    run_id = _create(runs)
    runs.update(run_id, metrics=[(f"m{i}", float(i), 1000, 0) for i in range(2300)])
    assert len(runs.get(run_id).metrics) == 2300


def test_only_a_terminal_status_ends_a_run(runs: RunGateway) -> None:
    """The end time appears with the end."""
    run_id = _create(runs)
    runs.set_status(run_id, RunStatus.RUNNING)
    assert (runs.get(run_id).status, runs.get(run_id).ended_ms) == (RunStatus.RUNNING, 0)
    runs.set_status(run_id, RunStatus.KILLED)
    record = runs.get(run_id)
    assert record.status is RunStatus.KILLED
    assert record.ended_ms >= record.started_ms > 0


def test_a_file_is_stored_replaced_listed_and_fetched(runs: RunGateway, tmp_path: Path) -> None:
    """The second upload of a name is the one that is fetched."""
    run_id = _create(runs)
    notebook = tmp_path / "train.ipynb"
    for text in ("first", "second"):
        notebook.write_text(text)
        runs.upload(run_id, notebook, Artifact.RESULTS_DIR)
    log = tmp_path / "driver.log"
    log.write_text("line")
    runs.upload(run_id, log, "logs")
    assert runs.artifacts(run_id) == ["logs/driver.log", "results/train.ipynb"]
    assert runs.artifacts(run_id, "logs") == [Artifact.DRIVER_LOG]
    fetched = runs.download(run_id, "results/train.ipynb", tmp_path / "out")
    assert fetched.read_text() == "second"
    assert tmp_path / "out" in fetched.parents


def test_a_missing_artifact_is_not_found(runs: RunGateway, tmp_path: Path) -> None:
    """The error names what was looked for."""
    run_id = _create(runs)
    with pytest.raises(JobNotFoundError, match=r"results/none\.ipynb"):
        runs.download(run_id, "results/none.ipynb", tmp_path)


def test_jobs_are_listed_newest_first(runs: RunGateway) -> None:
    """Runs that are no jobs are left out, and a limit is kept."""
    ids = []
    for number in range(3):
        ids.append(_create(runs, f"job-{number}"))
        _wait_for_the_next_millisecond()
    runs.create(experiment="Other", name="no job", tags={}, params={})
    assert [record.run_id for record in runs.jobs()] == ids[::-1]
    assert [record.run_id for record in runs.jobs(limit=2)] == ids[:0:-1]
    assert [record.run_id for record in runs.jobs(name="job-1")] == [ids[1]]
    assert runs.jobs(name="it's") == []


def test_jobs_of_a_job_and_children_of_a_run(runs: RunGateway) -> None:
    """A child run that user code made is a child but no job."""
    parent = _create(runs)
    job = _create(runs, "part-1", **{Tag.PARENT_RUN_ID: parent})
    plain = runs.create(
        experiment="My models", name="fit", tags={Tag.PARENT_RUN_ID: parent}, params={}
    ).run_id
    assert [record.run_id for record in runs.jobs(parent_run_id=parent)] == [job]
    children = runs.children(runs.get(parent))
    assert {record.run_id for record in children} == {job, plain}


def test_many_threads_may_write_at_once(runs: RunGateway) -> None:
    """Progress, samples and snapshots are written from several threads."""
    run_id = _create(runs)
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        list(
            pool.map(
                lambda i: runs.update(run_id, metrics=[(f"m{i}", float(i), 1000, 0)]), range(32)
            )
        )
    assert runs.get(run_id).metrics == {f"m{i}": float(i) for i in range(32)}


def test_many_runs_are_created_at_once(runs: RunGateway) -> None:
    """More than a database has connections for: none is refused, and none waits for another."""
    with concurrent.futures.ThreadPoolExecutor(24) as pool:
        ids = set(pool.map(lambda i: _create(runs, f"job-{i}"), range(24)))
    assert {record.run_id for record in runs.jobs()} == ids
    assert len(ids) == 24


def test_a_server_that_is_there_passes_the_check(runs: RunGateway) -> None:
    """A check changes nothing."""
    runs.check()
    assert runs.jobs() == []


def test_a_memory_server_that_is_away_does_not_answer() -> None:
    """The twin can play an outage."""
    runs = MemoryRunGateway()
    run_id = _create(runs)
    runs.is_away = True
    with pytest.raises(GatewayUnavailableError):
        runs.update(run_id, tags={"a": "b"})
    runs.is_away = False
    assert "a" not in runs.get(run_id).tags


def test_a_server_that_is_away_is_reported_soon() -> None:
    """MLflow's own client would try for minutes."""
    gateway = MlflowRunGateway("http://someone:secret@127.0.0.1:9", None)
    with pytest.raises(GatewayUnavailableError) as caught:
        gateway.check()
    with pytest.raises(GatewayUnavailableError):
        gateway.get("0" * 32)
    assert "secret" not in str(caught.value) + repr(gateway) + gateway.tracking_uri
    assert gateway.tracking_uri == "http://127.0.0.1:9"


class _Answering(BaseHTTPRequestHandler):
    status = 200

    def do_GET(self) -> None:
        self.send_response(self.status)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (200, None),
        (404, None),
        (401, AccessError),
        (403, AccessError),
        (503, GatewayUnavailableError),
    ],
)
def test_the_health_page_tells_access_from_absence(
    status: int, error: type[RayspaceError] | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that refuses us is there; one that is broken is not."""
    monkeypatch.setattr("rayspace.gateways.mlflow.client._CHECK_TIMEOUT_S", 60.0)
    handler = type("Handler", (_Answering,), {"status": status})
    server = HTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    gateway = MlflowRunGateway(f"http://127.0.0.1:{server.server_port}", None)
    try:
        if error is None:
            gateway.check()
        else:
            with pytest.raises(error):
                gateway.check()
    finally:
        server.shutdown()
        server.server_close()


def test_a_database_that_can_not_be_opened_is_a_storage_error(tmp_path: Path) -> None:
    """A path that can't hold a database is the user's to mend, not an outage."""
    with pytest.raises(StorageError):
        MlflowRunGateway(f"sqlite:///{tmp_path}", None).check()


def test_artifacts_go_below_the_root_that_was_given(tmp_path: Path, empty_database: Path) -> None:
    """Without it MLflow would put them into the working directory."""
    shutil.copy(empty_database, tmp_path / "mlflow.db")
    gateway = MlflowRunGateway(f"sqlite:///{tmp_path}/mlflow.db", tmp_path / "artifacts")
    record = gateway.get(_create(gateway))
    assert record.artifact_uri.startswith((tmp_path / "artifacts").as_uri())
    gateway.close()


def test_processes_that_open_a_new_database_at_once_all_succeed(tmp_path: Path) -> None:
    """MLflow itself fails in this race; and none of its chatter reaches the terminal."""
    program = (
        "import sys; from rayspace.gateways.mlflow.runs import MlflowRunGateway\n"
        "gateway = MlflowRunGateway(sys.argv[1], None)\n"
        "print(gateway.create(experiment='e', name='n', tags={}, params={}).run_id)\n"
    )
    command = [sys.executable, "-c", program, f"sqlite:///{tmp_path}/mlflow.db"]
    processes = [
        subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )
        for _ in range(2)
    ]
    answers = [process.communicate(timeout=90) for process in processes]
    assert [process.returncode for process in processes] == [0, 0], answers
    assert [errors for _, errors in answers] == ["", ""]
    assert len({output for output, _ in answers}) == 2


def test_nothing_of_ours_stays_in_the_environment(tmp_path: Path, empty_database: Path) -> None:
    """The process may be a notebook that uses MLflow itself."""
    shutil.copy(empty_database, tmp_path / "mlflow.db")
    before = dict(os.environ)
    gateway = MlflowRunGateway(f"sqlite:///{tmp_path}/mlflow.db", tmp_path)
    _create(gateway)
    gateway.close()
    assert dict(os.environ) == before


def test_every_error_code_of_mlflow_has_a_meaning() -> None:
    """A code that MLflow adds must be decided on."""
    from mlflow.exceptions import ERROR_CODE_TO_HTTP_STATUS

    assert set(CODES) == set(ERROR_CODE_TO_HTTP_STATUS)


def test_every_error_code_becomes_its_error() -> None:
    """The class of an error follows MLflow's code, and the cause is kept."""
    from mlflow.exceptions import MlflowException
    from mlflow.protos.databricks_pb2 import ErrorCode

    from rayspace.gateways.mlflow.errors import translated

    for name, expected in CODES.items():
        failure = MlflowException("at http://user:pass@host/", error_code=ErrorCode.Value(name))
        with pytest.raises(RayspaceError) as caught, translated("try", "http://host", "run 1"):
            raise failure
        assert issubclass(type(caught.value), expected)
        assert isinstance(caught.value, (GatewayError, SpecError, AccessError, JobNotFoundError))
        assert caught.value.__cause__ is failure
        assert "pass" not in str(caught.value.to_wire())


def test_credentials_are_taken_out_of_uris() -> None:
    """Of every URI in a text, whatever its scheme."""
    text = "http://u:p@h:1/x and postgresql+psycopg2://u:p@h/db, mail a@b.c"
    expected = "http://h:1/x and postgresql+psycopg2://h/db, mail a@b.c"
    assert without_credentials(text) == expected


def _wait_for_the_next_millisecond() -> None:
    now_ms = time.time_ns() // 1_000_000
    while time.time_ns() // 1_000_000 == now_ms:
        pass
