"""Which HTTP status an error has, and the one body that all errors have."""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import Any

from rayspace import errors

#: By class; the nearest in the order of inheritance counts.
_STATUS: dict[type[errors.RayspaceError], int] = {
    errors.RayspaceError: 500,
    errors.SpecError: 400,
    errors.NotFoundError: 404,
    errors.ConflictError: 409,
    errors.RefusedError: 403,
    errors.MissingExtraError: 501,
    errors.StorageError: 507,
    errors.GatewayError: 502,
    errors.GatewayUnavailableError: 503,
    errors.GatewayTimeoutError: 504,
    errors.JobFailedError: 409,
}
_LOGIN = "Log in to Jupyter again: reload the page."
#: What the server itself says, by status: code, sentence and hint.
_OWN: dict[int, tuple[str, str, str]] = {
    400: ("bad_request", "The request can't be understood.", ""),
    403: ("unauthorized", "The request shows no login of Jupyter, or may not do this.", _LOGIN),
    404: ("not_found", "There is nothing at this address.", ""),
    405: ("method_not_allowed", "This address does not take that method.", ""),
}


def status_of(error: errors.RayspaceError) -> int:
    """Return the HTTP status of an error. [1]"""
    return next(_STATUS[kind] for kind in type(error).__mro__ if kind in _STATUS)


def error_body(error: BaseException | None, status: int) -> dict[str, Any]:
    """Return what is answered for an error: nothing of its inner workings if it is a defect.

    Parameters
    ----------
    error
        What was raised; None for nothing of ours.
    status
        The HTTP status. [1]

    Returns
    -------
    dict
        Code, message, hint and details.
    """
    if isinstance(error, errors.RayspaceError):
        return wire_error(error)
    phrase = HTTPStatus(status).phrase if status in HTTPStatus._value2member_map_ else "Error"
    defect = ("internal", "Something went wrong in the Jupyter server.", "See the server's log.")
    fallback = defect if status >= 500 else ("bad_request", f"{phrase}.", "")
    code, message, hint = _OWN.get(status, fallback)
    return {"code": code, "message": message, "hint": hint, "details": {}}


def wire_error(error: errors.RayspaceError) -> dict[str, Any]:
    """Return an error as JSON can hold it."""
    body: dict[str, Any] = json.loads(json.dumps(error.to_wire(), default=str))
    return body
