"""All that the Jupyter server's half has, put together. It lives in the background loop."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rayspace.app import App
from rayspace.gateways.system_clock import SystemClock
from rayspace.server.apps import Apps
from rayspace.server.hub import Hub
from rayspace.server.job_log import JobLogReader
from rayspace.server.job_watch import JobWatch
from rayspace.server.node_watch import NodeHistories, NodeWatch
from rayspace.server.operations import Operations
from rayspace.server.panes import Panes
from rayspace.server.target_watch import TargetWatch
from rayspace.server.watching import Watching
from rayspace.services.recent_runs import RecentRuns

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from rayspace.server.apps import MakeApp


class Workspace:
    """What the handlers work with.

    Parameters
    ----------
    root
        The root folder of the Jupyter server.
    environ
        The environment.
    make_app
        Makes the services of a project.
    """

    def __init__(self, root: Path, environ: Mapping[str, str], make_app: MakeApp = App) -> None:
        clock = SystemClock()
        self.apps = Apps(root, environ, make_app)
        self.hub = Hub()
        self.jobs = JobWatch(self.apps, self.hub)
        self.targets = TargetWatch(self.apps, self.hub)
        self.histories = NodeHistories(clock)
        self.nodes = NodeWatch(self.apps, self.hub, self.histories)
        self.watching = Watching(self.hub, (self.targets, self.jobs, self.nodes))
        self.operations = Operations(clock, self.hub.operation)
        self.logs = JobLogReader(clock)
        self.panes = Panes(self.apps)
        self.runs = RecentRuns(clock)

    async def close(self) -> None:
        """End what goes on here; clusters and jobs go on."""
        await self.watching.close()
        await self.operations.close()
        await self.logs.close()
        await self.panes.close()
        await self.apps.close()
