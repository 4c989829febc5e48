"""Watch the clusters of all targets: one watch each, shared by all tabs."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import TYPE_CHECKING, Any

from rayspace.errors import GatewayError, RayspaceError
from rayspace.model.target import LOCAL
from rayspace.model.wire import to_wire
from rayspace.server.errors import wire_error
from rayspace.server.watching import ended

if TYPE_CHECKING:
    from rayspace.app import App
    from rayspace.model.target import Target
    from rayspace.server.apps import Apps
    from rayspace.server.hub import Hub

#: Time between two looks for other targets, and for another choice. [s]
_LOOK_S = 1.0
#: Before a target that does not answer is tried anew: at first, and at most. [s]
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 1.0, 60.0
_log = logging.getLogger(__name__)


def target_state(
    target: Target, state: str = "unknown", problem: RayspaceError | None = None
) -> dict[str, Any]:
    """Return a target, and whether it answers, as JSON.

    Parameters
    ----------
    target
        The target.
    state
        ``unknown``, ``answers``, ``silent`` or ``refused``.
    problem
        Why it does not answer.
    """
    wire: dict[str, Any] = to_wire(target)
    return {**wire, "state": state, "problem": wire_error(problem) if problem else None}


def trouble_of(target: Target, error: RayspaceError) -> dict[str, Any]:
    """Return a target that does not answer, as JSON."""
    return target_state(target, "silent" if isinstance(error, GatewayError) else "refused", error)


class TargetWatch:
    """Tells the hub of all clusters.

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

    async def run(self) -> None:
        """Watch until it is cancelled."""
        tasks: dict[Target, asyncio.Task[None]] = {}
        try:
            while True:
                # The first project that names a target says how it is reached.
                wanted: dict[str, tuple[Target, App]] = {}
                for app in self._apps.known():
                    for target in app.targets():
                        wanted.setdefault(target.name, (target, app))
                targets = {target for target, _ in wanted.values()}
                for gone in [target for target in tasks if target not in targets]:
                    await ended([tasks.pop(gone)])
                    self._drop(gone)
                for target, app in wanted.values():
                    if target in tasks and tasks[target].done():
                        error = tasks.pop(target).exception()
                        _log.error("Watching %s stumbled", target.name, exc_info=error)
                    if target not in tasks:
                        if self._hub.target_state(target.name) is None:
                            self._hub.target(target_state(target))
                        follow = self._follow(app, target)
                        tasks[target] = asyncio.get_running_loop().create_task(follow)
                self._tell_choice()
                await asyncio.sleep(_LOOK_S)
        finally:
            await ended(tasks.values())

    def _tell_choice(self) -> None:
        for app in self._apps.known():
            name = app.clusters.chosen_name()
            where = app.clusters.chosen_target() or (LOCAL if name else "")
            project = self._apps.path_of(app.project)
            self._hub.chosen({"project": project, "target": where, "name": name})

    def _drop(self, target: Target) -> None:
        for name in self._hub.cluster_names(target.name):
            self._hub.cluster_gone(target.name, name)

    async def _follow(self, app: App, target: Target) -> None:
        """Follow the clusters of one target; what is a defect ends it, and it begins anew."""
        pause_s = _FIRST_PAUSE_S
        while True:
            try:
                async with contextlib.aclosing(app.clusters.watch(target.name)) as changes:
                    is_first = True
                    async for changed in changes:
                        if is_first:
                            for name in self._hub.cluster_names(target.name) - changed.keys():
                                self._hub.cluster_gone(target.name, name)
                            self._hub.target(target_state(target, "answers"))
                            is_first, pause_s = False, _FIRST_PAUSE_S
                        for name, state in changed.items():
                            if state is None:
                                self._hub.cluster_gone(target.name, name)
                            else:
                                self._hub.cluster(to_wire(state))
            except RayspaceError as exc:
                # What is known stays, and is shown as old.
                self._hub.target(trouble_of(target, exc))
            await asyncio.sleep(pause_s)
            pause_s = min(_LONGEST_PAUSE_S, 2 * pause_s)
