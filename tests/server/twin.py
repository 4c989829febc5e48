"""A Jupyter server in a thread of the test, over twins: for states that real things can't take."""

from __future__ import annotations

import asyncio
import functools
import json
import os
import threading
from typing import TYPE_CHECKING, Any, Self

from jupyter_server.serverapp import ServerApp
from traitlets.config import Config

from rayspace.app import App
from rayspace.errors import GatewayUnavailableError
from rayspace.gateways.memory.clusters import MemoryClusterGateway, MemoryHeadGateway, MemoryWorld
from rayspace.gateways.memory.runs import MemoryRunGateway
from rayspace.gateways.profile_files import ProfileFiles
from rayspace.gateways.selection_file import SelectionFile
from rayspace.loop import run
from rayspace.model.cluster import ClusterSpec
from rayspace.model.progress import silent
from rayspace.model.target import LOCAL, Target
from rayspace.server.extension import load
from rayspace.server.workspace import Workspace
from rayspace.services.clusters import ClusterService
from rayspace.services.ending import JobEnder
from tests.ports import free_port
from tests.server.jupyter_process import TOKEN, JupyterProcess

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from rayspace.model.kernel import KernelFacts

FAR, DEAD = "far/away", "dead"


class DeadGateway(MemoryClusterGateway):
    """A target that does not answer."""

    async def list(self):
        raise GatewayUnavailableError(
            "The API server of dead does not answer.", system="Kubernetes", operation="list"
        )


class TwinApp(App):
    """Services over the twins of a server."""

    def __init__(
        self,
        project: Path,
        environ: Mapping[str, str],
        kernel: KernelFacts | None,
        twin: TwinServer,
    ) -> None:
        super().__init__(project, environ, kernel)
        self.twin = twin
        self.kernel = kernel

    def targets(self) -> list[Target]:
        return [
            Target(LOCAL, "", "", "machine"),
            Target(FAR, "far", "team-a"),
            Target(DEAD, "dead", "default", "kubeconfig"),
        ]

    @functools.cached_property
    def runs(self) -> MemoryRunGateway:
        return self.twin.runs_of.get(self.project.name, self.twin.runs)

    @functools.cached_property
    def clusters(self) -> ClusterService:
        gateways = dict(self.twin.gateways.items())
        return ClusterService(
            gateways,
            MemoryHeadGateway(self.twin.worlds[LOCAL]),
            ProfileFiles(self.project),
            SelectionFile(self.state_dir / "selection.json"),
            self.clock,
            str(self.project),
            JobEnder(MemoryHeadGateway(self.twin.worlds[LOCAL]), self.ledgers, self.clock),
            [FAR],
        )


class QuietServer(ServerApp):
    """A server in a thread, where no signals come."""

    def init_signal(self) -> None:
        """Hear none."""


class TwinServer(JupyterProcess):
    """A Jupyter server in a thread.

    Parameters
    ----------
    folder
        Where its files are.
    authorizer
        Says who may do what; by default everybody everything.
    with_lab
        Whether JupyterLab is served too.
    """

    def __init__(
        self, folder: Path, authorizer: type | None = None, *, with_lab: bool = False
    ) -> None:
        self.authorizer = authorizer
        self.with_lab = with_lab
        root = folder / "root"
        root.mkdir(parents=True, exist_ok=True)
        super().__init__(root, folder, folder / "state")
        self.port = free_port()
        self.worlds = {name: MemoryWorld() for name in (LOCAL, FAR, DEAD)}
        self.gateways = {
            LOCAL: MemoryClusterGateway(self.worlds[LOCAL]),
            FAR: MemoryClusterGateway(self.worlds[FAR], FAR),
            DEAD: DeadGateway(self.worlds[DEAD], DEAD),
        }
        self.runs = MemoryRunGateway()
        #: By name of a project that has a tracking server of its own.
        self.runs_of: dict[str, MemoryRunGateway] = {}
        self.apps: list[TwinApp] = []
        self.workspace: Workspace | None = None
        self._loop = asyncio.new_event_loop()
        self._started = threading.Event()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._server: QuietServer | None = None

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._started.wait(120)
        return self

    def __exit__(self, *_: object) -> None:
        assert self.workspace is not None
        run(self.workspace.close())
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result(120)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(120)

    def make(self, name: str, target: str = LOCAL, **changes: Any) -> None:
        """Make a cluster."""
        spec = ClusterSpec(name, "laptop", **changes)
        run(self.gateways[target].create(spec, silent))

    async def _end(self) -> None:
        assert self._server is not None
        self._server.http_server.stop()
        await self._server._cleanup()

    def _serve(self) -> None:
        asyncio.set_event_loop(self._loop)
        environ = {**os.environ, "RAYSPACE_STATE_DIR": str(self.state_dir)}

        def make_app(project: Path, environ: Mapping[str, str], kernel: KernelFacts | None) -> App:
            self.apps.append(TwinApp(project, environ, kernel, self))
            return self.apps[-1]

        config = Config()
        config.ServerApp.root_dir = str(self.root)
        config.ServerApp.allow_unauthenticated_access = False
        config.IdentityProvider.token = TOKEN
        if self.authorizer is not None:
            config.ServerApp.authorizer_class = self.authorizer
        for name in ("config", "data", "runtime"):
            (self.home / name).mkdir(exist_ok=True)
        server = QuietServer(
            config=config,
            port=self.port,
            port_retries=0,
            ip="127.0.0.1",
            open_browser=False,
            allow_root=True,
            config_dir=str(self.home / "config"),
            data_dir=str(self.home / "data"),
            runtime_dir=str(self.home / "runtime"),
            log_level="ERROR",
        )
        if self.with_lab:
            # Ours is loaded by hand, over the twins.
            enabled = {"jupyterlab": True, "rayspace.server": False}
            chosen = self.home / "config" / "jupyter_server_config.d"
            chosen.mkdir()
            words = {"ServerApp": {"jpserver_extensions": enabled}}
            (chosen / "twin.json").write_text(json.dumps(words))
        server.initialize(argv=[], find_extensions=self.with_lab)
        self.workspace = load(server, Workspace(self.root, environ, make_app))
        self._server = server
        self._loop.call_soon(self._started.set)
        self._loop.run_forever()
