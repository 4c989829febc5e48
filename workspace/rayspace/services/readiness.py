"""Wait for a cluster, and say what is waited for."""

from __future__ import annotations

import contextlib
import shlex
from typing import TYPE_CHECKING, get_args

from rayspace.errors import (
    ClusterBusyError,
    ClusterStartError,
    GatewayTimeoutError,
    PhaseError,
    UsageError,
)
from rayspace.model.cluster import ClusterPhase, ClusterState, ReadyAt
from rayspace.model.progress import Report, Stage
from rayspace.model.wire import to_wire
from rayspace.services.explaining import Explainer

if TYPE_CHECKING:
    from rayspace.gateways.contracts import Clock, ClusterGateway

#: Time between two looks at what is waited for. [s]
POLL_S = 0.25
#: How often a head or workers of this machine that gave up while they started are started again.
#: Ray gives its agents 15 s and itself 30 s, which a busy machine may need more of. [1]
_N_RESTARTS = 2
#: What Ray says then. Source: ``Node.start_ray_processes`` of Ray 2.60.
_GAVE_UP = "timed out during startup"
#: Phases that somebody else has to end.
_STANDING = {ClusterPhase.SUSPENDED, ClusterPhase.ENDING}


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
        If it ended, or can't come up as it is.
    PhaseError
        If it is suspended or being deleted.
    GatewayTimeoutError
        If it is not ready in time.
    """
    began_s, last, n_restarts = clock.monotonic_s(), "", 0
    told: set[str] = set()
    explainer = Explainer(gateway, clock)
    asked = state
    if state.phase is not ClusterPhase.READY:
        async with contextlib.aclosing(gateway.changes(state.name)) as changes:
            async for state in changes:  # noqa: PLR1704  the latest is the one that counts
                is_late = clock.monotonic_s() - began_s > timeout_s
                if _is_of_before(state, asked) and not is_late:
                    continue
                _tell_stages(state, told, report)
                if state.phase is ClusterPhase.READY:
                    break
                if _has_given_up(state) and n_restarts < _N_RESTARTS and not is_late:
                    # Somebody else may do so at the same moment.
                    with contextlib.suppress(ClusterBusyError):
                        report(Stage("head", f"{state.reason} It is started again", "note"))
                        await gateway.create(state.spec, report)
                        n_restarts += 1
                    continue
                state = await explainer.look(state, is_last=is_late)  # noqa: PLW2901  as it is known
                if state.phase is ClusterPhase.READY:
                    break
                _require_hope(state)
                if is_late:
                    raise _too_late(state, timeout_s)
                if state.reason != last and explainer.is_sure(state):
                    report(Stage("ready", state.reason))
                    last = state.reason
    _tell_stages(state, told, report)
    report(Stage("ready", f"{state.name} is ready", "done"))
    return state


async def wait_workers(
    gateway: ClusterGateway,
    state: ClusterState,
    clock: Clock,
    timeout_s: float,
    report: Report,
    *,
    fewest: bool = False,
) -> ClusterState:
    """Wait until as many workers have joined as are wanted.

    Parameters
    ----------
    gateway, state, clock, timeout_s, report
        As for `wait_ready`.
    fewest
        Whether the fewest workers of each group will do, of those that grow by need.

    Returns
    -------
    ClusterState
        The cluster with its workers.

    Raises
    ------
    ClusterStartError
        If they can't come up as they are, or end however often they are started.
    GatewayTimeoutError
        If they have not joined in time.
    """
    began_s, n_restarts = clock.monotonic_s(), 0
    explainer = Explainer(gateway, clock)
    if _missing(state, fewest=fewest):
        async with contextlib.aclosing(gateway.changes(state.name)) as changes:
            async for state in changes:  # noqa: PLR1704  the latest is the one that counts
                if not (missing := _missing(state, fewest=fewest)):
                    break
                is_late = clock.monotonic_s() - began_s > timeout_s
                state = await explainer.look(state, is_last=is_late)  # noqa: PLW2901  as it is known
                if _has_lost_workers(state) and n_restarts < _N_RESTARTS:
                    # Somebody else may do so at the same moment, or the head be too busy to answer.
                    with contextlib.suppress(ClusterBusyError, PhaseError):
                        await gateway.scale(state.name, state.n_workers_desired, report)
                        n_restarts += 1
                        text = f"{state.reason} It is started again".strip()
                        report(Stage("workers", text, "note"))
                    continue
                _require_workers(state, missing)
                if is_late:
                    raise GatewayTimeoutError(
                        f"{_joined_text(state, fewest=fewest)} workers have joined {state.name!r} "
                        f"after {timeout_s:g} s. {state.reason}".rstrip(),
                        system="Ray",
                        operation="scale",
                        hint=_where_to_look(state),
                    )
                text = f"Workers {_joined_text(state, fewest=fewest)}"
                if state.reason and explainer.is_sure(state):
                    text = f"{text}: {state.reason}"
                n_wanted = sum(_wanted(state, fewest=fewest).values())
                report(Stage("workers", text, done=state.n_workers_observed, total=n_wanted))
    if sum(_wanted(state, fewest=fewest).values()):
        report(Stage("workers", f"Workers {_joined_text(state, fewest=fewest)}", "done"))
    return state


def check_ready(ready: str) -> None:
    """Raise `UsageError` for what can't be waited for; a notebook's Python checks no types."""
    known = get_args(ReadyAt)
    if ready not in known:
        raise UsageError(
            f"There is no waiting for {ready!r}.", hint=f"Give ready one of {', '.join(known)}."
        )


def _wanted(state: ClusterState, *, fewest: bool) -> dict[str, int]:
    """Return how many workers of each group are waited for. [1]"""
    wanted = {group.name: group.n_desired for group in state.groups}
    if not fewest:
        return wanted
    promised = {group.name: group.n_workers for group in state.spec.groups}
    # Whoever scaled a group down since then wants no more than that.
    return {name: min(count, promised.get(name, count)) for name, count in wanted.items()}


def _missing(state: ClusterState, *, fewest: bool) -> set[str]:
    """Return the groups that are not as they are waited for."""
    wanted = _wanted(state, fewest=fewest)
    # With all, workers that are to go are waited for as well.
    return {
        group.name
        for group in state.groups
        if group.n_observed < wanted[group.name]
        or (not fewest and group.n_observed != group.n_desired)
    }


def _joined_text(state: ClusterState, *, fewest: bool) -> str:
    if not fewest:
        return f"{state.n_workers_observed} of {state.n_workers_desired}"
    # One worker too many of one group makes up for none of another.
    wanted = _wanted(state, fewest=True)
    n_joined = sum(min(group.n_observed, wanted[group.name]) for group in state.groups)
    return f"{n_joined} of the {sum(wanted.values())} promised"


def _tell_stages(state: ClusterState, told: set[str], report: Report) -> None:
    """Report each stage once, when it is reached; workers are told of by themselves."""
    for stage in state.stages:
        if stage.state == "done" and stage.key not in {*told, "workers"}:
            told.add(stage.key)
            report(stage)


def _is_of_before(state: ClusterState, asked: ClusterState) -> bool:
    """Whether that is one of the same name, which was replaced: a watch may hear of it late."""
    return state.uid != asked.uid and state.started_ms < asked.started_ms


def _require_hope(state: ClusterState) -> None:
    if state.phase in _STANDING:
        raise PhaseError(
            f"The cluster {state.name!r} is {state.phase.value}. {state.reason}".rstrip(),
            hint=f"Bring it back with: {_command('resume', state)}"
            if state.phase is ClusterPhase.SUSPENDED
            else "Start it again when it is gone.",
            details={"name": state.name, "phase": state.phase.value},
        )
    if state.phase.is_terminal:
        first = state.problems[0].hint if state.problems else ""
        raise ClusterStartError(
            f"The cluster {state.name!r} did not come up. {state.reason}",
            system="Ray",
            operation="start",
            hint=first or f"{_where_to_look(state)}; look for causes with: rayspace doctor",
            details={
                "name": state.name,
                "log_dir": state.log_dir,
                "problems": to_wire(state.problems),
            },
        )


def _has_given_up(state: ClusterState) -> bool:
    """Whether the head of this machine took longer to start than Ray lets it."""
    return state.phase is ClusterPhase.LOST and not state.namespace and _GAVE_UP in state.reason


def _has_lost_workers(state: ClusterState) -> bool:
    """Whether workers are gone that nobody else starts; KubeRay does by itself."""
    return (
        not state.namespace
        and state.phase is ClusterPhase.READY
        and state.n_workers_requested < state.n_workers_desired
    )


def _require_workers(state: ClusterState, missing: set[str]) -> None:
    """Raise where workers of the missing groups are gone that nobody starts any more."""
    n_missing = state.n_workers_desired - state.n_workers_requested
    final = [p for p in state.problems if p.is_final and missing.intersection(p.groups)]
    if not final and (state.namespace or n_missing <= 0):
        return
    told = final[0].summary if final else state.reason
    n_workers = n_missing or state.n_workers_desired - state.n_workers_observed
    raise ClusterStartError(
        f"{n_workers} of {state.n_workers_desired} workers of {state.name!r} did not come up."
        f" {told}".rstrip(),
        system="Ray",
        operation="scale",
        hint=final[0].hint
        if final
        else f"{_where_to_look(state)}; start them again with:"
        f" {_command('scale', state)} --workers {state.n_workers_desired}",
        details={"name": state.name, "log_dir": state.log_dir, "problems": to_wire(final)},
    )


def _too_late(state: ClusterState, timeout_s: float) -> GatewayTimeoutError:
    return GatewayTimeoutError(
        f"The cluster {state.name!r} is not ready after {timeout_s:g} s: {state.reason}",
        system="Ray",
        operation="start",
        hint=f"It goes on; look again with: {_command('status', state)}",
        details={"name": state.name, "problems": to_wire(state.problems)},
    )


def _where_to_look(state: ClusterState) -> str:
    if state.namespace:
        return f"See why with: {_command('why', state)}"
    return f"Its log is {state.log_dir}/head.log"


def _command(verb: str, state: ClusterState) -> str:
    """Write a command on a cluster, which need not be the chosen one."""
    return f"rayspace cluster {verb} {state.name} --on {shlex.quote(state.target)}"
