"""The in-memory twin of a tracking server.

It keeps the promises of `RunGateway` and is held to them by the tests of the real one. A test
takes the server away with `is_away`, and reads `calls` to see what was asked of it.
"""

from __future__ import annotations

import dataclasses
import itertools
import threading
import time
from typing import TYPE_CHECKING

from rayspace.errors import JobNotFoundError, SpecError
from rayspace.gateways.mlflow.errors import unavailable
from rayspace.model.run import RunRecord, RunStatus, Tag

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path


def _wall_clock_ms() -> int:
    return time.time_ns() // 1_000_000


class MemoryRunGateway:
    """Runs that live as long as this object.

    Parameters
    ----------
    tracking_uri
        What it calls itself.
    now_ms
        Tells the time. [ms since 1970-01-01 UTC]
    """

    def __init__(
        self,
        tracking_uri: str = "memory://runs",
        now_ms: Callable[[], int] = _wall_clock_ms,
    ) -> None:
        self._uri = tracking_uri
        self._now_ms = now_ms
        self._lock = threading.RLock()
        self._ids = itertools.count(1)
        self._experiments: dict[str, str] = {}
        self._runs: dict[str, RunRecord] = {}
        self._files: dict[tuple[str, str], bytes] = {}
        #: Every metric ever written, in order: run id, key, value, time in ms, step.
        self.metric_history: list[tuple[str, str, float, int, int]] = []
        #: Name and time of every call that was answered. [ms since 1970-01-01 UTC]
        self.calls: list[tuple[str, int]] = []
        #: Whether the server does not answer.
        self.is_away = False

    @property
    def tracking_uri(self) -> str:
        """The tracking URI."""
        return self._uri

    def check(self) -> None:
        """Raise `GatewayUnavailableError` if the server is away."""
        self._enter("check")

    def create(
        self, *, experiment: str, name: str, tags: Mapping[str, str], params: Mapping[str, str]
    ) -> RunRecord:
        """Create a run with status SCHEDULED, and its experiment if it is missing."""
        with self._lock:
            self._enter("create")
            experiment_id = self._experiments.setdefault(
                experiment, str(len(self._experiments) + 1)
            )
            run_id = f"{next(self._ids):032x}"
            self._runs[run_id] = RunRecord(
                run_id=run_id,
                name=name,
                experiment_id=experiment_id,
                experiment=experiment,
                status=RunStatus.SCHEDULED,
                started_ms=self._now_ms(),
                ended_ms=0,
                artifact_uri=f"{self._uri}/{run_id}/artifacts",
                params={key: str(value) for key, value in params.items()},
                tags={**tags, "mlflow.runName": name},
            )
            return self._copy(run_id)

    def get(self, run_id: str) -> RunRecord:
        """Read a run; `JobNotFoundError` if there is none."""
        with self._lock:
            self._enter("get")
            return self._copy(run_id)

    def jobs(
        self, *, name: str | None = None, parent_run_id: str | None = None, limit: int = 200
    ) -> list[RunRecord]:
        """List runs that are jobs, the newest first, at most ``limit``. [1]"""
        with self._lock:
            self._enter("jobs")
            found = [
                self._copy(record.run_id)
                for record in self._runs.values()
                if record.tags.get(Tag.JOB)
                and name in {None, record.tags[Tag.JOB]}
                and parent_run_id in {None, record.tags.get(Tag.PARENT_RUN_ID)}
            ]
        return self._newest_first(found)[:limit]

    def children(self, record: RunRecord) -> list[RunRecord]:
        """List the child runs of a run, in its experiment, the newest first."""
        with self._lock:
            self._enter("children")
            found = [
                self._copy(other.run_id)
                for other in self._runs.values()
                if other.tags.get(Tag.PARENT_RUN_ID) == record.run_id
                and other.experiment_id == record.experiment_id
            ]
        return self._newest_first(found)

    def latest(self, *, experiment: str | None = None, limit: int = 5) -> list[RunRecord]:
        """List the newest runs of each experiment, at most ``limit`` of each. [1]"""
        found: list[RunRecord] = []
        with self._lock:
            self._enter("latest")
            for name in self._experiments:
                if experiment in {None, name}:
                    runs = [r for r in self._runs.values() if r.experiment == name]
                    found += self._newest_first([self._copy(r.run_id) for r in runs])[:limit]
        return found

    def history(self, run_id: str, key: str) -> list[tuple[int, float]]:
        """Return a metric of a run as pairs of step and value, in their order. [1]"""
        with self._lock:
            self._enter("history")
            points = [p for p in self.metric_history if p[:2] == (run_id, key)]
        return [(step, value) for *_, value, _, step in sorted(points, key=lambda p: (p[4], p[3]))]

    def update(
        self,
        run_id: str,
        *,
        tags: Mapping[str, str] | None = None,
        metrics: Sequence[tuple[str, float, int, int]] = (),
        params: Mapping[str, str] | None = None,
    ) -> None:
        """Write tags, metrics (key, value, time in ms, step) and parameters in one call."""
        with self._lock:
            self._enter("update")
            record = self._copy(run_id)
            for key, value in (params or {}).items():
                if record.params.get(key, str(value)) != str(value):
                    raise SpecError(
                        f"MLflow refused to update a run: parameter {key!r} has another value.",
                        details={"tracking_uri": self._uri, "parameter": key},
                    )
            record.params.update({key: str(value) for key, value in (params or {}).items()})
            record.tags.update({key: str(value) for key, value in (tags or {}).items()})
            record.metrics.update({key: value for key, value, _, _ in metrics})
            self.metric_history.extend((run_id, *metric) for metric in metrics)
            self._runs[run_id] = record

    def set_status(self, run_id: str, status: RunStatus) -> None:
        """Set the status; a terminal one also sets the end time."""
        with self._lock:
            self._enter("set_status")
            record = self._copy(run_id)
            ended_ms = self._now_ms() if status.is_terminal else record.ended_ms
            self._runs[run_id] = dataclasses.replace(record, status=status, ended_ms=ended_ms)

    def upload(self, run_id: str, path: Path, artifact_dir: str) -> None:
        """Store a file in a directory of the run's artifacts, replacing one of that name."""
        with self._lock:
            self._enter("upload")
            self._copy(run_id)
            self._files[run_id, f"{artifact_dir}/{path.name}".lstrip("/")] = path.read_bytes()

    def download(self, run_id: str, artifact_path: str, directory: Path) -> Path:
        """Fetch one artifact into a directory; `JobNotFoundError` if there is none."""
        with self._lock:
            self._enter("download")
            content = self._files.get((run_id, artifact_path))
        if content is None:
            raise JobNotFoundError(
                f"MLflow at {self._uri} knows no artifact {artifact_path!r} of run {run_id}.",
                details={"run_id": run_id, "artifact": artifact_path},
            )
        target = directory / artifact_path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
        return target

    def artifacts(self, run_id: str, artifact_dir: str = "") -> list[str]:
        """List artifact paths below a directory, files only."""
        with self._lock:
            self._enter("artifacts")
            self._copy(run_id)
            prefix = f"{artifact_dir}/" if artifact_dir else ""
            return sorted(
                path for owner, path in self._files if owner == run_id and path.startswith(prefix)
            )

    def close(self) -> None:
        """Do nothing: there is no connection."""

    def _enter(self, call: str) -> None:
        if self.is_away:
            raise unavailable(self._uri, call)
        self.calls.append((call, self._now_ms()))

    def _copy(self, run_id: str) -> RunRecord:
        record = self._runs.get(run_id)
        if record is None:
            raise JobNotFoundError(
                f"MLflow at {self._uri} knows no run {run_id}.", details={"run_id": run_id}
            )
        return dataclasses.replace(
            record,
            params=dict(record.params),
            metrics=dict(record.metrics),
            tags=dict(record.tags),
        )

    @staticmethod
    def _newest_first(records: list[RunRecord]) -> list[RunRecord]:
        return sorted(records, key=lambda r: (r.started_ms, r.run_id), reverse=True)
