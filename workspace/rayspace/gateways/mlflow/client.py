"""How this process behaves towards MLflow while we use it: retries, prints, locks, health.

It must leave no trace in the process: what is set here is taken back, since the same process may
be a notebook in which the user calls MLflow as well.
Source of the variables: mlflow/environment_variables.py of MLflow 3.17.
"""

from __future__ import annotations

import base64
import contextlib
import errno
import hashlib
import logging
import os
import sqlite3
import tempfile
import threading
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING

from rayspace.errors import AccessError
from rayspace.gateways.mlflow.errors import is_http, unavailable, without_credentials
from rayspace.model.tracking import BY_THE_SERVER

if TYPE_CHECKING:
    from collections.abc import Iterator

#: A health check crosses one network. [s]
_CHECK_TIMEOUT_S = 5.0
#: Calls of this process at a time for a database: many of them hold one of MLflow's 15 connections
#: while they ask for another, and would wait for each other. [1]
_N_CALLS = 5
#: What MLflow's client should do while we use it, unless the user said otherwise. Its own retries
#: would keep a caller waiting for four minutes when a server is away.
_CLIENT_ENV = {
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "30",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    **BY_THE_SERVER,
    # Read when mlflow is first imported: a notebook that imports it itself decides for itself.
    "MLFLOW_DISABLE_TELEMETRY": "true",
}
#: Loggers that tell each step of a database's creation.
_NOISY_LOGGERS = ("mlflow.store.db.utils", "alembic")
#: What the calls of this process for a database share, by its URI.
_places: dict[str, threading.Semaphore] = {}
_places_lock = threading.Lock()
_quiet_lock = threading.Lock()
_quiet_depth = 0
_quiet_added: list[str] = []


def check_health(tracking_uri: str) -> None:
    """Ask a tracking server whether it is there, once.

    Parameters
    ----------
    tracking_uri
        An HTTP address, credentials included.

    Raises
    ------
    GatewayUnavailableError
        If it does not answer within 5 s, or answers that it is broken.
    AccessError
        If it answers that we may not ask.
    """
    public_uri = without_credentials(tracking_uri)
    request = urllib.request.Request(  # noqa: S310  the caller knows that it is HTTP
        public_uri.rstrip("/") + "/health", headers=_authorization(tracking_uri)
    )
    try:
        with urllib.request.urlopen(request, timeout=_CHECK_TIMEOUT_S):  # noqa: S310
            return
    except urllib.error.HTTPError as exc:
        if exc.code in {401, 403}:
            raise AccessError(
                f"MLflow at {public_uri} refused access with HTTP status {exc.code}.",
                hint="Set MLFLOW_TRACKING_TOKEN; a server that is reached by another name needs "
                "--allowed-hosts.",
                details={"tracking_uri": public_uri, "status": exc.code},
            ) from exc
        if exc.code < 500:
            # A server of another kind may have no health page: it does answer.
            return
        raise unavailable(public_uri, "answer") from exc
    except (OSError, ValueError) as exc:
        raise unavailable(public_uri, "answer") from exc


def _authorization(tracking_uri: str) -> dict[str, str]:
    parts = urllib.parse.urlsplit(tracking_uri)
    user = parts.username or os.environ.get("MLFLOW_TRACKING_USERNAME")
    password = parts.password or os.environ.get("MLFLOW_TRACKING_PASSWORD") or ""
    token = os.environ.get("MLFLOW_TRACKING_TOKEN")
    if user:
        pair = f"{urllib.parse.unquote(user)}:{urllib.parse.unquote(password)}"
        return {"Authorization": "Basic " + base64.b64encode(pair.encode()).decode()}
    return {"Authorization": f"Bearer {token}"} if token else {}


@contextlib.contextmanager
def quiet_client() -> Iterator[None]:
    """Hold MLflow's client to few retries and no prints; nests, and is shared by threads."""
    global _quiet_depth
    with _quiet_lock:
        if _quiet_depth == 0:
            _quiet_added[:] = [key for key in _CLIENT_ENV if key not in os.environ]
            os.environ.update({key: _CLIENT_ENV[key] for key in _quiet_added})
        _quiet_depth += 1
    try:
        yield
    finally:
        with _quiet_lock:
            _quiet_depth -= 1
            if _quiet_depth == 0:
                for key in _quiet_added:
                    os.environ.pop(key, None)


def few_at_a_time(tracking_uri: str) -> contextlib.AbstractContextManager[object]:
    """Return what lets a few calls of this process at a time work on a database; don't nest it.

    Parameters
    ----------
    tracking_uri
        Of a database, whose connections a process shares; of a server, which lets in whom it can.
    """
    if is_http(tracking_uri):
        return contextlib.nullcontext()
    with _places_lock:
        return _places.setdefault(tracking_uri, threading.Semaphore(_N_CALLS))


@contextlib.contextmanager
def one_creator(tracking_uri: str) -> Iterator[None]:
    """Let one process at a time open a SQLite database, since opening a new one fills it.

    Two that create the same tables at once both fail.

    Raises
    ------
    OSError
        If there can't be a database at that path.
    """
    database = _database_path(tracking_uri)
    if database is None:
        yield
        return
    levels = {name: logging.getLogger(name).level for name in _NOISY_LOGGERS}
    for name in levels:
        logging.getLogger(name).setLevel(logging.WARNING)
    digest = hashlib.sha256(str(database).encode()).hexdigest()[:16]
    owner = os.getuid() if hasattr(os, "getuid") else 0
    # Not beside the database: that is the user's project directory.
    path = Path(tempfile.gettempdir()) / f"rayspace-mlflow-{owner}-{digest}.lock"
    try:
        with path.open("a") as lock_file:
            _lock(lock_file.fileno())
            _open_once(database)
            yield
    finally:
        for name, level in levels.items():
            logging.getLogger(name).setLevel(level)


def is_missing_database(tracking_uri: str) -> bool:
    """Tell whether a tracking URI names a SQLite database that nobody has made yet."""
    database = _database_path(tracking_uri)
    return database is not None and not database.exists()


def check_creatable(tracking_uri: str) -> None:
    """Look whether a SQLite database could be made, without making it.

    Parameters
    ----------
    tracking_uri
        Its URI.

    Raises
    ------
    OSError
        If there can't be a database at that path.
    """
    database = _database_path(tracking_uri)
    if database is None:
        return
    folder = next(parent for parent in database.parents if parent.exists())
    code = 0 if folder.is_dir() else errno.ENOTDIR
    if code == 0 and not os.access(folder, os.W_OK | os.X_OK):
        code = errno.EACCES
    if code:
        raise OSError(code, os.strerror(code), str(folder))


def _database_path(tracking_uri: str) -> Path | None:
    scheme, _, path = tracking_uri.partition(":///")
    path = path.partition("?")[0]
    if not scheme.startswith("sqlite") or path in {"", ":memory:"}:
        return None
    return Path(path).absolute()


def _open_once(database: Path) -> None:
    # MLflow tries for 100 s to open a database that can't be opened.
    database.parent.mkdir(parents=True, exist_ok=True)
    with contextlib.closing(sqlite3.connect(database)) as connection:
        connection.execute("PRAGMA schema_version")
    if not os.access(database, os.W_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(database))


def _lock(descriptor: int) -> None:
    try:
        import fcntl
    except ImportError:  # Windows, where no Ray cluster of ours runs
        return
    fcntl.flock(descriptor, fcntl.LOCK_EX)
