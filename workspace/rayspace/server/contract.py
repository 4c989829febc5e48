"""What may be asked, as ``openapi.yaml`` says it: requests are checked against that one text."""

from __future__ import annotations

import functools
from importlib import resources
from typing import TYPE_CHECKING, Any

import yaml

from rayspace.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

#: Raised when one half could not understand the other any more. [1]
WIRE_VERSION = 1
_TRUE, _FALSE = {"true", "1", ""}, {"false", "0"}


@functools.cache
def description() -> dict[str, Any]:
    """Return the description of the interface."""
    text = resources.files("rayspace.server").joinpath("openapi.yaml").read_text("utf-8")
    # The same in C where there is one: a twentieth of the time.
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    loaded: dict[str, Any] = yaml.load(text, loader)  # noqa: S506  both are safe
    return loaded


def checked_body(path: str, method: str, body: Any) -> dict[str, Any]:
    """Return the body of a request that is as it should be.

    Parameters
    ----------
    path, method
        The operation, as the description names it.
    body
        What was sent.

    Raises
    ------
    UsageError
        If it is not.
    """
    asked = _resolved(_operation(path, method).get("requestBody") or {})
    if not asked:
        return {}
    schema = asked["content"]["application/json"]["schema"]
    _check(schema, body, "body")
    return dict(body)


def checked_query(path: str, method: str, given: Mapping[str, str]) -> dict[str, Any]:
    """Return the query of a request, by name, of the right types and with its defaults.

    Parameters
    ----------
    path, method
        The operation, as the description names it.
    given
        What was sent.

    Raises
    ------
    UsageError
        If a value is not as it should be.
    """
    found: dict[str, Any] = {}
    for item in _operation(path, method).get("parameters") or ():
        parameter = _resolved(item)
        if parameter["in"] != "query":
            continue
        name, schema = parameter["name"], _resolved(parameter["schema"])
        if name in given:
            found[name] = _read(given[name], schema["type"])
            _check(schema, found[name], name)
        elif "default" in schema:
            found[name] = schema["default"]
        elif parameter.get("required"):
            raise UsageError(f"{name} is missing in the query.", details={"name": name})
    return found


def _operation(path: str, method: str) -> dict[str, Any]:
    operation: dict[str, Any] = description()["paths"][path][method.lower()]
    return operation


def _resolved(item: dict[str, Any]) -> dict[str, Any]:
    reference = item.get("$ref")
    if not reference:
        return item
    found: Any = description()
    for part in str(reference).removeprefix("#/").split("/"):
        found = found[part]
    resolved: dict[str, Any] = found
    return resolved


def _read(text: str, kind: str) -> Any:
    try:
        if kind == "integer":
            return int(text)
        if kind == "number":
            return float(text)
    except ValueError:
        return text
    if kind == "boolean":
        return True if text in _TRUE else False if text in _FALSE else text
    return text


def _check(schema: dict[str, Any], value: Any, what: str) -> None:
    # Loaded already by whoever loads this: Jupyter's server checks its own with it.
    from jsonschema import Draft202012Validator
    from jsonschema.exceptions import best_match

    whole = {**schema, "components": description()["components"]}
    error = best_match(Draft202012Validator(whole).iter_errors(value))
    if error is None:
        return
    place = ".".join(str(part) for part in error.absolute_path)
    raise UsageError(
        f"{place or what} is not as it should be: {error.message[:300]}.",
        hint="See /rayspace in the description openapi.yaml.",
        details={"place": place or what},
    )
