"""Which requests to an API server are sent again, and after what time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rayspace.errors import AccessError, GatewayUnavailableError

if TYPE_CHECKING:
    import aiohttp
    import tenacity

#: Longest wait between two attempts, also where the server asks for a longer one. [s]
_LONGEST_PAUSE_S = 8.0


def may_pass(error: BaseException) -> bool:
    """Whether the same request may succeed a moment later."""
    if isinstance(error, AccessError):
        return False
    return isinstance(error, GatewayUnavailableError)


def was_unheard(error: BaseException) -> bool:
    """Whether the server sent a request away before it did anything."""
    return isinstance(error, GatewayUnavailableError) and error.details.get("status") == 429


def pause(call: tenacity.RetryCallState) -> float:
    """Return how long to wait before the next attempt. [s]"""
    error = call.outcome.exception() if call.outcome else None
    asked = getattr(error, "details", {}).get("retry_after_s") or 0.0
    return float(min(_LONGEST_PAUSE_S, max(asked, 0.25 * 2 ** (call.attempt_number - 1))))


def retry_after_s(response: aiohttp.ClientResponse) -> float:
    """Return how long the server asks to wait; 0 where it does not. [s]"""
    text = response.headers.get("Retry-After", "")
    return float(text) if text.isdigit() else 0.0
