"""Look at jobs for all tabs together, and only while somebody sees them.

The truth of a job is in its run and at its head, neither of which tells when something changes. So
it is looked at: often while a job is under way, seldom while none is, and at once when the database
of this machine changes or something was done here.
"""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rayspace.errors import RayspaceError
from rayspace.extras import missing_extras
from rayspace.model.wire import to_wire
from rayspace.server.errors import wire_error

if TYPE_CHECKING:
    from rayspace.app import App
    from rayspace.model.progress import Stage
    from rayspace.server.apps import Apps
    from rayspace.server.hub import Hub

#: Jobs of each tracking server that are shown. [1]
_LIMIT = 50
#: Time between two looks: at least, while a job is under way, and while none is. [s]
_LEAST_S, _BUSY_S, _CALM_S = 1.0, 2.0, 10.0
#: As the last, where all that could change is in files of this machine, which tell of it. [s]
_TOLD_S = 60.0
_SQLITE = "sqlite:///"


class JobWatch:
    """Tells the hub of all jobs.

    Parameters
    ----------
    apps
        The services of all projects.
    hub
        What it tells.
    """

    def __init__(self, apps: Apps, hub: Hub) -> None:
        self._apps = apps
        self._hub = hub
        self._hidden: set[object] = set()
        self._poked = asyncio.Event()
        self._listed: dict[object, dict[str, dict[str, Any]]] = {}

    def see(self, key: object, *, is_visible: bool) -> None:
        """Note whether somebody who listens sees what they are told."""
        (self._hidden.discard if is_visible else self._hidden.add)(key)
        if is_visible:
            self.poke()

    @property
    def is_seen(self) -> bool:
        """Whether anybody who listens sees what they are told."""
        return len(self._hidden) < self._hub.n_listeners

    def leave(self, key: object) -> None:
        """Let go of somebody who listens no more."""
        self._hidden.discard(key)

    def poke(self) -> None:
        """Look at once."""
        self._poked.set()

    async def run(self) -> None:
        """Look until it is cancelled."""
        self._listed.clear()
        while True:
            if self.is_seen:
                self._poked.clear()
                stamp = self._stamp()
                is_busy = await self._look()
                await asyncio.sleep(_LEAST_S)
                calm_s = _TOLD_S if self._is_told() else _CALM_S
                await self._calm(_BUSY_S if is_busy else calm_s, stamp)
            else:
                await self._poked.wait()
                self._poked.clear()

    async def _calm(self, duration_s: float, stamp: object) -> None:
        """Wait so long, [s], or until something happens."""
        loop = asyncio.get_running_loop()
        end = loop.time() + duration_s - _LEAST_S
        while loop.time() < end and self._stamp() == stamp and not self._poked.is_set():
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_LEAST_S / 2):
                    await self._poked.wait()

    async def _look(self) -> bool:
        """List the jobs of each project; whether one is under way."""
        found: dict[str, dict[str, Any]] = {}
        problems: dict[str, dict[str, Any]] = {}
        listed: dict[object, dict[str, dict[str, Any]]] = {}
        for ledger, apps in self._ledgers().items():
            projects = [self._apps.path_of(app.project) for app in apps]
            untold: list[Stage] = []
            known = self._listed.get(ledger)
            try:
                with missing_extras():
                    jobs = await apps[0].jobs.list(limit=_LIMIT, report=untold.append)
            except RayspaceError as exc:
                problems |= dict.fromkeys(projects, wire_error(exc))
            else:
                # Jobs of a server that does not answer are still there.
                before = known if known and untold else {}
                known = {**before, **{job.name: to_wire(job) for job in jobs}}
            if known is None:
                continue
            listed[ledger] = known
            for name, job in known.items():
                of = found[name]["projects"] if name in found else []
                found[name] = {**job, "projects": sorted({*of, *projects})}
        self._listed = listed
        self._hub.jobs_problems(problems)
        if listed:
            self._hub.jobs(list(found.values()))
        return any(job["phase"] in {"pending", "running"} for job in found.values())

    def _ledgers(self) -> dict[object, list[App]]:
        """Return the services of all projects, together those whose jobs are kept together."""
        together: dict[object, list[App]] = {}
        for app in self._projects():
            together.setdefault((app.tracking_uri, tuple(app.targets())), []).append(app)
        return together

    def _projects(self) -> list[App]:
        """Return the services of the projects asked about, and of those that have clusters."""
        known = {app.project: app for app in self._apps.known()}
        for cluster in self._hub.snapshot()["clusters"]:
            project = Path(cluster["project"] or "/")
            if project not in known and self._apps.contents_path(str(project)) and project.is_dir():
                known[project] = self._apps.of_project(project)
        return list(known.values())

    def _is_told(self) -> bool:
        """Whether all jobs are kept in databases of this machine."""
        return all(
            app.tracking_uri.startswith(_SQLITE) and len(app.targets()) == 1
            for app in self._apps.known()
        )

    def _stamp(self) -> object:
        """Return a value that changes when a database of this machine does."""
        times = []
        for app in self._apps.known():
            uri = app.tracking_uri
            if uri.startswith(_SQLITE):
                with contextlib.suppress(OSError):
                    times.append(Path(uri.removeprefix(_SQLITE)).stat().st_mtime_ns)
        return times
