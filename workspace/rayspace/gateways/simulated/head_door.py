"""The HTTP interface of a head that is only played: it tells of its nodes, and refuses the rest."""

from __future__ import annotations

import contextlib
import json
from typing import TYPE_CHECKING, Any, cast

from rayspace.core.kube.simulation import ray_answers, snapshot_of
from rayspace.core.kube.state import cluster_state
from rayspace.errors import GatewayUnavailableError, RefusedError
from rayspace.model.cluster import ClusterPhase
from rayspace.model.target import SIMULATED, Target

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import aiohttp

    from rayspace.gateways.contracts import Clock
    from rayspace.gateways.simulated.gateway import SimulatedGateway
    from rayspace.model.cluster import HeadAddress


class _Answer:
    """As much of an answer as is read."""

    status = 200

    def __init__(self, value: Any) -> None:
        self._text = json.dumps(value)

    async def text(self, errors: str = "strict") -> str:
        return self._text


class SimulatedDoor:
    """Answers in the place of heads; see `HeadDoor`.

    Parameters
    ----------
    gateway
        Knows what was asked for.
    clock
        Tells the time.
    """

    def __init__(self, gateway: SimulatedGateway, clock: Clock) -> None:
        self._gateway = gateway
        self._clock = clock

    @contextlib.asynccontextmanager
    async def request(
        self, head: HeadAddress, method: str, path: str, *, body: Any, timeout_s: float
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """Answer a question about nodes and jobs; refuse everything else."""
        cluster, now_ms = self._gateway.cluster(head.cluster), self._clock.now_ms()
        state = cluster_state(snapshot_of(cluster, now_ms), Target(SIMULATED, "", ""), "", "")
        if state.phase is not ClusterPhase.READY:
            raise GatewayUnavailableError(
                f"The simulated head of {head.cluster} is not there yet.",
                system="Ray",
                operation="reach it",
                hint=f"See how far it is with: rayspace cluster status {head.cluster}",
            )
        members, summary = ray_answers(cluster, now_ms)
        answers: dict[str, Any] = {"/api/v0/nodes": members, "/nodes": summary, "/api/jobs/": []}
        asked = path.partition("?")[0]
        if method != "GET" or asked not in answers:
            raise refusal(head.cluster)
        yield cast("aiohttp.ClientResponse", _Answer(answers[asked]))

    @contextlib.asynccontextmanager
    async def socket(
        self, head: HeadAddress, path: str
    ) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
        """Refuse."""
        raise refusal(head.cluster)
        yield


def refusal(name: str) -> RefusedError:
    """Return why nothing can be done with a cluster that is only played."""
    return RefusedError(
        f"The cluster {name!r} is simulated: there is no Ray that could be used.",
        hint="Use one that runs: rayspace cluster up laptop --on local",
        details={"name": name, "target": SIMULATED},
    )
