"""Ask for JSON or text over HTTP; what can go wrong becomes our errors. Standard library only.

No proxy is ever used: both partners are inside the cluster. No redirect is followed: it would
carry a token elsewhere. Errors quote what the other side said, never what was sent.
"""

from __future__ import annotations

import http.client
import json
import urllib.error
import urllib.request
from typing import TYPE_CHECKING, Any

from rayspace.errors import (
    AccessError,
    ConflictError,
    GatewayError,
    GatewayUnavailableError,
    NotFoundError,
)

if TYPE_CHECKING:
    import ssl
    from collections.abc import Mapping

#: No answer that we ask for is larger. [bytes]
_LARGEST_BYTES = 16 * 2**20


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        return None


def exchange(
    system: str,
    method: str,
    url: str,
    *,
    headers: Mapping[str, str],
    timeout_s: float,
    body: Any = None,
    context: ssl.SSLContext | None = None,
) -> Any:
    """Send one request and return the JSON document that comes back.

    Parameters
    ----------
    system
        Who is asked, as people call it.
    method, url, headers
        The request.
    timeout_s
        Longest wait for each step of the exchange. [s]
    body
        What to send as JSON; None for nothing.
    context
        Whom to trust, for HTTPS.

    Returns
    -------
    Any
        The document.

    Raises
    ------
    AccessError
        If the other side does not know us, or does not allow it: 401, 403.
    NotFoundError
        If there is no such thing: 404.
    ConflictError
        If it has changed meanwhile: 409.
    GatewayUnavailableError
        If nobody answers in time, or the other side is not well: 429, 5xx.
    GatewayError
        If the answer is another, or no JSON.
    """
    content = _sent(system, method, url, headers, timeout_s, body, context)
    try:
        return json.loads(content)
    except ValueError as error:
        raise GatewayError(
            f"{system} answered {_operation(method, url)} with something that is no JSON.",
            system=system,
            operation=_operation(method, url),
        ) from error


def fetch_text(
    system: str,
    url: str,
    *,
    headers: Mapping[str, str],
    timeout_s: float,
    context: ssl.SSLContext | None = None,
) -> str:
    """Fetch a text; parameters and errors are those of `exchange`.

    Returns
    -------
    str
        The text, what is no UTF-8 in it replaced.
    """
    content = _sent(system, "GET", url, headers, timeout_s, None, context)
    return content.decode(errors="replace")


def _operation(method: str, url: str) -> str:
    path = urllib.request.Request(url).selector.partition("?")[0]  # noqa: S310
    return f"{method} {path}"


def _sent(
    system: str,
    method: str,
    url: str,
    headers: Mapping[str, str],
    timeout_s: float,
    body: Any,
    context: ssl.SSLContext | None,
) -> bytes:
    handlers: list[urllib.request.BaseHandler] = [urllib.request.ProxyHandler({}), _NoRedirect()]
    if context is not None:
        handlers.append(urllib.request.HTTPSHandler(context=context))
    request = urllib.request.Request(  # noqa: S310  the addresses are the cluster's own
        url,
        data=None if body is None else json.dumps(body).encode(),
        headers=dict(headers),
        method=method,
    )
    operation = _operation(method, url)
    try:
        with urllib.request.build_opener(*handlers).open(request, timeout=timeout_s) as answer:
            content: bytes = answer.read(_LARGEST_BYTES)
            return content
    except urllib.error.HTTPError as error:
        raise _refusal(error, system, operation) from error
    except (OSError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", error)
        raise GatewayUnavailableError(
            f"{system} does not answer: {reason}.", system=system, operation=operation
        ) from error
    except ValueError:
        # Its text would quote the header.
        raise GatewayError(
            f"The token for {system} holds something that no header may hold.",
            system=system,
            operation=operation,
        ) from None


def _refusal(
    error: urllib.error.HTTPError, system: str, operation: str
) -> AccessError | NotFoundError | ConflictError | GatewayError:
    try:
        with error:
            text = " ".join(error.read(2000).decode(errors="replace").split())[:300]
    except (OSError, http.client.HTTPException):
        text = ""
    fact = f"{system} answered {operation} with {error.code}: {text or error.reason}"
    details = {"system": system, "operation": operation, "status": error.code}
    if error.code in (401, 403):
        return AccessError(fact, details=details)
    if error.code == 404:
        return NotFoundError(fact, details=details)
    if error.code == 409:
        return ConflictError(fact, details=details)
    if error.code == 429 or error.code >= 500:
        return GatewayUnavailableError(fact, system=system, operation=operation, details=details)
    return GatewayError(fact, system=system, operation=operation, details=details)
