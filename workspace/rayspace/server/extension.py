"""Join the workspace to a Jupyter server: handlers at its addresses, and an end when it ends."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jupyter_server.base.handlers import APIHandler
from jupyter_server.utils import url_path_join
from tornado import web

from rayspace.errors import MissingExtraError
from rayspace.loop import on_exit
from rayspace.persons_environment import PersonsEnvironment
from rayspace.server.route import RouteHandler
from rayspace.server.routes import ROUTES, pattern_of
from rayspace.server.stream import StreamHandler
from rayspace.server.workspace import Workspace

if TYPE_CHECKING:
    from jupyter_server.serverapp import ServerApp

_RAY_PANE = "/rayspace/proxy/ray/(?P<target>[^/]+)/(?P<cluster>[^/]+)/(?P<rest>.*)"
_MLFLOW_PANE = "/rayspace/proxy/mlflow/(?P<target>[^/]+)/(?P<rest>.*)"


class _NoPaneHandler(RouteHandler):
    """Says how panes can be shown, where jupyter-server-proxy is not installed."""

    async def _answer(self, method: str, where: dict[str, str]) -> None:
        raise MissingExtraError("jupyter_server_proxy", extra="jupyter")


class _NothingHandler(APIHandler):
    """Answers for an address below ours that leads nowhere."""

    auth_resource = "rayspace"

    write_error = RouteHandler.write_error

    @web.authenticated
    async def get(self) -> None:
        """There is nothing."""
        raise web.HTTPError(404)

    post = put = patch = delete = get


def load(server: ServerApp, workspace: Workspace | None = None) -> Workspace:
    """Add the handlers to a server.

    Parameters
    ----------
    server
        The server.
    workspace
        What they work with; by default one for the server's root folder.

    Returns
    -------
    Workspace
        What they work with.
    """
    made = workspace or Workspace(Path(server.root_dir), PersonsEnvironment(os.environ))
    on_exit(made.close)
    base = str(server.web_app.settings["base_url"])
    server.web_app.add_handlers(".*$", _handlers(base, made))  # type: ignore[no-untyped-call]
    server.log.info("rayspace serves %s", url_path_join(base, "rayspace"))
    return made


def _handlers(base: str, workspace: Workspace) -> list[tuple[Any, ...]]:
    routes = [
        (
            pattern_of(template),
            RouteHandler,
            {"workspace": workspace, "template": template, "answers": answers},
        )
        for template, answers in ROUTES.items()
    ]
    found: list[tuple[Any, ...]] = [
        ("/rayspace/changes", StreamHandler, {"workspace": workspace}),
        *routes,
        *_panes(workspace),
        ("/rayspace(?:/.*)?", _NothingHandler),
    ]
    return [(url_path_join(base, pattern), *rest) for pattern, *rest in found]


def _panes(workspace: Workspace) -> list[tuple[Any, ...]]:
    if importlib.util.find_spec("jupyter_server_proxy") is None:
        nothing = {"workspace": workspace, "template": "", "answers": {}}
        return [(pattern, _NoPaneHandler, nothing) for pattern in (_RAY_PANE, _MLFLOW_PANE)]
    from rayspace.server.proxy import PaneHandler, TokenScriptHandler

    return [
        ("/rayspace/proxy/xsrf.js", TokenScriptHandler),
        (_RAY_PANE, PaneHandler, {"workspace": workspace, "kind": "ray"}),
        (_MLFLOW_PANE, PaneHandler, {"workspace": workspace, "kind": "mlflow"}),
    ]
