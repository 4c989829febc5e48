"""The one handler of all routes: who may, what was asked, and what is answered, also for errors."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from jupyter_server.auth.decorator import authorized
from jupyter_server.base.handlers import APIHandler
from tornado import web

from rayspace.errors import RayspaceError, UsageError
from rayspace.loop import in_background
from rayspace.model.wire import to_wire
from rayspace.server.ask import Accepted, Ask
from rayspace.server.contract import checked_body, checked_query
from rayspace.server.errors import error_body, status_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping
    from types import TracebackType

    from rayspace.server.workspace import Workspace

    Answer = Callable[[Ask], Awaitable[Any]]

#: Bodies are wishes, not files. [bytes]
_BODY_LIMIT_BYTES = 4 * 2**20


class RouteHandler(APIHandler):
    """Answers one path; what is asked of it is done in the background loop, where services live."""

    auth_resource = "rayspace"

    def initialize(
        self, workspace: Workspace, template: str, answers: Mapping[str, Answer]
    ) -> None:
        """Take what the table of routes says.

        Parameters
        ----------
        workspace
            All that the server has.
        template
            The path, as the description names it.
        answers
            What answers each method.
        """
        self._workspace = workspace
        self._template = template
        self._answers = answers

    @web.authenticated
    @authorized
    async def get(self, **where: str) -> None:
        """Answer a question."""
        await self._answer("GET", where)

    @web.authenticated
    @authorized
    async def post(self, **where: str) -> None:
        """Do what is asked; Jupyter has checked the XSRF token before."""
        await self._answer("POST", where)

    async def _answer(self, method: str, where: dict[str, str]) -> None:
        answer = self._answers.get(method)
        if answer is None:
            raise web.HTTPError(405)
        given = {name: self.get_query_argument(name) for name in self.request.query_arguments}
        ask = Ask(
            self._workspace,
            where,
            checked_query(self._template, method, given),
            checked_body(self._template, method, self._json()) if method == "POST" else {},
        )
        value = await in_background(_done(answer, ask))
        if isinstance(value, Accepted):
            self.set_status(202)
            value = value.operation
        self.set_header("Cache-Control", "no-store")
        self.finish(json.dumps(to_wire(value)))

    def _json(self) -> Any:
        if len(self.request.body) > _BODY_LIMIT_BYTES:
            raise UsageError("The body is too large.", hint="A wish has at most 4 MiB.")
        try:
            return json.loads(self.request.body or b"{}")
        except ValueError as exc:
            raise UsageError("The body is not JSON.", hint=str(exc)) from exc

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """Answer an error: the only place that does."""
        error = (kwargs.get("exc_info") or (None, None))[1]
        if isinstance(error, RayspaceError):
            status_code = status_of(error)
        self.set_status(status_code)
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


async def _done(answer: Answer, ask: Ask) -> Any:
    return await answer(ask)
