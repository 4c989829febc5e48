"""Start and end the processes of a cluster; called with its lock held, and from a thread."""

from __future__ import annotations

import os
import secrets
import shutil
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from rayspace.errors import ClusterStartError, RayspaceError, UsageError
from rayspace.gateways.local_ray import command, processes
from rayspace.gateways.local_ray.ports import free_ports, require_free
from rayspace.gateways.local_ray.records import LocalRecord, ProcessRecord, RecordStore
from rayspace.gateways.local_ray.temporary import make_temp_dir, temp_dir_of
from rayspace.model.cluster import ClusterSpec, Origin
from rayspace.model.progress import Report, Stage
from rayspace.units import format_bytes, format_count

if TYPE_CHECKING:
    from rayspace.gateways.local_ray.installation import RayInstallation

#: Environment variable in which Ray's processes find their token.
_TOKEN_VARIABLE = "RAY_AUTH_TOKEN_PATH"  # noqa: S105  the name of a variable


class Acts:
    """What changes processes and state files.

    Parameters
    ----------
    store
        The state files.
    """

    def __init__(self, store: RecordStore) -> None:
        self._store = store

    def start(
        self, spec: ClusterSpec, installation: RayInstallation, now_ms: int, report: Report
    ) -> LocalRecord:
        """Start a head and its workers, or nothing at all.

        Parameters
        ----------
        spec
            What is asked for.
        installation
            The Ray to start.
        now_ms
            The time. [ms since 1970-01-01 UTC]
        report
            Called with each stage.

        Returns
        -------
        LocalRecord
            The cluster, on record.

        Raises
        ------
        UsageError
            If a node is asked for more memory than the machine has.
        PortTakenError
            If the port of the dashboard is in use.
        StorageError
            If its files can't be written.
        ClusterStartError
            If the program can't be started.
        """
        _require_memory(spec)
        record = self._recorded(spec, installation, now_ms)
        try:
            make_temp_dir(Path(record.temp_dir))
            _write_token(record.token_path)
            words = command.head_command(
                record.python, spec.head, record.ports, record.temp_dir, _machine_memory_bytes()
            )
            log_path = self._store.cluster_dir(spec.name) / "head.log"
            record = replace(record, head=processes.spawn(words, self._env(record), log_path))
            self._store.save(record)
            report(Stage("head", f"Ray's head started (process {head_pid(record)})", "done"))
            # They wait for their head by themselves, for a minute.
            return self.set_workers(record, spec.n_workers, report)
        except OSError as exc:
            self.end(record)
            raise ClusterStartError(
                f"Ray's head could not be started: {exc.strerror or exc}.",
                system="Ray",
                operation="start",
                hint="Look for the cause with: rayspace doctor",
            ) from exc
        except BaseException:
            self.end(record)
            raise

    def set_workers(self, record: LocalRecord, n_workers: int, report: Report) -> LocalRecord:
        """Start or end worker processes until there are ``n_workers``.

        Parameters
        ----------
        record
            The cluster.
        n_workers
            Workers beside the head. [1]
        report
            Called with each stage.

        Returns
        -------
        LocalRecord
            The cluster, on record.
        """
        alive = [worker for worker in record.workers if processes.find(worker) is not None]
        surplus = alive[n_workers:]
        if surplus:
            processes.end(surplus, "")
            report(Stage("workers", f"Ended {format_count(len(surplus), 'worker')}", "done"))
        alive = alive[:n_workers]
        spec = replace(record.spec, n_workers=n_workers)
        if (record.spec, record.workers) != (spec, tuple(alive)):
            # What is wanted comes first: a crash below leaves a cluster that `scale` completes.
            record = replace(record, spec=spec, workers=tuple(alive))
            self._store.save(record)
        for index in range(len(alive), n_workers):
            record = self._add_worker(record)
            report(Stage("workers", f"Worker {index + 1} of {n_workers} started", "doing"))
        return record

    def end(self, record: LocalRecord) -> None:
        """End the processes of a cluster and remove its files; only forget an adopted one."""
        if record.origin is Origin.STARTED:
            roots = [*record.workers, *([record.head] if record.head else [])]
            self._end_processes(record.uid, roots)
        self._store.remove(record.name)

    def end_unreadable(self, name: str) -> None:
        """End what is left of a cluster whose state file says nothing."""
        token_path = str(self._store.cluster_dir(name) / "token")
        for uid in processes.marks_with(_TOKEN_VARIABLE, token_path):
            self._end_processes(uid, [])
        self._store.remove(name)

    @staticmethod
    def _end_processes(uid: str, roots: list[ProcessRecord]) -> None:
        processes.end(roots, uid)
        shutil.rmtree(temp_dir_of(uid), ignore_errors=True)

    def _recorded(
        self, spec: ClusterSpec, installation: RayInstallation, now_ms: int
    ) -> LocalRecord:
        uid = secrets.token_hex(8)
        with self._store.lock_all():
            ports = self._choose_ports(command.HEAD_PORTS)
            if spec.dashboard_port is not None:
                ports["dashboard"] = require_free(spec.dashboard_port)
            record = LocalRecord(
                spec=spec,
                origin=Origin.STARTED,
                uid=uid,
                started_ms=now_ms,
                dashboard_url=f"http://127.0.0.1:{ports['dashboard']}",
                gcs_address=f"{command.NODE_IP}:{ports['gcs']}",
                client_url=f"ray://127.0.0.1:{ports['client']}",
                token_path=str(self._store.cluster_dir(spec.name) / "token"),
                temp_dir=str(temp_dir_of(uid)),
                python=installation.python,
                ray_version=installation.ray_version,
                python_version=installation.python_version,
                ports=ports,
            )
            self._store.save(record)
        return record

    def _add_worker(self, record: LocalRecord) -> LocalRecord:
        directory = self._store.cluster_dir(record.name)
        number = 1 + len(list(directory.glob("worker-*.log")))
        with self._store.lock_all():
            ports = self._choose_ports(command.WORKER_PORTS)
            words = command.worker_command(
                record.python,
                record.spec.worker,
                ports,
                record.temp_dir,
                _machine_memory_bytes() // (record.spec.n_workers + 1),
                record.gcs_address,
            )
            worker = processes.spawn(words, self._env(record), directory / f"worker-{number}.log")
            taken = {f"worker-{number}-{purpose}": port for purpose, port in ports.items()}
            record = replace(
                record, workers=(*record.workers, worker), ports={**record.ports, **taken}
            )
            self._store.save(record)
        return record

    def _env(self, record: LocalRecord) -> dict[str, str]:
        return command.process_env(
            os.environ, record.spec.env, uid=record.uid, token_path=record.token_path
        )

    def _choose_ports(self, purposes: tuple[str, ...]) -> dict[str, int]:
        taken: set[int] = set()
        for name in self._store.names():
            try:
                taken.update(self._store.load(name).ports.values())
            except RayspaceError:
                # It ended while we looked, or says nothing; its ports show in use if they are.
                continue
        return dict(zip(purposes, free_ports(len(purposes), taken), strict=True))


def head_pid(record: LocalRecord) -> int:
    """Return the process id of a head that we started, else 0. [1]"""
    return record.head.pid if record.head and record.origin is Origin.STARTED else 0


def _machine_memory_bytes() -> int:
    return int(psutil.virtual_memory().total)


def _require_memory(spec: ClusterSpec) -> None:
    machine_bytes = _machine_memory_bytes()
    for label, part in (("head", spec.head), ("worker", spec.worker if spec.n_workers else None)):
        asked_bytes = (
            max(part.memory_bytes or 0, part.object_store_memory_bytes or 0) if part else 0
        )
        if asked_bytes > machine_bytes:
            raise UsageError(
                f"A {label} of {format_bytes(asked_bytes)} does not fit this machine, which has"
                f" {format_bytes(machine_bytes)}.",
                hint="Ask for less with --memory, or change the profile.",
                details={"asked_bytes": asked_bytes, "machine_bytes": machine_bytes},
            )


def _write_token(path: str) -> None:
    Path(path).unlink(missing_ok=True)
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="ascii") as stream:
        stream.write(secrets.token_hex(32))
