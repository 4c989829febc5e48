"""The Ray of this very process: what its environment tells it, and where it is connected to.

Ray reads its address when it connects, but how it authenticates when it is imported; where Ray is
imported already, what it read is read again. A connection goes on reading its token from there, so
nothing may be changed while there is one.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

#: A token in RAY_AUTH_TOKEN would count more than the file that RAY_AUTH_TOKEN_PATH names.
_WHERE = ("RAY_ADDRESS", "RAY_AUTH_MODE", "RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH")
#: How long both sides of Ray Client keep what a broken connection was about. [s]
_PATIENCE = "RAY_CLIENT_RECONNECT_GRACE_PERIOD"
#: Ray's own 30 s are less than an API server needs to start again. A head keeps as long what a
#: killed notebook has left, so it is no more than that and a slow start take.
_PATIENCE_S = 180
NAMES = (*_WHERE, _PATIENCE)


def variables() -> dict[str, str | None]:
    """Return what the environment tells Ray; None for what is not set."""
    return {name: os.environ.get(name) for name in NAMES}


def variables_for(
    address: str, token_path: str, *, may_break: bool = False
) -> dict[str, str | None]:
    """Return what tells Ray to go to an address.

    Parameters
    ----------
    address
        The address.
    token_path
        The file of its token; empty for none.
    may_break
        Whether the way may break for a while; what a person set for that counts more.
    """
    mode = "token" if token_path else "disabled"
    values: dict[str, str | None] = dict(
        zip(_WHERE, (address, mode, None, token_path or None), strict=True)
    )
    if may_break and not os.environ.get(_PATIENCE):
        values[_PATIENCE] = str(_PATIENCE_S)
    return values


def set_variables(values: Mapping[str, str | None]) -> None:
    """Change the environment, and let Ray read it."""
    for name, value in values.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value
    if "ray" in sys.modules:
        # No public way: these two make Ray read its environment and the token once more. The
        # file may be the same and the token another one, of a cluster that was started again.
        import ray._raylet as internals

        internals.Config.initialize("")  # type: ignore[attr-defined]  # compiled
        internals.AuthenticationTokenLoader.instance().reset_cache()  # type: ignore[attr-defined]


def live_address() -> str:
    """Return where Ray is connected to, empty for nowhere, without asking Ray."""
    ray = sys.modules.get("ray")
    if ray is None:
        return ""
    worker = _client_worker()
    if worker is not None:
        return f"ray://{worker._conn_str}" if _is_up(worker) else ""  # noqa: SLF001
    return str(ray.get_runtime_context().gcs_address) if ray.is_initialized() else ""


def give_up() -> None:
    """Let Ray Client try no longer to come back to a head that is gone for good.

    Whoever waits for an answer gets Ray's `ConnectionError`, instead of minutes of silence.
    """
    worker = _client_worker()
    if worker is not None:
        # No public way: `ray.shutdown` belongs to the thread that connected, which may wait.
        worker._in_shutdown = True  # noqa: SLF001


def is_closing() -> bool:
    """Whether Ray Client is about to end its connection, or has given it up."""
    worker = _client_worker()
    return worker is not None and bool(worker._in_shutdown)  # noqa: SLF001  no public way


def clear_broken() -> None:
    """Clear away a Ray Client that has lost its head: Ray takes it for connected at `init`."""
    if _is_broken():
        sys.modules["ray"].shutdown()


def _is_broken() -> bool:
    worker = _client_worker()
    return worker is not None and not _is_up(worker)


def _client_worker() -> Any:
    """Return what speaks for Ray Client here; None where Ray is not connected by it."""
    client = sys.modules.get("ray.util.client")
    return None if client is None else client.ray.get_context().client_worker


def _is_up(worker: Any) -> bool:
    # No public way: what Ray offers asks the server, which may be the one that is gone, or calls
    # a client connected whose session a new head does not know.
    return worker.is_connected() and not worker.data_client._in_shutdown  # noqa: SLF001


def let_go() -> None:
    """Disconnect Ray if it is connected.

    A process that stays connected to a head that ends is ended by Ray a minute later.
    """
    if live_address() or _is_broken():
        sys.modules["ray"].shutdown()
