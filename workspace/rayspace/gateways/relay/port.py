"""A port of this machine that leads to MLflow, with this person's credentials.

MLflow's client knows nothing of kubeconfigs and of socket files; what it sends here goes on through
the API server, or to a server of this person's. Bodies stream both ways. The token that it shows
stays here and is never logged. What fails on the way is answered with 503, after which MLflow's
client tries again for some minutes, so that a pod that restarts or an API server that is away for a
moment costs nothing but time. An API server's proxy also ends answers in their middle: Go's
net/http closes the body of a request as soon as the answer to it comes, and takes its connection to
MLflow for broken if it has not seen the end of that body by then, as happens on a busy machine. So
a short answer to what only reads is passed on when it is whole, and asked for again until then.
"""

from __future__ import annotations

import contextlib
import html
import json
import logging
from typing import TYPE_CHECKING, Any

import tenacity

from rayspace.errors import GatewayError, RayspaceError, RefusedError
from rayspace.gateways.relay.guard import (
    RelayGuard,
    is_of_this_machine,
    is_same_origin,
    stays_below,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from aiohttp import ClientResponse, web

    from rayspace.gateways.relay.way import Way

#: Where a browser changes its key for a cookie.
ENTRANCE = "/-/rayspace/enter"
#: Of one connection only (RFC 9110, 7.6.1), or ours and not MLflow's.
_NOT_PASSED = {
    *("connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "te", "trailer"),
    *("transfer-encoding", "upgrade", "host", "authorization", "cookie", "origin", "referer"),
    *("accept-encoding", "expect", "forwarded"),
}
_NOT_PASSED_STARTS = ("impersonate-", "x-remote-", "sec-", "x-forwarded-")
_NOT_RETURNED = {
    *("connection", "keep-alive", "proxy-authenticate", "te", "trailer", "transfer-encoding"),
    *("upgrade", "set-cookie", "www-authenticate"),
}
_NOT_RETURNED_STARTS = ("access-control-", "audit-", "x-kubernetes-")
_RETRY_AFTER_S = 2
#: Posts that change nothing: MLflow takes what it shall look for in a body.
_READING_ENDS = ("/search", "/graphql")
#: What is kept whole, to be sent again or to be passed on at once. [bytes]
_SHORT_BYTES = 2**19
#: How often what only reads is asked. [1]
_ATTEMPTS = 5
_BROKE_OFF = "MLflow's answer broke off."
_READ, _PASS_ON = "read its answer", "pass its answer on"
_log = logging.getLogger(__name__)


class TrackingRelay:
    """A port of 127.0.0.1 that leads to MLflow.

    Parameters
    ----------
    way
        How MLflow is reached.
    guard
        Who may use it.
    """

    def __init__(self, way: Way, guard: RelayGuard) -> None:
        self.guard = guard
        self._way = way
        self._runner: web.AppRunner | None = None
        self._port = 0

    @property
    def port(self) -> int:
        """The port; 0 while closed. [1]"""
        return self._port

    @property
    def uri(self) -> str:
        """Where it is, without the token."""
        return f"http://127.0.0.1:{self._port}"

    def browser_uri(self) -> str:
        """Return an address that lets one browser in, once."""
        return f"{self.uri}{ENTRANCE}?key={self.guard.new_key()}"

    async def start(self) -> None:
        """Listen; asks nothing of anybody before somebody connects."""
        from aiohttp import web

        if self._runner is not None:
            return
        # Nothing is written about who asks for what: it would hold the keys of browsers.
        runner = web.AppRunner(
            self._application(), access_log=None, handler_cancellation=True, shutdown_timeout=1.0
        )
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        self._runner, self._port = runner, int(runner.addresses[0][1])

    async def close(self) -> None:
        """Stop listening and end all connections."""
        runner, self._runner = self._runner, None
        if runner is not None:
            await runner.cleanup()
        await self._way.close()

    def _application(self) -> web.Application:
        from aiohttp import web

        application = web.Application()
        application.router.add_get(ENTRANCE, self._enter)
        application.router.add_route("*", "/{path:.*}", self._serve)
        return application

    async def _enter(self, request: web.Request) -> web.StreamResponse:
        from aiohttp import web

        cookie = self.guard.cookie_for(request.query.get("key", ""))
        if not cookie or not is_of_this_machine(request.host, self._port):
            return _page(403, "This address was used already, or is not whole.")
        response = web.Response(status=303, headers={"Location": "/"})
        response.set_cookie(self._cookie_name, cookie, httponly=True, samesite="Strict", path="/")
        response.headers["Referrer-Policy"] = "no-referrer"
        response.headers["Cache-Control"] = "no-store"
        return response

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        if not is_of_this_machine(request.host, self._port) or not self._may(request):
            return _page(403, "This relay serves the person who started it.")
        if not stays_below(request.raw_path):
            return _page(400, "This path leads nowhere in MLflow.")
        try:
            return await self._pass_on(request)
        except RefusedError as exc:
            return _failure(403, exc)
        except RayspaceError as exc:
            _log.debug("%s %s: %s", request.method, request.path, exc.message)
            return _failure(503, exc)

    @property
    def _cookie_name(self) -> str:
        # Browsers keep one jar for all ports of a machine.
        return f"rayspace-mlflow-{self._port}"

    def _may(self, request: web.Request) -> bool:
        if self.guard.is_program(request.headers.get("Authorization", "")):
            return True
        cookie = request.cookies.get(self._cookie_name, "")
        return self.guard.is_browser(cookie) and is_same_origin(request.headers)

    async def _pass_on(self, request: web.Request) -> web.StreamResponse:
        data: Any = request.content if request.body_exists else None
        if data is not None and (request.content_length or _SHORT_BYTES) < _SHORT_BYTES:
            data = await request.read()
        if not _only_reads(request) or not isinstance(data, bytes | None):
            return await self._ask(request, data)
        retrying = tenacity.AsyncRetrying(
            stop=tenacity.stop_after_attempt(_ATTEMPTS),
            retry=tenacity.retry_if_exception(_may_be_asked_again),
            reraise=True,
        )
        return await retrying(self._ask, request, data)

    async def _ask(self, request: web.Request, data: Any) -> web.StreamResponse:
        from aiohttp import web

        async with self._way.opened(
            request.method, request.raw_path, headers=_passed(request.headers), data=data
        ) as answer:
            if answer.status >= 400 or (_only_reads(request) and _is_short(answer)):
                return web.Response(
                    status=answer.status,
                    body=await _whole(answer),
                    headers=self._returned(answer, is_whole=True),
                )
            response = web.StreamResponse(status=answer.status, headers=self._returned(answer))
            await response.prepare(request)
            async with _whole_or_none(request):
                async for chunk in answer.content.iter_any():
                    await response.write(chunk)
            await response.write_eof()
            return response

    def _returned(self, answer: ClientResponse, *, is_whole: bool = False) -> dict[str, str]:
        headers = {
            name: value
            for name, value in answer.headers.items()
            if name.lower() not in _NOT_RETURNED
            and not name.lower().startswith(_NOT_RETURNED_STARTS)
            and not (is_whole and name.lower() in {"content-length", "content-encoding"})
        }
        if "Location" in headers:
            headers["Location"] = self._way.local_path(headers["Location"])
        return headers


def _may_be_asked_again(error: BaseException) -> bool:
    """Whether an answer broke off of which nothing was passed on."""
    return isinstance(error, GatewayError) and error.operation == _READ


def _only_reads(request: web.Request) -> bool:
    is_search = request.method == "POST" and request.path.endswith(_READING_ENDS)
    return request.method == "GET" or is_search


def _is_short(answer: ClientResponse) -> bool:
    return answer.content_length is not None and answer.content_length <= _SHORT_BYTES


async def _whole(answer: ClientResponse) -> bytes:
    import aiohttp

    try:
        return await answer.read()
    except (aiohttp.ClientPayloadError, aiohttp.ClientOSError, ConnectionError) as exc:
        raise GatewayError(_BROKE_OFF, system="MLflow", operation=_READ) from exc


@contextlib.asynccontextmanager
async def _whole_or_none(request: web.Request) -> AsyncIterator[None]:
    """Cut the connection where a body breaks off, so that nobody takes a part for the whole."""
    import aiohttp

    try:
        yield
    except (aiohttp.ClientError, OSError, TimeoutError) as exc:
        if request.transport is not None:
            request.transport.abort()
        raise GatewayError(_BROKE_OFF, system="MLflow", operation=_PASS_ON) from exc


def _passed(headers: Mapping[str, str]) -> dict[str, str]:
    passed = {
        name: value
        for name, value in headers.items()
        if name.lower() not in _NOT_PASSED and not name.lower().startswith(_NOT_PASSED_STARTS)
    }
    # Bodies go through as they are.
    return {**passed, "Accept-Encoding": "identity"}


def _failure(status: int, error: RayspaceError) -> web.Response:
    """Answer as MLflow would, so that its client shows the sentence."""
    from aiohttp import web

    code = "PERMISSION_DENIED" if status == 403 else "TEMPORARILY_UNAVAILABLE"
    body: dict[str, Any] = {"error_code": code, "message": str(error)}
    headers = {"Retry-After": str(_RETRY_AFTER_S)} if status == 503 else {}
    return web.Response(
        status=status, text=json.dumps(body), content_type="application/json", headers=headers
    )


def _page(status: int, sentence: str) -> web.Response:
    from aiohttp import web

    text = f"<!doctype html><title>rayspace</title><p>{html.escape(sentence)}"
    advice = "<p>Open MLflow with: <code>rayspace mlflow open</code>"
    return web.Response(status=status, text=text + advice, content_type="text/html")
