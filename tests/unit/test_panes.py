"""Socket files to what panes show: each is made by itself."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

from rayspace.gateways.memory.clusters import MemoryClusterGateway, MemoryWorld
from rayspace.model.cluster import ClusterSpec
from rayspace.model.progress import silent
from rayspace.server.panes import Panes


class SlowTracking:
    """Services whose MLflow takes as long to start as a test wants."""

    def __init__(self, clusters: MemoryClusterGateway) -> None:
        self.door = None
        self.environ: dict[str, str] = {}
        self.clusters = SimpleNamespace(status=lambda name, **_: clusters.get(name))
        self.go_on = asyncio.Event()
        self.n_asked = 0

    def targets(self) -> list[SimpleNamespace]:
        return [SimpleNamespace(name="local")]

    def tracking_key(self, target: str) -> tuple[str, ...]:
        return (target,)

    async def tracking_of(self, target: str) -> SimpleNamespace:
        self.n_asked += 1
        await self.go_on.wait()
        return SimpleNamespace(uri="http://mlflow.example:5000", userinfo="")


async def test_rays_dashboard_does_not_wait_for_an_mlflow_that_starts():
    gateway = MemoryClusterGateway(MemoryWorld())
    await gateway.create(ClusterSpec("a", "laptop"), silent)
    app = SlowTracking(gateway)
    panes = Panes(SimpleNamespace(with_target=lambda _: app))
    mlflow = [asyncio.create_task(panes.mlflow("local")) for _ in range(2)]
    await asyncio.sleep(0)

    async with asyncio.timeout(120):
        shown = await panes.ray("local", "a")
    assert not any(task.done() for task in mlflow)
    app.go_on.set()
    first, second = await asyncio.gather(*mlflow)

    assert first == second != shown
    assert app.n_asked == 1, "one pane is made once"
    await panes.close()
