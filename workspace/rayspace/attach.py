"""Point this process's Ray at a cluster: plain ``ray.init()`` then joins it, or Ray Client does.

A cluster of this machine is joined by its address. One on Kubernetes is joined by Ray Client, and
the way to it is opened when somebody connects: until then ``RAY_ADDRESS`` holds an address of this
package's own, by which Ray asks us to connect (`rayspace.client_builder`). So ``ray.init()`` never
starts a Ray here in silence, and versions that do not fit are told before Ray would hang.
"""

from __future__ import annotations

import atexit
import functools
import logging
import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import tenacity

from rayspace.errors import GatewayError, MissingExtraError, PhaseError
from rayspace.gateways import this_ray
from rayspace.loop import run
from rayspace.model.progress import Report, Stage
from rayspace.model.target import LOCAL

if TYPE_CHECKING:
    from collections.abc import Callable

    from rayspace.app import App
    from rayspace.gateways.kube.client_tunnel import ClientTunnel
    from rayspace.model.cluster import ClusterState

    #: Connects Ray to ``ray://host:port``.
    Initialize = Callable[[str], Any]

#: About one connection in ten fails on Ray's side and works when tried again (measured with 2.60).
_ATTEMPTS = 4
_logger = logging.getLogger("rayspace")


@dataclass
class _Pointing:
    """What was done to the environment of this process."""

    #: Its variables before they were first set here; None while they are as they were.
    earlier: dict[str, str | None] | None = None
    #: What ``ray.init()`` is to join while Ray is not connected.
    chosen: ClusterState | None = None
    #: Names of clusters by the addresses under which they are known.
    names: dict[str, str] = field(default_factory=dict)
    #: The way to a cluster on Kubernetes, and that cluster; None while there is none.
    tunnel: ClientTunnel | None = None
    tunnel_to: ClusterState | None = None
    is_tidying: bool = False


_pointing = _Pointing()


def activate(cluster: ClusterState) -> str:
    """Let ``ray.init()`` of this process join a cluster.

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
    if not _joined_by(cluster):
        # It ended, or never was: there is nothing to point at.
        return ""
    _pointing.chosen = cluster
    if _live_address():
        return "" if is_attached_to(cluster) else attached_name()
    _close_tunnel()
    _point_at_chosen()
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
        _close_tunnel()
        _point_at_chosen()


def is_attached_to(cluster: ClusterState) -> bool:
    """Whether Ray in this process is connected to the cluster."""
    return _live_address() in _addresses(cluster)


def attached_name() -> str:
    """Return the cluster that Ray in this process is connected to, by name or else by address."""
    live = _live_address()
    return _pointing.names.get(live, live)


def attached_target() -> str:
    """Return where the cluster is that Ray in this process is connected to."""
    to = _pointing.tunnel_to
    return to.target if to is not None and is_attached_to(to) else LOCAL


def detach() -> None:
    """Disconnect Ray in this process if it is connected, and close the way that it took."""
    this_ray.let_go()
    _close_tunnel()


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


async def preflight(app: App, name: str | None, *, target: str | None = None) -> ClusterState:
    """Check that Ray Client can attach to a cluster; parameters as for `ClusterService.status`."""
    from rayspace.this_machine import versions_here

    ray_version, python_version = versions_here()
    if not ray_version:
        raise MissingExtraError("ray")
    state = await app.clusters.preflight(
        name, ray_version=ray_version, python_version=python_version, target=target
    )
    if not state.address.client_url:
        raise PhaseError(
            f"The cluster {state.name!r} has no Ray Client server.",
            hint="Attach directly instead: ray.init()",
        )
    return state


def connect(
    app: App, state: ClusterState, report: Report, initialize: Initialize | None = None
) -> ClusterState:
    """Attach this process by Ray Client.

    Blocks, and must run in the thread whose Ray it is. A connection that fails on Ray's side is
    tried again; version and token were checked before, since Ray tells neither.

    Parameters
    ----------
    app
        Opens the way to a cluster on Kubernetes.
    state
        The cluster, after `preflight`.
    report
        Called with each stage.
    initialize
        Connects Ray to a URL; by default ``ray.init``.

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
    this_ray.clear_broken()
    report(Stage("connect", f"Connecting to {state.name} by Ray Client"))
    before = this_ray.variables()
    try:
        url = _open_way(app, state)
        _connect_client(state, url, report, initialize or _init_ray)
    except BaseException:
        # Also when it was interrupted: what was chosen before counts again.
        _close_tunnel()
        this_ray.set_variables(before)
        raise
    report(Stage("connect", f"Attached to {state.name} by Ray Client", "done"))
    return state


def _gone(state: ClusterState) -> None:
    """End a connection whose cluster was deleted; called in the thread of our loop."""
    if is_attached_to(state):
        _logger.warning("The cluster %s is gone: Ray here is connected no longer.", state.name)
        this_ray.give_up()


def _open_way(app: App, state: ClusterState) -> str:
    """Point at a cluster, and return where its Ray Client server is reached."""
    address = state.address
    if not address.cluster:
        _point_at(state, address.client_url, address.token_path)
        return address.client_url
    _close_tunnel()
    if not _pointing.is_tidying:
        # Registered after Ray's own, which is imported: it must still find its way to say goodbye.
        import ray  # noqa: F401  imported for what it registers

        atexit.register(detach)
        _pointing.is_tidying = True
    opening = app.open_tunnel(address, functools.partial(_gone, state))
    _pointing.tunnel, _pointing.tunnel_to = run(opening), state
    # The address stays our own: ``ray.init()`` again finds that it is connected.
    tunnel = _pointing.tunnel
    _point_at(state, address.client_url, tunnel.token_path, may_break=tunnel.is_forwarded)
    return f"ray://{tunnel.host}"


def _close_tunnel() -> None:
    tunnel, _pointing.tunnel, _pointing.tunnel_to = _pointing.tunnel, None, None
    if tunnel is not None:
        run(tunnel.close())


def _init_ray(url: str) -> None:
    import ray

    ray.init(url, logging_level=logging.WARNING)


def _connect_client(state: ClusterState, url: str, report: Report, initialize: Initialize) -> None:
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
        retrying(initialize, url)
    except (ConnectionError, RuntimeError) as exc:
        raise _not_attached(state, exc) from exc


def _not_attached(state: ClusterState, error: Exception) -> GatewayError:
    failure = _pointing.tunnel.failure if _pointing.tunnel is not None else None
    words = str(failure or error).splitlines()[0]
    other = "Try again" if state.address.cluster else "Attach directly instead: ray.init()"
    return GatewayError(
        f"Ray Client could not attach to {state.name!r}: {words}",
        system="Ray",
        operation="connect",
        hint=f"{other}, or look at: rayspace cluster logs {state.name}",
    )


def _live_address() -> str:
    """Return where Ray is connected to, as clusters name it; empty for nowhere."""
    live = this_ray.live_address()
    tunnel, to = _pointing.tunnel, _pointing.tunnel_to
    if tunnel is not None and to is not None and live == f"ray://{tunnel.host}":
        return to.address.client_url
    return live


def _joined_by(cluster: ClusterState) -> str:
    """Return the address by which ``ray.init()`` joins a cluster; empty for none."""
    address = cluster.address
    return address.client_url if address.cluster else address.gcs_address


def _addresses(cluster: ClusterState) -> set[str]:
    return {cluster.address.gcs_address, cluster.address.client_url} - {""}


def _point_at(
    cluster: ClusterState, address: str, token_path: str, *, may_break: bool = False
) -> None:
    _note(cluster)
    this_ray.set_variables(this_ray.variables_for(address, token_path, may_break=may_break))


def _note(cluster: ClusterState) -> None:
    if _pointing.earlier is None:
        _pointing.earlier = this_ray.variables()
    _pointing.names |= dict.fromkeys(_addresses(cluster), cluster.name)


def _point_at_chosen() -> None:
    chosen = _pointing.chosen
    if chosen is None:
        if _pointing.earlier is not None:
            this_ray.set_variables(_pointing.earlier)
            _pointing.earlier = None
    elif chosen.address.cluster:
        _note(chosen)
        # Nothing is open yet, so that Ray authenticates as it did; only where it goes is ours.
        this_ray.set_variables({**(_pointing.earlier or {}), "RAY_ADDRESS": _joined_by(chosen)})
    else:
        _point_at(chosen, chosen.address.gcs_address, chosen.address.token_path)
