"""Turn values into JSON as sent: field names as they are, snake_case, units in the names."""

from __future__ import annotations

import dataclasses
import enum
import pathlib
from typing import Any


def to_wire(value: Any) -> Any:
    """Turn a value of the model, or a container of them, into JSON-compatible values.

    Parameters
    ----------
    value
        Dataclasses, enums, paths, mappings, sequences and JSON's own types.

    Returns
    -------
    Any
        Dicts, lists, strings, numbers, booleans and None.

    Raises
    ------
    TypeError
        If a value has no place in JSON.
    """
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {
            field.name: to_wire(getattr(value, field.name))
            for field in dataclasses.fields(value)
            if field.repr
        }
    if isinstance(value, enum.Enum):
        return value.value
    if value is None or isinstance(value, (str, int, float, bool)):
        return value
    if isinstance(value, pathlib.PurePath):
        return str(value)
    if isinstance(value, dict):
        return {str(key): to_wire(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        items = sorted(value) if isinstance(value, (set, frozenset)) else value
        return [to_wire(item) for item in items]
    message = f"{type(value).__name__} has no place in JSON"
    raise TypeError(message)
