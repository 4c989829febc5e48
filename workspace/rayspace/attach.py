"""Point this process's Ray at a cluster: plain ``ray.init()`` then joins it, or Ray Client does.

Ray reads its address when it connects, but how it authenticates when it is imported; where Ray is
imported already, what it read is read again. A connection goes on reading its token from there, so
nothing is changed while there is one.
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import tenacity

from rayspace.errors import GatewayError, MissingExtraError, PhaseError
from rayspace.model.progress import Report, Stage

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rayspace.app import App
    from rayspace.model.cluster import ClusterState

#: About one connection in ten fails on Ray's side and works when tried again (measured with 2.60).
_ATTEMPTS = 4
#: A token in RAY_AUTH_TOKEN would count more than the file that RAY_AUTH_TOKEN_PATH names.
_NAMES = ("RAY_ADDRESS", "RAY_AUTH_MODE", "RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH")


@dataclass
class _Pointing:
    """What was done to the environment of this process."""

    #: Its variables before they were first set here; None while they are as they were.
    earlier: dict[str, str | None] | None = None
    #: What ``ray.init()`` is to join while Ray is not connected.
    chosen: ClusterState | None = None
    #: Names of clusters by the addresses under which Ray knows them.
    names: dict[str, str] = field(default_factory=dict)


_pointing = _Pointing()


def activate(cluster: ClusterState) -> str:
    """Let ``ray.init()`` of this process join a cluster of this machine.

    Parameters
    ----------
    cluster
        The cluster.

    Returns
    -------
    str
        The other cluster to which Ray is connected, and stays so until `disconnect`; empty when
        there is none.
    """
    if not cluster.address.gcs_address:
        # On Kubernetes: reached by Ray Client, once somebody connects.
        return ""
    _pointing.chosen = cluster
    if _live_address():
        return "" if is_attached_to(cluster) else attached_name()
    _point_at(cluster, cluster.address.gcs_address)
    return ""


def deactivate() -> None:
    """Let ``ray.init()`` of this process do what it did before a cluster was chosen."""
    _pointing.chosen = None
    _point_at_chosen()


def forget(cluster: ClusterState) -> None:
    """Point at a cluster that has ended no longer."""
    chosen = _pointing.chosen
    if chosen is not None and _addresses(chosen) & _addresses(cluster):
        _pointing.chosen = None
    if os.environ.get("RAY_ADDRESS") in _addresses(cluster) and not _live_address():
        _point_at_chosen()


def is_attached_to(cluster: ClusterState) -> bool:
    """Whether Ray in this process is connected to the cluster."""
    return _live_address() in _addresses(cluster)


def attached_name() -> str:
    """Return the cluster that Ray in this process is connected to, by name or else by address."""
    live = _live_address()
    return _pointing.names.get(live, live)


def detach() -> None:
    """Disconnect Ray in this process if it is connected.

    A process that stays connected to a head that ends is ended by Ray a minute later.
    """
    if _live_address():
        sys.modules["ray"].shutdown()


def disconnect(report: Report) -> None:
    """Detach this process; ``ray.init()`` joins what was chosen, else does what it did before.

    Parameters
    ----------
    report
        Called with what was done.
    """
    name = attached_name()
    detach()
    _point_at_chosen()
    text = f"Detached from {name}" if name else "Ray is not connected here"
    if _pointing.chosen is not None:
        text += f"; ray.init() joins {_pointing.chosen.name}"
    report(Stage("connect", text, "done" if name else "note"))


async def preflight(app: App, name: str | None) -> ClusterState:
    """Check that Ray Client can attach to a cluster; parameters as for `connect`."""
    from rayspace.app import versions_here

    ray_version, python_version = versions_here()
    if not ray_version:
        raise MissingExtraError("ray")
    state = await app.clusters.preflight(
        name, ray_version=ray_version, python_version=python_version
    )
    if not state.address.client_url:
        raise PhaseError(
            f"The cluster {state.name!r} has no Ray Client server.",
            hint="Attach directly instead: ray.init()",
        )
    return state


def connect(state: ClusterState, report: Report) -> ClusterState:
    """Attach this process by Ray Client.

    Blocks, and must run in the thread whose Ray it is. A connection that fails on Ray's side is
    tried again; version and token were checked before, since Ray tells neither.

    Parameters
    ----------
    state
        The cluster, after `preflight`.
    report
        Called with each stage.

    Returns
    -------
    ClusterState
        The cluster.

    Raises
    ------
    PhaseError
        If this process is connected to another cluster.
    GatewayError
        If it can't be attached.
    """
    if is_attached_to(state):
        report(Stage("connect", f"Attached to {state.name} already", "done"))
        return state
    if _live_address():
        raise PhaseError(
            f"Ray in this session is connected to {attached_name()} already.",
            hint="Disconnect it first: %ray_cluster disconnect",
        )
    report(Stage("connect", f"Connecting to {state.name} by Ray Client"))
    before = _variables()
    _point_at(state, state.address.client_url)
    try:
        _connect_client(state, report)
    except BaseException:
        # Also when it was interrupted: what was chosen before counts again.
        _set(before)
        raise
    report(Stage("connect", f"Attached to {state.name} by Ray Client", "done"))
    return state


def _connect_client(state: ClusterState, report: Report) -> None:
    import ray

    def note(call: tenacity.RetryCallState) -> None:
        text = f"Ray Client failed to connect; attempt {call.attempt_number + 1} of {_ATTEMPTS}"
        report(Stage("connect", text))

    retrying = tenacity.Retrying(
        stop=tenacity.stop_after_attempt(_ATTEMPTS),
        retry=tenacity.retry_if_exception_type(ConnectionError),
        before_sleep=note,
        reraise=True,
    )
    try:
        retrying(ray.init, state.address.client_url, logging_level="WARNING")
    except (ConnectionError, RuntimeError) as exc:
        raise GatewayError(
            f"Ray Client could not attach to {state.name!r}: {str(exc).splitlines()[0]}",
            system="Ray",
            operation="connect",
            hint=f"Attach directly instead: ray.init(), or look at: rayspace cluster logs "
            f"{state.name}",
        ) from exc


def _live_address() -> str:
    """Return where Ray in this process is connected to, empty for nowhere, without asking Ray."""
    ray = sys.modules.get("ray")
    if ray is None:
        return ""
    client = sys.modules.get("ray.util.client")
    if client is not None and client.ray.is_connected():
        # No public way: what Ray offers asks the server, which may be the one that is gone.
        return f"ray://{client.ray.get_context().client_worker._conn_str}"  # noqa: SLF001
    return str(ray.get_runtime_context().gcs_address) if ray.is_initialized() else ""


def _addresses(cluster: ClusterState) -> set[str]:
    return {cluster.address.gcs_address, cluster.address.client_url} - {""}


def _point_at(cluster: ClusterState, address: str) -> None:
    if _pointing.earlier is None:
        _pointing.earlier = _variables()
    _pointing.names |= dict.fromkeys(_addresses(cluster), cluster.name)
    path = cluster.address.token_path
    mode = "token" if path else "disabled"
    _set(dict(zip(_NAMES, (address, mode, None, path or None), strict=True)))


def _point_at_chosen() -> None:
    if _pointing.chosen is not None:
        _point_at(_pointing.chosen, _pointing.chosen.address.gcs_address)
    elif _pointing.earlier is not None:
        _set(_pointing.earlier)
        _pointing.earlier = None


def _variables() -> dict[str, str | None]:
    return {name: os.environ.get(name) for name in _NAMES}


def _set(variables: Mapping[str, str | None]) -> None:
    for name, value in variables.items():
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
