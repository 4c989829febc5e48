"""Socket files to what panes show: made when first asked for, kept while somebody looks."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from weakref import WeakValueDictionary

from rayspace.errors import RefusedError
from rayspace.gateways.mlflow.lent_server import LocalMlflowWay
from rayspace.gateways.mlflow.probe import login_to
from rayspace.gateways.relay.pane_ways import HeadWay, UrlWay
from rayspace.gateways.relay.socket_file import UnixRelay
from rayspace.model.cluster import Origin
from rayspace.model.target import LOCAL, SIMULATED

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from rayspace.app import App
    from rayspace.model.cluster import ClusterState
    from rayspace.server.apps import Apps

#: Ray's dashboard is looked at; what changes something goes by our own routes.
_LOOKING = frozenset({"GET", "HEAD"})
_ALL = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"})
#: A way that nobody uses ends. [s]
_IDLE_S = 900.0
_LOOK_S = 30.0
#: What was there a moment ago is not looked for again. [s]
_FRESH_S = 3.0


class _Pane:
    def __init__(self, relay: UnixRelay) -> None:
        self.relay = relay
        self.asked_s = self.seen_s = 0.0


class Panes:
    """Socket files to heads and to MLflow.

    Parameters
    ----------
    apps
        The services of all projects.
    """

    def __init__(self, apps: Apps) -> None:
        self._apps = apps
        self._panes: dict[tuple[str, ...], _Pane] = {}
        #: Somebody else's clusters that were confirmed: by target, name, uid and owner.
        self._confirmed: set[tuple[str, ...]] = set()
        #: One for each pane: MLflow takes long to start, and Ray's dashboard does not wait for it.
        self._locks: WeakValueDictionary[tuple[str, ...], asyncio.Lock] = WeakValueDictionary()
        self._tidying: asyncio.Task[None] | None = None

    async def confirm(self, target: str, name: str, owner: str) -> ClusterState:
        """Let the dashboard of a cluster be shown, also of somebody else's whose name is confirmed.

        Parameters
        ----------
        target, name
            The cluster.
        owner
            Whose it is, as the person was told; empty for unknown.

        Raises
        ------
        RefusedError
            For another owner's.
        """
        state = await self._apps.with_target(target).clusters.status(name, target=target)
        if state.origin is Origin.FOREIGN:
            if owner != state.owner:
                raise _unconfirmed(state)
            self._confirmed.add(_whose(state))
        return state

    async def ray(self, target: str, name: str) -> str:
        """Return the socket file to the dashboard of a cluster.

        Parameters
        ----------
        target, name
            The cluster: one that is known, and no other address.

        Raises
        ------
        RefusedError
            For somebody else's that was not confirmed: scripts of its pages run as Jupyter's own,
            so whoever made it could act as the person who looks.
        """
        app, now_s = self._apps.with_target(target), asyncio.get_running_loop().time()
        for key, pane in self._panes.items():
            if key[:3] == ("ray", target, name) and now_s - pane.seen_s < _FRESH_S:
                # A page asks for many things at once; the cluster was there a moment ago.
                pane.asked_s = now_s
                return str(pane.relay.path)
        state = await app.clusters.status(name, target=target)
        if state.origin is Origin.FOREIGN and _whose(state) not in self._confirmed:
            raise _unconfirmed(state)
        key = ("ray", target, state.name, state.uid)

        async def made() -> _Pane:
            return _Pane(UnixRelay(HeadWay(app.door, state.address), _LOOKING))

        return await self._socket(key, made)

    async def place(self, path: str, target: str = LOCAL) -> str:
        """Return how the pane is called that shows the runs of a project's jobs on a target.

        Parameters
        ----------
        path
            A notebook or folder of the project.
        target
            The target.
        """
        app = self._apps.of(path)
        if target == SIMULATED:
            # It is played on this machine, and so are its runs.
            target = LOCAL
        root = self._apps.of("")
        if app.project == root.project or (
            _knows(root, target) and app.tracking_key(target) == root.tracking_key(target)
        ):
            return target
        # Each project may name a tracking server of its own, or have a database of its own.
        return f"{target}:{self._apps.path_of(app.project)}"

    async def mlflow(self, place: str) -> str:
        """Return the socket file to MLflow.

        Parameters
        ----------
        place
            As `place` calls it: a target, for one project after a colon a path of the project.
        """
        app, target = self._meant(place)
        key = ("mlflow", *app.tracking_key(target))
        return await self._socket(key, lambda: self._to_mlflow(app, target))

    def _meant(self, place: str) -> tuple[App, str]:
        """Return the services that a place names, and the target; names may hold colons."""
        app, target = self._apps.with_target(place), place
        while not _knows(app, target):
            target, colon, _ = target.rpartition(":")
            if not colon:
                return self._apps.with_target(place), place
            app = self._apps.of(place[len(target) + 1 :])
        return app, target

    async def close(self) -> None:
        """Close all."""
        if self._tidying is not None:
            self._tidying.cancel()
        panes, self._panes = list(self._panes.values()), {}
        for pane in panes:
            await pane.relay.close()

    async def _socket(self, key: tuple[str, ...], make: Callable[[], Awaitable[_Pane]]) -> str:
        # Held by who uses it, and gone with the last of them.
        lock = self._locks.setdefault(key, asyncio.Lock())
        async with lock:
            pane = self._panes.get(key)
            if pane is None:
                pane = await make()
                await pane.relay.start()
                self._panes[key] = pane
        pane.asked_s = pane.seen_s = asyncio.get_running_loop().time()
        if self._tidying is None:
            self._tidying = asyncio.get_running_loop().create_task(self._tidy())
        return str(pane.relay.path)

    async def _to_mlflow(self, app: App, target: str) -> _Pane:
        server = await app.tracking_of(target)
        if not server.uri.startswith(("http://", "https://")):
            local, _ = app.local_mlflow
            # What hinders it is told before a page is half there.
            await local.ready()
            return _Pane(UnixRelay(LocalMlflowWay(local), _ALL))
        parts = urlsplit(server.uri)
        userinfo, _, netloc = parts.netloc.rpartition("@")
        login = login_to(server.userinfo or userinfo, app.environ)
        return _Pane(UnixRelay(UrlWay(parts._replace(netloc=netloc).geturl(), login), _ALL))

    async def _tidy(self) -> None:
        while self._panes:
            await asyncio.sleep(_LOOK_S)
            now_s = asyncio.get_running_loop().time()
            for key, pane in list(self._panes.items()):
                if now_s - pane.asked_s > _IDLE_S:
                    await self._panes.pop(key).relay.close()
        self._tidying = None


def _knows(app: App, target: str) -> bool:
    return any(target == known.name for known in app.targets())


def _whose(state: ClusterState) -> tuple[str, ...]:
    return (state.target, state.name, state.uid, state.owner)


def _unconfirmed(state: ClusterState) -> RefusedError:
    whose = f"is {state.owner}'s" if state.owner else "was not made by rayspace"
    return RefusedError(
        f"The cluster {state.name!r} {whose}.",
        hint="Its pages can act as you in Jupyter: open them from the panel, which asks before.",
        details={"name": state.name, "owner": state.owner},
    )
