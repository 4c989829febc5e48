"""Which requests to an API server are sent again, and after what time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rayspace.errors import GatewayTimeoutError, GatewayUnavailableError

if TYPE_CHECKING:
    import aiohttp
    import tenacity

#: Longest wait between two attempts, also where the server asks for a longer one. [s]
_LONGEST_PAUSE_S = 8.0


def may_pass(call: tenacity.RetryCallState) -> bool:
    """Whether a request that may be sent twice may succeed a moment later."""
    import aiohttp

    error = _error_of(call)
    if isinstance(error, GatewayTimeoutError):
        # Connections that were kept while a laptop slept are dead, and nobody says so. A server
        # that does not answer on a new one either is told, and at once where none can be made.
        is_dead = isinstance(error.__cause__, aiohttp.ConnectionTimeoutError)
        return call.attempt_number == 1 and not is_dead
    return isinstance(error, GatewayUnavailableError)


def was_unheard(call: tenacity.RetryCallState) -> bool:
    """Whether the server sent a request away before it did anything."""
    error = _error_of(call)
    return isinstance(error, GatewayUnavailableError) and error.details.get("status") == 429


def pause(call: tenacity.RetryCallState) -> float:
    """Return how long to wait before the next attempt. [s]"""
    asked = getattr(_error_of(call), "details", {}).get("retry_after_s") or 0.0
    return float(min(_LONGEST_PAUSE_S, max(asked, 0.25 * 2 ** (call.attempt_number - 1))))


def _error_of(call: tenacity.RetryCallState) -> BaseException | None:
    return call.outcome.exception() if call.outcome else None


def retry_after_s(response: aiohttp.ClientResponse) -> float:
    """Return how long the server asks to wait; 0 where it does not. [s]"""
    text = response.headers.get("Retry-After", "")
    return float(text) if text.isdigit() else 0.0
