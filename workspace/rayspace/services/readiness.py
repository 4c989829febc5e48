"""Wait for a cluster, and say what is waited for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rayspace.errors import ClusterStartError, GatewayTimeoutError
from rayspace.model.cluster import ClusterPhase, ClusterState
from rayspace.model.progress import Report, Stage

if TYPE_CHECKING:
    from rayspace.gateways.contracts import Clock, ClusterGateway

#: Time between two looks at a cluster that starts. [s]
POLL_S = 0.25


async def wait_ready(
    gateway: ClusterGateway, state: ClusterState, clock: Clock, timeout_s: float, report: Report
) -> ClusterState:
    """Wait until a cluster can be used.

    Parameters
    ----------
    gateway
        Its gateway.
    state
        As it was seen last.
    clock
        Tells the time.
    timeout_s
        How long to wait. [s]
    report
        Called with each change.

    Returns
    -------
    ClusterState
        The ready cluster.

    Raises
    ------
    ClusterStartError
        If it ended.
    GatewayTimeoutError
        If it is not ready in time.
    """
    began_s, last = clock.monotonic_s(), ""
    while state.phase is not ClusterPhase.READY:
        if state.phase.is_terminal:
            raise ClusterStartError(
                f"The cluster {state.name!r} did not come up. {state.reason}",
                system="Ray",
                operation="start",
                hint=f"Its log is {state.log_dir}/head.log; rayspace doctor looks for causes.",
                details={"name": state.name, "log_dir": state.log_dir},
            )
        if clock.monotonic_s() - began_s > timeout_s:
            raise GatewayTimeoutError(
                f"The cluster {state.name!r} is not ready after {timeout_s:g} s: {state.reason}",
                system="Ray",
                operation="start",
                hint=f"It goes on; look again with: rayspace cluster status {state.name}",
                details={"name": state.name},
            )
        if state.reason != last:
            report(Stage("ready", state.reason))
            last = state.reason
        await clock.sleep(POLL_S)
        state = await gateway.get(state.name)
    report(Stage("ready", f"{state.name} is ready", "done"))
    return state


async def wait_workers(
    gateway: ClusterGateway, state: ClusterState, clock: Clock, timeout_s: float, report: Report
) -> ClusterState:
    """Wait until as many workers have joined as are wanted; parameters as for `wait_ready`."""
    began_s = clock.monotonic_s()
    while (group := state.groups[0]).n_observed != group.n_desired:
        if clock.monotonic_s() - began_s > timeout_s:
            raise GatewayTimeoutError(
                f"{group.n_observed} of {group.n_desired} workers have joined {state.name!r} "
                f"after {timeout_s:g} s.",
                system="Ray",
                operation="scale",
                hint=f"Their logs are in {state.log_dir}",
            )
        if group.n_requested < group.n_desired:
            raise ClusterStartError(
                f"{group.n_desired - group.n_requested} of {group.n_desired} workers of"
                f" {state.name!r} did not come up. {state.reason}".rstrip(),
                system="Ray",
                operation="scale",
                hint=f"Their logs are in {state.log_dir}; start them again with: rayspace cluster"
                f" scale {state.name} --workers {group.n_desired}",
                details={"name": state.name, "log_dir": state.log_dir},
            )
        text = f"Workers {group.n_observed} of {group.n_desired}"
        report(Stage("workers", text, done=group.n_observed, total=group.n_desired))
        await clock.sleep(POLL_S)
        state = await gateway.get(state.name)
    if group.n_desired:
        report(Stage("workers", f"Workers {group.n_observed} of {group.n_desired}", "done"))
    return state
