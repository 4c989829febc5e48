"""Ray's dashboard and MLflow's pages as panes: jupyter-server-proxy's handlers, made safe.

Those forward Jupyter's cookie and login, check no XSRF token and hold back whole answers. Here both
lead to socket files behind which nothing of Jupyter's arrives, whoever changes something shows the
token, and bodies stream. Nothing but known clusters and the tracking servers of known targets can
be reached, whatever the address says.
"""

from __future__ import annotations

import json
from importlib import resources
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import aiohttp
import yarl
from jupyter_server.auth.decorator import authorized
from jupyter_server.base.handlers import JupyterHandler
from jupyter_server_proxy.handlers import ProxyHandler
from tornado import web

from rayspace.errors import RayspaceError, UsageError
from rayspace.gateways.relay.guard import stays_below
from rayspace.loop import in_background
from rayspace.server.errors import error_body, status_of

if TYPE_CHECKING:
    from types import TracebackType

    from rayspace.server.workspace import Workspace

#: Of an answer is passed on what the relay left, but for what belongs to a connection.
_OF_CONNECTIONS = {"connection", "transfer-encoding", "server", "date", "content-length"}
#: Jupyter's, and nobody else's business.
_OF_JUPYTER = ("Cookie", "Authorization", "Origin", "Referer", "X-Xsrftoken")
#: Scripts in somebody's results must not run as if they were Jupyter's own.
_SANDBOX = "sandbox; default-src 'none'; img-src data:; style-src 'unsafe-inline'"
_XSRF_SCRIPT = b'<script src="%s"></script>'
#: Parts of the address of a pane below Jupyter's base.
_DEPTHS = {"ray": 5, "mlflow": 4}
#: The longest page that a script is put into. [bytes]
_PAGE_BYTES = 2**20


class PaneHandler(ProxyHandler):  # type: ignore[misc]
    """Shows what is behind a socket file.

    Parameters
    ----------
    workspace
        All that the server has.
    kind
        ``ray`` or ``mlflow``.
    """

    auth_resource = "rayspace"

    def __init__(self, *args: Any, workspace: Workspace, kind: str, **kwargs: Any) -> None:
        # A page that is only looked at must not keep a server from being culled.
        super().__init__(*args, update_last_activity=False, **kwargs)
        self._workspace = workspace
        self._kind = kind

    def check_xsrf_cookie(self) -> None:
        """Check as Jupyter does: the token is put into the page of the pane."""
        JupyterHandler.check_xsrf_cookie(self)

    async def prepare(self, *args: Any, **kwargs: Any) -> None:
        """Let nobody in who is not logged in, with no way round by a login page."""
        await JupyterHandler.prepare(self, _redirect_to_login=False)
        if not self.current_user:
            raise web.HTTPError(403)

    @web.authenticated
    async def get(self, **where: str) -> None:
        """Show something, or open a WebSocket."""
        await super().get(**where)

    @authorized
    async def http_get(self, **where: str) -> None:
        """Show a page, or what it needs."""
        await self._pass_on(where)

    @web.authenticated
    @authorized
    async def head(self, **where: str) -> None:
        """Show what a page is like."""
        await self._pass_on(where)

    @web.authenticated
    @authorized
    async def post(self, **where: str) -> None:
        """Do what a page asks."""
        await self._pass_on(where)

    put = patch = delete = post

    @web.authenticated
    def options(self, **where: str) -> None:
        """Answer to no other origin."""
        raise web.HTTPError(405)

    async def open(self, **where: str) -> None:
        """Open a WebSocket of a page."""
        allowed = self.authorizer.is_authorized(self, self.current_user, "read", self.auth_resource)
        if not (await allowed if hasattr(allowed, "__await__") else allowed):
            self.close(4003, "not allowed")
            return
        try:
            self.unix_socket = await self._socket_path(where)
        except RayspaceError as exc:
            self.close(4004, exc.message[:100])
            return
        await self.proxy_open("localhost", 80, self._rest())

    def get_request_headers_override(self) -> dict[str, str]:
        """Leave out what is Jupyter's."""
        for name in _OF_JUPYTER:
            self.request.headers.pop(name, None)
        return {"Host": "localhost"}

    async def _pass_on(self, where: dict[str, str]) -> None:
        path = self._rest()
        if self._kind == "mlflow" and path == "/" and (of := self.get_query_argument("path", "")):
            # The pages ask for what they need by relative addresses, so the project is in theirs.
            panes = self._workspace.panes
            place = quote(await in_background(panes.place(of, where["target"])), safe="")
            self.redirect(f"{self.base_url}rayspace/proxy/mlflow/{place}/")
            return
        socket_path = await self._socket_path(where)
        headers = dict(self.proxy_request_headers())
        query = f"?{self.request.query}" if self.request.query else ""
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=10.0)
        async with (
            aiohttp.ClientSession(
                connector=aiohttp.UnixConnector(socket_path), auto_decompress=False
            ) as session,
            session.request(
                str(self.request.method),
                # As it was sent: written otherwise it might mean something else.
                yarl.URL(f"http://localhost{path}{query}", encoded=True),
                headers=headers,
                data=self.request.body or None,
                allow_redirects=False,
                timeout=timeout,
            ) as answer,
        ):
            self._take_head(answer, path)
            if self._kind == "mlflow" and path == "/" and answer.content_type == "text/html":
                self.write(self._with_token(await answer.content.read(_PAGE_BYTES)))
            else:
                async for chunk in answer.content.iter_any():
                    self.write(chunk)
                    # Waits for a browser that reads slowly; jupyter-server-proxy's own does not.
                    await web.RequestHandler.flush(self)
            self.finish()

    def _take_head(self, answer: aiohttp.ClientResponse, path: str) -> None:
        self.set_status(answer.status, answer.reason)
        for name, value in answer.headers.items():
            if name.lower() in _OF_CONNECTIONS:
                continue
            self.set_header(name, self._base + value if name == "Location" else value)
        if "artifact" in path and "json" not in answer.content_type:
            self.set_header("Content-Security-Policy", _SANDBOX)
        self.set_header("X-Content-Type-Options", "nosniff")
        self.set_header("Referrer-Policy", "same-origin")

    def _with_token(self, page: bytes) -> bytes:
        """Let a page show Jupyter's XSRF token with what it asks of its own server."""
        script = f"{self.base_url}rayspace/proxy/xsrf.js".encode()
        # First of all scripts, since MLflow's keep what they find.
        return page.replace(b"<head>", b"<head>" + _XSRF_SCRIPT % script, 1)

    @property
    def _inner(self) -> list[str]:
        """The parts of the address below Jupyter's base, as they were sent."""
        return str(self.request.path)[len(self.base_url) :].split("/")

    @property
    def _base(self) -> str:
        """The address of the pane, without a slash at its end."""
        return f"{self.base_url}{'/'.join(self._inner[: _DEPTHS[self._kind]])}"

    def _rest(self) -> str:
        """Return what the address names within the pane, as it was sent."""
        path = "/" + "/".join(self._inner[_DEPTHS[self._kind] :])
        if not stays_below(path):
            raise UsageError("This address leads out of what the pane shows.")
        return path

    async def _socket_path(self, where: dict[str, str]) -> str:
        panes = self._workspace.panes
        if self._kind == "ray":
            opened = panes.ray(where["target"], where["cluster"])
        else:
            opened = panes.mlflow(where["target"])
        return str(await in_background(opened))

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """Answer an error as everywhere."""
        error = (kwargs.get("exc_info") or (None, None))[1]
        if isinstance(error, RayspaceError):
            status_code = status_of(error)
        self.set_status(status_code)
        self.set_header("Content-Type", "application/json")
        self.finish(json.dumps(error_body(error, status_code)))

    def log_exception(
        self,
        typ: type[BaseException] | None,
        value: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        """Log defects with their traceback, and what people did wrong not at all."""
        if not isinstance(value, RayspaceError):
            super().log_exception(typ, value, tb)


class TokenScriptHandler(JupyterHandler):
    """Gives the script that shows Jupyter's XSRF token with what a pane asks."""

    @web.authenticated
    def get(self) -> None:
        """Return the script."""
        self.set_header("Content-Type", "text/javascript; charset=utf-8")
        self.finish(resources.files("rayspace.server").joinpath("xsrf.js").read_bytes())
