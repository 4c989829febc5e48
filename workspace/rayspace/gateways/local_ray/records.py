"""The state files: one for each local cluster, the record from which any process goes on.

A record is written before Ray is started and after every change, atomically and readable by its
owner alone. Whoever changes a cluster holds its lock; readers need none.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import filelock

from rayspace.errors import ClusterBusyError, ClusterNotFoundError, StorageError
from rayspace.gateways.private_files import make_private_dir
from rayspace.model.cluster import ClusterSpec, Origin
from rayspace.model.spec_wire import spec_from_wire
from rayspace.model.wire import to_wire

if TYPE_CHECKING:
    from collections.abc import Iterator

#: Raised when a field changes its meaning; records of another number are not read.
SCHEMA_VERSION = 1


@dataclass(frozen=True)
class ProcessRecord:
    """A process, named so that no other is ever taken for it.

    Parameters
    ----------
    pid
        Process id. [1]
    birth
        What tells it from every other process that had or will have its pid.
    log_path
        File that holds what it prints; empty for a process that we did not start.
    """

    pid: int
    birth: str
    log_path: str = ""


@dataclass(frozen=True)
class LocalRecord:
    """A local cluster, as it stands in its state file.

    Parameters
    ----------
    spec
        What was asked for.
    origin
        Who started it.
    uid
        Random id, in the environment of every process of the cluster.
    head
        The head process, or the dashboard's of an adopted one; None before it is started.
    workers
        Worker processes.
    ports
        Port numbers by purpose. [1]
    dashboard_url
        Base URL of the dashboard.
    gcs_address, client_url
        Addresses for drivers and for Ray Client.
    token_path
        File with the token; empty when the head asks for none.
    temp_dir
        Ray's temporary directory; empty for an adopted one.
    python, ray_version, python_version
        The interpreter that runs it, and versions.
    started_ms
        When it was asked for. [ms since 1970-01-01 UTC]
    """

    spec: ClusterSpec
    origin: Origin
    uid: str
    started_ms: int
    dashboard_url: str
    gcs_address: str
    client_url: str
    token_path: str = ""
    temp_dir: str = ""
    python: str = ""
    ray_version: str = ""
    python_version: str = ""
    head: ProcessRecord | None = None
    workers: tuple[ProcessRecord, ...] = ()
    ports: dict[str, int] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Name of the cluster."""
        return self.spec.name


def _from_json(data: dict[str, Any]) -> LocalRecord:
    changed = {
        "spec": spec_from_wire(data["spec"]),
        "origin": Origin(data["origin"]),
        "head": ProcessRecord(**data["head"]) if data["head"] else None,
        "workers": tuple(ProcessRecord(**worker) for worker in data["workers"]),
    }
    return LocalRecord(**{**data, **changed})


class RecordStore:
    """The state files of one user.

    Parameters
    ----------
    directory
        Where they lie; made when the first is written.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def cluster_dir(self, name: str) -> Path:
        """Return the directory of one cluster: its record, its token and its logs."""
        return self.directory / name

    def names(self) -> list[str]:
        """List the names on record, sorted."""
        return sorted(path.parent.name for path in self.directory.glob("*/cluster.json"))

    def fingerprint(self) -> tuple[tuple[str, int], ...]:
        """Return a value that changes whenever a record does."""
        found = []
        for path in self.directory.glob("*/cluster.json"):
            # One may go while we look.
            with contextlib.suppress(OSError):
                found.append((path.parent.name, path.stat().st_mtime_ns))
        return tuple(sorted(found))

    def load(self, name: str) -> LocalRecord:
        """Read a record.

        Raises
        ------
        ClusterNotFoundError
            If there is none of that name.
        StorageError
            If the file can't be read or understood.
        """
        path = self.cluster_dir(name) / "cluster.json"
        try:
            data = json.loads(path.read_text("utf-8"))
            version = data.pop("schema_version")
            if version != SCHEMA_VERSION:
                raise StorageError(
                    f"The state file {path} was written by another version of rayspace.",
                    hint=f"End that cluster: rayspace cluster down {name}",
                    details={"path": str(path), "schema_version": version},
                )
            return _from_json(data)
        except FileNotFoundError as exc:
            raise ClusterNotFoundError(
                f"There is no cluster {name!r} on this machine.",
                hint="List yours with: rayspace cluster list",
                details={"name": name, "known": self.names()},
            ) from exc
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as exc:
            raise StorageError(
                f"The state file {path} can't be understood.",
                hint=f"End what is left of that cluster: rayspace cluster down {name}",
                details={"path": str(path)},
            ) from exc

    def save(self, record: LocalRecord) -> None:
        """Write a record.

        Raises
        ------
        StorageError
            If it can't be written; the old one is then still whole.
        """
        directory = self.cluster_dir(record.name)
        data = to_wire(record) | {"schema_version": SCHEMA_VERSION}
        with writing(directory):
            make_private_dir(self.directory)
            directory.mkdir(exist_ok=True, mode=0o700)
            # A temporary file beside it has mode 0600, and replacing is atomic.
            handle, temporary = tempfile.mkstemp(dir=directory, prefix=".cluster-")
            try:
                with os.fdopen(handle, "w", encoding="utf-8") as stream:
                    json.dump(data, stream, indent=1)
                Path(temporary).replace(directory / "cluster.json")
            except BaseException:
                Path(temporary).unlink(missing_ok=True)
                raise

    def remove(self, name: str) -> None:
        """Forget a cluster: its record, its token and its logs."""
        directory = self.cluster_dir(name)
        with writing(directory), contextlib.suppress(FileNotFoundError):
            shutil.rmtree(directory)

    @contextlib.contextmanager
    def lock(self, name: str) -> Iterator[None]:
        """Hold the right to change one cluster.

        Raises
        ------
        ClusterBusyError
            If another caller holds it.
        StorageError
            If the lock file can't be written.
        """
        with writing(self.directory):
            make_private_dir(self.directory)
            lock = filelock.FileLock(self.directory / f"{name}.lock", thread_local=False)
            try:
                lock.acquire(blocking=False)
            except filelock.Timeout as exc:
                raise ClusterBusyError(
                    f"Another process is starting or changing the cluster {name!r} right now.",
                    hint=f"See how far it is with: rayspace cluster status {name}",
                    details={"name": name},
                ) from exc
        try:
            yield
        finally:
            lock.release()

    @contextlib.contextmanager
    def lock_all(self) -> Iterator[None]:
        """Hold the right to choose ports, for the moment that it takes."""
        with writing(self.directory):
            make_private_dir(self.directory)
            lock = filelock.FileLock(self.directory / ".ports.lock", timeout=10)
            lock.acquire()
        try:
            yield
        finally:
            lock.release()


@contextlib.contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn what the file system refuses into an error of ours."""
    try:
        yield
    except OSError as exc:
        raise StorageError(
            f"{path} can't be written: {exc.strerror or exc}.",
            hint="Free some space or make it writable; RAYSPACE_STATE_DIR names another directory.",
            details={"path": str(path), "errno": exc.errno},
        ) from exc
