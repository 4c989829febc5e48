"""Look at what the nodes of a cluster use, once or again and again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rayspace.core.nodes.history import NodeHistory
from rayspace.errors import GatewayError, PhaseError
from rayspace.model.cluster import ClusterPhase
from rayspace.model.cluster_usage import ClusterUsage

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from rayspace.gateways.contracts import Clock
    from rayspace.model.cluster import ClusterState, Node
    from rayspace.services.clusters import ClusterService

#: Looks in a row that may fail: a head is started anew, a laptop wakes, a login is renewed. [1]
_MAX_FAILURES = 30


async def with_nodes(
    clusters: ClusterService, name: str | None, *, target: str | None = None
) -> ClusterState:
    """Find a cluster whose nodes can be looked at.

    Parameters
    ----------
    clusters
        The clusters.
    name, target
        Which one, and where it is; by default the chosen one.

    Returns
    -------
    ClusterState
        The cluster.

    Raises
    ------
    PhaseError
        If it is still starting, or is suspended.
    """
    state = await clusters.status(name, target=target)
    if state.phase is ClusterPhase.STARTING:
        raise PhaseError(
            f"The cluster {state.name!r} is still starting, so it has no nodes to list yet.",
            hint=f"See how far it is with: rayspace cluster status {state.name}",
            details={"name": state.name, "phase": state.phase.value},
        )
    if state.phase is ClusterPhase.SUSPENDED:
        raise PhaseError(
            f"The cluster {state.name!r} is suspended, so it has no nodes.",
            hint=f"Bring it back with: rayspace cluster resume {state.name}",
            details={"name": state.name, "phase": state.phase.value},
        )
    return state


class UsageLooker:
    """Looks at the nodes of one cluster, and remembers how they went.

    Parameters
    ----------
    clusters
        The clusters.
    state
        The cluster, as `with_nodes` found it.
    clock
        Tells the time.
    """

    def __init__(self, clusters: ClusterService, state: ClusterState, clock: Clock) -> None:
        self._clusters = clusters
        self._state = state
        self._clock = clock
        self._history = NodeHistory()

    async def look(self) -> ClusterUsage:
        """Look at all nodes."""
        name, target = self._state.name, self._state.target
        nodes: list[Node] = await self._clusters.nodes(name, target=target)
        courses = self._history.add(nodes, self._clock.monotonic_s())
        living = tuple(node for node in nodes if node.is_alive)
        return ClusterUsage(name, target, self._clock.now_ms(), living, courses)

    async def looks(self, interval_s: float) -> AsyncIterator[ClusterUsage | GatewayError]:
        """Look again and again, until nobody asks for more.

        Parameters
        ----------
        interval_s
            Time between two looks. [s]

        Yields
        ------
        ClusterUsage or GatewayError
            What was seen, or why nothing was this time: what was seen before is old then.

        Raises
        ------
        GatewayError
            If the first look fails, or too many in a row do.
        """
        n_failures = _MAX_FAILURES
        while True:
            try:
                yield await self.look()
                n_failures = 0
            except GatewayError as exc:
                n_failures += 1
                if n_failures > _MAX_FAILURES:
                    raise
                yield exc
            await self._clock.sleep(interval_s)
