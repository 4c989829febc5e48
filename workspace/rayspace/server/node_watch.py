"""Remember how the nodes of clusters went, also while nobody has the panel in front.

A panel asks for the nodes of what is open in it. GPUs that idle are worth a warning on a closed
row as well, and after a lunch in another tab: so clusters that may have GPUs are looked at here,
seldom, as long as any tab is open.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

from rayspace.core.nodes.history import NodeHistory
from rayspace.errors import RayspaceError
from rayspace.model.cluster import ClusterPhase, Origin
from rayspace.model.target import LOCAL

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from rayspace.gateways.contracts import Clock
    from rayspace.model.cluster import ClusterState, Node
    from rayspace.model.cluster_usage import NodeCourse
    from rayspace.server.apps import Apps
    from rayspace.server.hub import Hub

#: Time between two looks at a cluster; less than what counts as a gap. [s]
LOOK_S = 30.0
#: Heads that do not answer are not waited for longer, and so many are asked at a time. [s], [1]
_ANSWER_S = 10.0
_AT_A_TIME = 8
#: Of more clusters than this the others have their turn the next time. [1]
_IN_ONE_LOOK = 64
#: So many clusters are remembered. [1]
_KEPT = 500


class NodeHistories:
    """Remembers how the nodes of each cluster went.

    Parameters
    ----------
    clock
        Tells the time.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._histories: dict[tuple[str, str], NodeHistory] = {}

    def take(self, state: ClusterState, nodes: Sequence[Node]) -> tuple[NodeCourse, ...]:
        """Take a look at a cluster, and return how its nodes went up to now.

        Parameters
        ----------
        state
            The cluster: this start of it.
        nodes
            Its nodes.

        Returns
        -------
        tuple of NodeCourse
            One for each node that lives.
        """
        key = (state.target, state.uid or state.name)
        history = self._histories.pop(key, None) or NodeHistory()
        # The one that was looked at last is forgotten last.
        self._histories[key] = history
        if len(self._histories) > _KEPT:
            del self._histories[next(iter(self._histories))]
        return history.add(nodes, self._clock.monotonic_s())


def may_idle(cluster: dict[str, Any]) -> bool:
    """Tell whether a cluster, as JSON, may have GPUs that its person could free.

    A cluster of this machine has whatever GPUs Ray finds, so its description does not tell.
    """
    if cluster["phase"] != ClusterPhase.READY.value or cluster["origin"] == Origin.FOREIGN.value:
        return False
    spec = cluster["spec"]
    parts = [spec["head"], spec["worker"], *(group["worker"] for group in spec["more_groups"])]
    return cluster["target"] == LOCAL or any(part["gpus"] for part in parts)


class NodeWatch:
    """Looks at all clusters that may have idle GPUs.

    Parameters
    ----------
    apps
        The services.
    hub
        Knows the clusters.
    histories
        What remembers.
    """

    def __init__(self, apps: Apps, hub: Hub, histories: NodeHistories) -> None:
        self._apps = apps
        self._hub = hub
        self._histories = histories
        self._room = asyncio.Semaphore(_AT_A_TIME)
        #: Number of the look in which each cluster had its turn.
        self._turns: dict[tuple[str, str], int] = {}
        self._turn = 0

    async def run(self) -> None:
        """Look until it is cancelled."""
        while True:
            await asyncio.sleep(LOOK_S)
            await self.look()

    async def look(self) -> None:
        """Look at each of them once, or at as many as there is time for.

        One that does not answer is passed over.
        """
        self._turn += 1
        found = [(c["target"], c["name"]) for c in self._hub.snapshot()["clusters"] if may_idle(c)]
        self._turns = {key: self._turns.get(key, 0) for key in found}
        due = sorted(found, key=self._turns.__getitem__)[:_IN_ONE_LOOK]
        self._turns |= dict.fromkeys(due, self._turn)
        await asyncio.gather(*(self._look_at(*key) for key in due))

    async def _look_at(self, target: str, name: str) -> None:
        app = next(
            (a for a in self._apps.known() if any(t.name == target for t in a.targets())), None
        )
        if app is None:
            return
        with contextlib.suppress(RayspaceError, TimeoutError):
            async with self._room, asyncio.timeout(_ANSWER_S):
                state = await app.clusters.status(name, target=target)
                self._histories.take(state, await app.clusters.nodes(name, target=target))
