"""Which tracking server settings name for a target, and whether its pods could use it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from rayspace.errors import SettingsError
from rayspace.model.tracking import TrackingServer, TrackingWish

if TYPE_CHECKING:
    from collections.abc import Mapping

_KEYS = {"url": "uri", "pod_url": "pod_uri", "secret": "secret"}
#: Longer than a disk takes for what fifty jobs write. [s]
_LOCKED_S = 60
_LOOPBACK = {"localhost", "127.0.0.1", "::1", "0.0.0.0"}  # noqa: S104  names to tell from others
_SHAPE = 'Write it as {"url": "https://mlflow.example.org", "pod_url": "...", "secret": "NAME"}.'


def patient_uri(uri: str) -> str:
    """Let MLflow wait longer for a SQLite database that others write to, as many jobs do at once.

    Its own 20 s do not count for its first look, which Python's sqlite3 gives 5 s. Source:
    mlflow/store/db/utils.py of MLflow 3.17, and SQLAlchemy's dialect of pysqlite.

    Parameters
    ----------
    uri
        A tracking URI; one of another kind stays as it is.
    """
    if not uri.startswith("sqlite") or "timeout=" in uri:
        return uri
    return f"{uri}{'&' if '?' in uri else '?'}timeout={_LOCKED_S}"


def parse_tracking(target: str, entry: Any) -> TrackingWish:
    """Read what the settings of a target say of its tracking server.

    Parameters
    ----------
    target
        The target's name.
    entry
        The value of its key ``tracking``.

    Returns
    -------
    TrackingWish
        What is wished; empty for whatever is left out.

    Raises
    ------
    SettingsError
        If it holds an unknown key, or a value that can't be used.
    """
    where = f"The tracking server of the target {target!r} in the settings"
    if not isinstance(entry, dict) or not set(entry) <= set(_KEYS):
        raise SettingsError(f"{where} can't be used.", hint=_SHAPE, details={"target": target})
    if not all(isinstance(value, str) for value in entry.values()):
        raise SettingsError(f"{where} holds a value that is no text.", hint=_SHAPE)
    wish = TrackingWish(**{_KEYS[key]: value for key, value in entry.items()})
    check_tracking(where, wish)
    if wish.pod_uri and not wish.uri:
        raise SettingsError(
            f"{where} has an address for pods and none for this machine.",
            hint="Give both; where they are the same, the one for this machine is enough.",
        )
    return wish


def check_tracking(where: str, wish: TrackingWish) -> None:
    """Check addresses.

    Parameters
    ----------
    where
        Which setting it is, as the beginning of a sentence.
    wish
        What is wished.

    Raises
    ------
    SettingsError
        If there is one that no pod could use, or that holds a password which all would see.
    """
    for uri in filter(None, (wish.uri, wish.pod_uri)):
        if not _is_http(uri):
            raise SettingsError(
                f"{where} is at {_bare(uri)!r}, which pods can't reach.",
                hint="Give the http:// or https:// address of an MLflow server.",
            )
    if "@" in urlsplit(wish.pod_uri).netloc:
        raise SettingsError(
            f"{where} has a password in the address for pods, where everybody could read it.",
            hint="Put MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD in a Secret and name it"
            " as secret.",
        )


def configured_tracking(own: TrackingWish, common: TrackingWish) -> TrackingServer | None:
    """Return the server that settings name for a target on Kubernetes.

    Parameters
    ----------
    own
        What is said for the target.
    common
        What is said for all.

    Returns
    -------
    TrackingServer or None
        The server; None where the namespace is to be asked. A file or a server of this machine
        that has no other address for pods does not count: they would not reach it.
    """
    wish = own if own.uri else common
    is_usable = _is_http(wish.uri) and bool(wish.pod_uri or not _is_loopback(wish.uri))
    if not is_usable:
        return None
    userinfo = urlsplit(wish.uri).netloc.rpartition("@")[0]
    uri, secret = _bare(wish.uri), own.secret or wish.secret
    return TrackingServer(uri, wish.pod_uri or uri, secret, userinfo=userinfo)


def usual_variables(values: Mapping[str, str]) -> tuple[str, str]:
    """Return name and password that MLflow's variables hold; both empty unless both are set."""
    user = values.get("MLFLOW_TRACKING_USERNAME", "")
    password = values.get("MLFLOW_TRACKING_PASSWORD", "")
    return (user, password) if user and password else ("", "")


def _is_http(uri: str) -> bool:
    parts = urlsplit(uri)
    return parts.scheme in {"http", "https"} and bool(parts.hostname)


def _is_loopback(uri: str) -> bool:
    return urlsplit(uri).hostname in _LOOPBACK


def _bare(uri: str) -> str:
    """Return a URI without name and password."""
    parts = urlsplit(uri)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
