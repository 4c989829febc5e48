"""Turn what MLflow raises into our errors.

MLflow puts almost everything into one exception class with an error code, and wraps failures of
the network, the database and the disk in it: so the chain of causes is read as well. No message
that leaves here may hold credentials of a tracking URI.
Source of the codes: mlflow/exceptions.py and mlflow/protos/databricks.proto of MLflow 3.17.
"""

from __future__ import annotations

import contextlib
import errno
import functools
import re
import urllib.parse
from typing import TYPE_CHECKING, ParamSpec, TypeVar

from rayspace.errors import (
    AccessError,
    GatewayError,
    GatewayTimeoutError,
    GatewayUnavailableError,
    JobNotFoundError,
    MissingExtraError,
    RayspaceError,
    SpecError,
    StorageError,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

P = ParamSpec("P")
T = TypeVar("T")

#: What tells of half an answer, in requests and in urllib3.
_CUT_OFF = {"ChunkedEncodingError", "IncompleteRead"}
#: MLflow's error codes by what they mean to us. Codes that are not named here are `GatewayError`.
CODES: dict[str, type[RayspaceError]] = {
    "RESOURCE_DOES_NOT_EXIST": JobNotFoundError,
    "NOT_FOUND": JobNotFoundError,
    "CUSTOMER_UNAUTHORIZED": AccessError,
    "UNAUTHENTICATED": AccessError,
    "PERMISSION_DENIED": AccessError,
    "INVALID_PARAMETER_VALUE": SpecError,
    "BAD_REQUEST": SpecError,
    "RESOURCE_ALREADY_EXISTS": SpecError,
    "ALREADY_EXISTS": SpecError,
    "RESOURCE_CONFLICT": SpecError,
    "TEMPORARILY_UNAVAILABLE": GatewayUnavailableError,
    "REQUEST_LIMIT_EXCEEDED": GatewayUnavailableError,
    "RESOURCE_EXHAUSTED": GatewayUnavailableError,
    "ABORTED": GatewayUnavailableError,
    "CANCELLED": GatewayUnavailableError,
    "DEADLINE_EXCEEDED": GatewayTimeoutError,
    "INTERNAL_ERROR": GatewayError,
    "INVALID_STATE": GatewayError,
    "DATA_LOSS": GatewayError,
    "NOT_IMPLEMENTED": GatewayError,
    "ENDPOINT_NOT_FOUND": GatewayError,
}
_STORAGE_ERRNOS = {
    errno.ENOSPC,
    errno.EACCES,
    errno.EPERM,
    errno.EROFS,
    errno.EDQUOT,
    errno.ENOTDIR,
}
#: SQLite's own sentences for a full or closed disk. Source: sqlite3.c, sqlite3ErrStr.
_STORAGE_SENTENCES = (
    "database or disk is full",
    "attempt to write a readonly database",
    "unable to open database file",
)
_NETWORK_PACKAGES = {"requests", "urllib3"}
#: SQLAlchemy takes a password with a slash as it is.
_USER_INFO = re.compile(r"(?P<scheme>[a-z][a-z0-9+.-]*://)[^/@:\s]*(?::[^@\s]*)?@", re.IGNORECASE)
_LONGEST_DETAIL = 400


def without_credentials(text: str) -> str:
    """Remove user names and passwords from every URI in a text."""
    return _USER_INFO.sub(r"\g<scheme>", text)


def is_http(uri: str) -> bool:
    """Tell whether a tracking URI names a server that speaks HTTP."""
    return urllib.parse.urlsplit(uri).scheme in {"http", "https"}


@contextlib.contextmanager
def translated(operation: str, tracking_uri: str, subject: str = "") -> Iterator[None]:
    """Turn every failure inside into one of our errors.

    Parameters
    ----------
    operation
        What is asked of MLflow, as in "MLflow failed to ...".
    tracking_uri
        Where it is asked, without credentials.
    subject
        What may be missing, such as "run 0af3".

    Raises
    ------
    RayspaceError
        One of the classes in `CODES`, `StorageError`, or `MissingExtraError`.
    """
    try:
        yield
    except RayspaceError:
        raise
    except ImportError as exc:
        raise MissingExtraError(exc.name or "mlflow") from exc
    except Exception as exc:
        raise _error(exc, operation, tracking_uri, subject) from exc


def _error(exc: Exception, operation: str, tracking_uri: str, subject: str) -> RayspaceError:
    chain = list(_chain(exc))
    text = without_credentials(" ".join(str(exc).split()))
    details = {"tracking_uri": tracking_uri, "cause": text[:_LONGEST_DETAIL]}
    if _is_storage(chain, text):
        return StorageError(
            f"MLflow's data in {tracking_uri} could not be read or written: {text[:200]}",
            hint="Check free space and permissions of that directory.",
            details=details,
        )
    kind = CODES.get(str(getattr(exc, "error_code", "")), GatewayError)
    if _is_network(chain):
        timed_out = any("timeout" in type(item).__name__.lower() for item in chain)
        kind = GatewayTimeoutError if timed_out else GatewayUnavailableError
    if kind is JobNotFoundError:
        return JobNotFoundError(
            f"MLflow at {tracking_uri} knows no {subject or 'such run'}.",
            hint="List the jobs with: rayspace job list",
            details=details,
        )
    if kind is AccessError:
        return AccessError(
            f"MLflow at {tracking_uri} refused to {operation}: {text[:200]}",
            hint="Set MLFLOW_TRACKING_TOKEN, or MLFLOW_TRACKING_USERNAME and "
            "MLFLOW_TRACKING_PASSWORD.",
            details=details,
        )
    if kind is SpecError:
        return SpecError(f"MLflow refused to {operation}: {text[:200]}", details=details)
    if issubclass(kind, GatewayUnavailableError):
        return unavailable(tracking_uri, operation, details)
    message = f"MLflow at {tracking_uri} failed to {operation}: {text[:200]}"
    gateway_kind = kind if issubclass(kind, GatewayError) else GatewayError
    return gateway_kind(message, system="MLflow", operation=operation, details=details)


def unavailable(
    tracking_uri: str, operation: str, details: dict[str, str] | None = None
) -> GatewayUnavailableError:
    """Return the error for a server that does not answer."""
    return GatewayUnavailableError(
        f"MLflow at {tracking_uri} does not answer.",
        system="MLflow",
        operation=operation,
        hint="Check that the tracking server runs and that its address is right.",
        details=details,
    )


def read_again(read: Callable[P, T]) -> Callable[P, T]:
    """Read once more what broke off in the middle of its answer.

    MLflow's client tries again what got no answer, and not what got half of one: a proxy between
    may end a connection at any byte.

    Parameters
    ----------
    read
        Reads, and changes nothing.
    """

    @functools.wraps(read)
    def reading(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return read(*args, **kwargs)
        except GatewayUnavailableError as exc:
            if not any(type(item).__name__ in _CUT_OFF for item in _chain(exc)):
                raise
        return read(*args, **kwargs)

    return reading


def _chain(exc: BaseException | None) -> Iterator[BaseException]:
    seen: set[int] = set()
    while exc is not None and id(exc) not in seen:
        seen.add(id(exc))
        yield exc
        exc = exc.__cause__ or exc.__context__


def _is_storage(chain: list[BaseException], text: str) -> bool:
    return any(sentence in text for sentence in _STORAGE_SENTENCES) or any(
        isinstance(item, OSError) and item.errno in _STORAGE_ERRNOS for item in chain
    )


def _is_network(chain: list[BaseException]) -> bool:
    return any(
        isinstance(item, (ConnectionError, TimeoutError))
        or (
            type(item).__module__.split(".")[0] in _NETWORK_PACKAGES
            and not type(item).__name__.startswith(("InvalidURL", "MissingSchema", "HTTPError"))
        )
        for item in chain
    )
