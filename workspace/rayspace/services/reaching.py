"""Look whether this machine reaches a head that is ready."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

from rayspace.errors import AccessError, GatewayError, RayspaceError
from rayspace.model.progress import Report, Stage
from rayspace.model.target import SIMULATED

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from rayspace.gateways.contracts import Clock, HeadGateway
    from rayspace.model.cluster import ClusterState

#: What leads to a head knows of it a moment after the head is ready. [s]
_PATIENCE_S = 5.0
_PAUSE_S = 0.5


@contextlib.asynccontextmanager
async def reaching(
    head: HeadGateway, state: ClusterState, clock: Clock, report: Report
) -> AsyncIterator[None]:
    """Find the way to a head of another machine, beside what else is waited for.

    It is known then to whoever uses the cluster. That there is none is told, and is no error: jobs
    with a cluster of their own need none.

    Parameters
    ----------
    head
        The HTTP face of a head.
    state
        The cluster, whose head is ready.
    clock
        Tells the time.
    report
        Called with what was found.
    """
    is_elsewhere = state.namespace and state.target != SIMULATED
    looking = asyncio.create_task(_look(head, state, clock, report)) if is_elsewhere else None
    try:
        yield
        if looking is not None:
            await looking
    finally:
        if looking is not None:
            looking.cancel()


async def _look(head: HeadGateway, state: ClusterState, clock: Clock, report: Report) -> None:
    give_up_s = clock.monotonic_s() + _PATIENCE_S
    while True:
        try:
            version = (await head.version(state.address))["ray_version"]
        except RayspaceError as exc:
            may_pass = isinstance(exc, GatewayError) and not isinstance(exc, AccessError)
            if not may_pass or clock.monotonic_s() >= give_up_s:
                text = f"Its head is not reached from here: {exc.message} {exc.hint}".strip()
                report(Stage("reachable", text, "note"))
                return
            await clock.sleep(_PAUSE_S)
        else:
            report(Stage("reachable", f"Ray {version} answers", "done"))
            return
