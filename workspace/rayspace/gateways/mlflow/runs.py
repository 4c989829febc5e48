"""Runs as MLflow keeps them: the real side of `RunGateway`.

It must never end or rename a run that it was not told to, print, or let credentials of a tracking
URI out. MLflow is imported inside the methods, since that costs more than a second.
Sources: mlflow/tracking/client.py and mlflow/environment_variables.py of MLflow 3.17.
"""

from __future__ import annotations

import contextlib
import functools
import importlib.util
import posixpath
import shutil
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from rayspace.errors import JobNotFoundError, MissingExtraError, StorageError
from rayspace.gateways.mlflow.client import (
    check_creatable,
    check_health,
    few_at_a_time,
    is_missing_database,
    one_creator,
    quiet_client,
)
from rayspace.gateways.mlflow.errors import is_http, read_again, translated, without_credentials
from rayspace.model.run import RunRecord, RunStatus, Tag
from rayspace.names import safe_name
from rayspace.units import format_bytes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from mlflow import MlflowClient
    from mlflow.entities import Metric, Run

_PAGE_SIZE = 1000


class Lender(Protocol):
    """Lends a server of another Python's MLflow; both of its methods block."""

    def require(self) -> None:
        """Raise `MissingExtraError` if there is no such Python; starts nothing."""
        ...

    def lend(self) -> str:
        """Return the address of the server, which runs then."""
        ...


class MlflowRunGateway:
    """Runs of one tracking server.

    Parameters
    ----------
    tracking_uri
        Where the runs are, or what finds it when it is first needed. Credentials in it are used
        and never shown.
    artifact_root
        Where artifacts of new experiments go when the tracking URI names a database; None leaves
        that to MLflow.
    lender
        Returns what lends a Python that has mlflow-skinny alone, which can only speak to servers,
        one that has the runs of such a database.
    """

    def __init__(
        self,
        tracking_uri: str | Callable[[], str],
        artifact_root: Path | None,
        lender: Callable[[], Lender] | None = None,
    ) -> None:
        self._uri_or_finder = tracking_uri
        self._artifact_root = artifact_root
        self._lender = lender
        self._lock = threading.Lock()
        self._client_or_none: MlflowClient | None = None
        self._experiment_names: dict[str, str] = {}

    def __repr__(self) -> str:
        # Not found for the sake of a line in a log.
        is_known = isinstance(self._uri_or_finder, str)
        return f"MlflowRunGateway({self._public_uri if is_known else '...'!r})"

    @property
    def tracking_uri(self) -> str:
        """The tracking URI, without credentials."""
        return self._public_uri

    @functools.cached_property
    def _uri(self) -> str:
        found = self._uri_or_finder
        return found if isinstance(found, str) else found()

    @property
    def _public_uri(self) -> str:
        return without_credentials(self._uri)

    def check(self) -> None:
        """Raise `GatewayUnavailableError` if the server does not answer, within 10 s.

        Makes no database, and loads MLflow, so that what comes next need not.
        """
        with translated("answer", self._public_uri), quiet_client():
            if is_http(self._uri):
                check_health(self._uri)
            elif self._has_nothing_yet():
                check_creatable(self._uri)
                self._require_reader()
            else:
                self._client().search_experiments(max_results=1)
            self._client_class()

    def create(
        self, *, experiment: str, name: str, tags: Mapping[str, str], params: Mapping[str, str]
    ) -> RunRecord:
        """Create a run with status SCHEDULED, and its experiment if it is missing."""
        with self._query("create a run") as client:
            from mlflow.entities import Param

            experiment_id = self._experiment_id(client, experiment)
            run = client.create_run(experiment_id, tags=dict(tags), run_name=name)
            run_id = run.info.run_id
            if params:
                client.log_batch(run_id, params=[Param(k, str(v)) for k, v in params.items()])
            client.update_run(run_id, status=RunStatus.SCHEDULED.value)
            return self._record(client, client.get_run(run_id))

    @read_again
    def get(self, run_id: str) -> RunRecord:
        """Read a run; `JobNotFoundError` if there is none."""
        with self._query("read a run", f"run {run_id}") as client:
            return self._record(client, client.get_run(run_id))

    @read_again
    def jobs(
        self, *, name: str | None = None, parent_run_id: str | None = None, limit: int = 200
    ) -> list[RunRecord]:
        """List runs that are jobs, the newest first.

        Parameters
        ----------
        name
            Only jobs of this name.
        parent_run_id
            Only jobs that this run's job submitted.
        limit
            Most runs to list. [1]

        Returns
        -------
        list of RunRecord
            The runs.
        """
        if self._has_nothing_yet():
            return []
        wanted = f"= {_quoted(name)}" if name is not None else "!= ''"
        filters = [f"tags.`{Tag.JOB}` {wanted}"]
        if parent_run_id is not None:
            filters.append(f"tags.`{Tag.PARENT_RUN_ID}` = {_quoted(parent_run_id)}")
        with self._query("list runs") as client:
            experiment_ids = list(self._list_experiments(client))
            return self._search(client, experiment_ids, " and ".join(filters), limit)

    @read_again
    def children(self, record: RunRecord) -> list[RunRecord]:
        """List the child runs of a run, in its experiment, the newest first."""
        query = f"tags.`{Tag.PARENT_RUN_ID}` = {_quoted(record.run_id)}"
        with self._query("list child runs") as client:
            return self._search(client, [record.experiment_id], query, None)

    def latest(self, *, experiment: str | None = None, limit: int = 5) -> list[RunRecord]:
        """List the newest runs of each experiment, at most ``limit`` of each. [1]

        Parameters
        ----------
        experiment
            Only this one.
        limit
            Runs of each experiment at most. [1]
        """
        if self._has_nothing_yet():
            return []
        with self._query("list runs") as client:
            found: list[RunRecord] = []
            for experiment_id in list(self._list_experiments(client)):
                if experiment in {None, self._experiment_names[experiment_id]}:
                    found += self._search(client, [experiment_id], "", limit)
            return found

    def history(self, run_id: str, key: str) -> list[tuple[int, float]]:
        """Return a metric of a run as pairs of step and value, in their order. [1]"""
        with self._query("read a metric", f"run {run_id}") as client:
            points = client.get_metric_history(run_id, key)
        return [(int(p.step), float(p.value)) for p in sorted(points, key=_when)]

    def update(
        self,
        run_id: str,
        *,
        tags: Mapping[str, str] | None = None,
        metrics: Sequence[tuple[str, float, int, int]] = (),
        params: Mapping[str, str] | None = None,
    ) -> None:
        """Write tags, metrics (key, value, time in ms, step) and parameters in one call."""
        with self._query("update a run", f"run {run_id}") as client:
            from mlflow.entities import Metric, Param, RunTag

            client.log_batch(
                run_id,
                metrics=[Metric(*metric) for metric in metrics],
                params=[Param(key, str(value)) for key, value in (params or {}).items()],
                tags=[RunTag(key, str(value)) for key, value in (tags or {}).items()],
            )

    def set_status(self, run_id: str, status: RunStatus) -> None:
        """Set the status; a terminal one also sets the end time."""
        with self._query("set the status of a run", f"run {run_id}") as client:
            if status.is_terminal:
                client.set_terminated(run_id, status=status.value)
            else:
                client.update_run(run_id, status=status.value)

    def upload(self, run_id: str, path: Path, artifact_dir: str) -> None:
        """Store a file in a directory of the run's artifacts, replacing one of that name."""
        with self._call("store an artifact", f"run {run_id}") as client:
            client.log_artifact(run_id, str(path), artifact_dir or None)

    def download(self, run_id: str, artifact_path: str, directory: Path) -> Path:
        """Fetch one artifact to its path below a directory; `JobNotFoundError` without it."""
        subject = f"artifact {artifact_path!r} of run {run_id}"
        # Asked first: what a repository raises for a missing file differs from one to the next.
        if artifact_path not in self.artifacts(run_id, posixpath.dirname(artifact_path)):
            raise JobNotFoundError(
                f"MLflow at {self._public_uri} knows no {subject}.",
                hint="List what there is with: rayspace job status",
                details={"run_id": run_id, "artifact": artifact_path},
            )
        try:
            with self._call("fetch an artifact", subject) as client:
                directory.mkdir(parents=True, exist_ok=True)
                return Path(client.download_artifacts(run_id, artifact_path, str(directory)))
        except JobNotFoundError as exc:
            # MLflow says the same of a missing artifact and of a full disk here.
            free_bytes = shutil.disk_usage(directory).free
            raise StorageError(
                f"{artifact_path} could not be saved in {directory}, "
                f"where {format_bytes(free_bytes)} are free.",
                hint="Free some space or make it writable, then fetch again.",
                details={"path": str(directory), "free_bytes": free_bytes},
            ) from exc

    @read_again
    def artifacts(self, run_id: str, artifact_dir: str = "") -> list[str]:
        """List artifact paths below a directory, files only."""
        with self._call("list artifacts", f"run {run_id}") as client:
            files: list[str] = []
            pending = [artifact_dir]
            while pending:
                for entry in client.list_artifacts(run_id, pending.pop() or None):
                    (pending if entry.is_dir else files).append(entry.path)
            return sorted(files)

    def close(self) -> None:
        """Let go of connections."""
        with self._lock:
            client, self._client_or_none = self._client_or_none, None
        engine = getattr(getattr(client, "_tracking_client", None), "store", None)
        dispose = getattr(getattr(engine, "engine", None), "dispose", None)
        if callable(dispose):
            dispose()

    @contextlib.contextmanager
    def _call(self, operation: str, subject: str = "") -> Iterator[MlflowClient]:
        with translated(operation, self._public_uri, subject), quiet_client():
            yield self._client()

    @contextlib.contextmanager
    def _query(self, operation: str, subject: str = "") -> Iterator[MlflowClient]:
        """Call for what a database answers; files, which take longer, need none of its places."""
        with self._call(operation, subject) as client, few_at_a_time(self._uri):
            yield client

    def _client(self) -> MlflowClient:
        with self._lock:
            if self._client_or_none is None:
                client_class = self._client_class()
                self._require_reader()
                with one_creator(self._uri):
                    self._client_or_none = client_class(tracking_uri=self._asked_uri())
            return self._client_or_none

    def _client_class(self) -> type[MlflowClient]:
        from mlflow import MlflowClient

        return MlflowClient

    @property
    def _is_lent(self) -> bool:
        """Whether this Python has a part of MLflow, which reads no database."""
        return not is_http(self._uri) and importlib.util.find_spec("sqlalchemy") is None

    def _require_reader(self) -> None:
        """Raise where nobody can read the database, before one is made."""
        if self._is_lent and self._lender is None:
            raise MissingExtraError("mlflow")
        if self._is_lent and self._lender is not None:
            self._lender().require()

    def _asked_uri(self) -> str:
        return self._lender().lend() if self._is_lent and self._lender is not None else self._uri

    def _has_nothing_yet(self) -> bool:
        """Whether there is no database: then reading must neither make one nor need MLflow."""
        return self._client_or_none is None and is_missing_database(self._uri)

    def _experiment_id(self, client: MlflowClient, name: str) -> str:
        from mlflow.exceptions import MlflowException

        found = client.get_experiment_by_name(name)
        if found is not None:
            return str(found.experiment_id)
        location = None
        if self._artifact_root is not None and not is_http(self._uri):
            location = (self._artifact_root / safe_name(name)).absolute().as_uri()
        try:
            return str(client.create_experiment(name, artifact_location=location))
        except MlflowException:
            # Somebody else may have created it since.
            found = client.get_experiment_by_name(name)
            if found is None:
                raise
            return str(found.experiment_id)

    def _list_experiments(self, client: MlflowClient) -> Iterator[str]:
        token = None
        while True:
            page = client.search_experiments(max_results=_PAGE_SIZE, page_token=token)
            for experiment in page:
                self._experiment_names[experiment.experiment_id] = experiment.name
                yield experiment.experiment_id
            token = page.token
            if not token:
                return

    def _search(
        self, client: MlflowClient, experiment_ids: list[str], query: str, limit: int | None
    ) -> list[RunRecord]:
        records: list[RunRecord] = []
        token = None
        while experiment_ids and (limit is None or len(records) < limit):
            page = client.search_runs(
                experiment_ids,
                query,
                max_results=min(_PAGE_SIZE, (limit or _PAGE_SIZE) - len(records) or _PAGE_SIZE),
                order_by=["attributes.start_time DESC"],
                page_token=token,
            )
            records.extend(self._record(client, run) for run in page)
            token = page.token
            if not token:
                break
        return records

    def _record(self, client: MlflowClient, run: Run) -> RunRecord:
        info, data = run.info, run.data
        experiment_id = str(info.experiment_id)
        if experiment_id not in self._experiment_names:
            self._experiment_names[experiment_id] = client.get_experiment(experiment_id).name
        return RunRecord(
            run_id=info.run_id,
            name=info.run_name or "",
            experiment_id=experiment_id,
            experiment=self._experiment_names[experiment_id],
            status=RunStatus(info.status),
            started_ms=int(info.start_time or 0),
            ended_ms=int(info.end_time or 0),
            artifact_uri=without_credentials(info.artifact_uri or ""),
            params=dict(data.params),
            metrics=dict(data.metrics),
            tags=dict(data.tags),
        )


def _when(point: Metric) -> tuple[int, int]:
    return int(point.step), int(point.timestamp)


def _quoted(text: str) -> str:
    # MLflow's filter language has no escape; the other quote is the only way.
    return f'"{text}"' if "'" in text else f"'{text}'"
