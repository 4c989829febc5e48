"""Turn given values into values of a parameter's type, or refuse them.

A value becomes JSON-compatible here or is refused: it is stored with the job and injected from
there. Arrays and their scalars are known by their methods; no array library is imported.
"""

from __future__ import annotations

import ast
import json
import numbers
import os
from collections.abc import Mapping
from typing import TYPE_CHECKING

from rayspace.model.parameter import Text

if TYPE_CHECKING:
    from collections.abc import Callable

    from rayspace.core.notebooks.parameter_types import ValueType

_TRUTH = {
    **dict.fromkeys(("true", "yes", "1"), True),
    **dict.fromkeys(("false", "no", "0"), False),
}
_NONE_TEXTS = {"None", "null"}
_PYTHON_TYPES = {
    "none": type(None),
    "int": int,
    "float": float,
    "str": str,
    "bool": bool,
    "list": list,
    "dict": dict,
}
#: Python literals that can't be mistaken for a word or a date: ``2024_01`` is a number to Python.
_LITERAL_STARTS = ("[", "(", "{", "'", '"')


class UnfitValueError(ValueError):
    """A value is not of the type that is expected."""


def fit_value(kind: ValueType, value: object) -> object:
    """Turn a value into one of a type.

    Parameters
    ----------
    kind
        The type that is expected.
    value
        A value of Python, or a `Text` of a command line. A plain string is also read as text where
        it does not fit as it is: YAML reads ``1e-3`` as a string.

    Returns
    -------
    object
        A JSON-compatible value; a whole number given for a float becomes a float.

    Raises
    ------
    UnfitValueError
        If it does not fit.
    """
    if isinstance(value, Text):
        return _first(kind, lambda member: _from_text(member, str(value)))
    try:
        return _first(kind, lambda member: _checked(member, value))
    except UnfitValueError:
        if not isinstance(value, str):
            raise
    return _first(kind, lambda member: _from_text(member, value))


def plain_value(value: object) -> object:
    """Turn a value into JSON's own types.

    Parameters
    ----------
    value
        Any value; infinity and NaN are allowed, since the notebook's languages know them.

    Returns
    -------
    object
        Dicts, lists, strings, numbers, booleans or None.

    Raises
    ------
    UnfitValueError
        If it has no place in JSON.
    """
    value = _scalar(value)
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        # Of a member of an enum its text, not its name.
        return str.__str__(value)
    if isinstance(value, numbers.Integral):
        return int(value)
    if isinstance(value, numbers.Real):
        return float(value)
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if isinstance(value, (list, tuple)):
        return [plain_value(item) for item in value]
    if isinstance(value, Mapping) and all(isinstance(key, str) for key in value):
        return {str(key): plain_value(item) for key, item in value.items()}
    raise UnfitValueError


def _first(kind: ValueType, convert: Callable[[ValueType], object]) -> object:
    """Return the value of the first alternative of a type that fits."""
    for alternative in kind.alternatives:
        try:
            return convert(alternative)
        # Not a number, too large for a float, no literal, nested too deep or in itself.
        except (ValueError, OverflowError, SyntaxError, RecursionError, MemoryError):
            continue
    raise UnfitValueError


def _scalar(value: object) -> object:
    """Unwrap a scalar of an array library."""
    item = getattr(value, "item", None)
    return item() if callable(item) and getattr(value, "shape", None) == () else value


def _checked(kind: ValueType, value: object) -> object:
    value = plain_value(value)
    if kind.kind == "any":
        return value
    if kind.kind == "literal":
        # 1 == True in Python, but not for whoever wrote Literal[True].
        if any(type(value) is type(choice) and value == choice for choice in kind.choices):
            return value
        raise UnfitValueError
    if kind.kind == "float" and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    # Exactly: True is no int here.
    if type(value) is not _PYTHON_TYPES.get(kind.kind):
        raise UnfitValueError
    if kind.members and isinstance(value, list):
        return [fit_value(kind.members[0], item) for item in value]
    if kind.members and isinstance(value, dict):
        return {key: fit_value(kind.members[0], item) for key, item in value.items()}
    return value


def _from_text(kind: ValueType, text: str) -> object:
    stripped = text.strip()
    if kind.kind == "str":
        return text
    if kind.kind == "int":
        return _int(stripped)
    if kind.kind == "float":
        return float(stripped)
    if kind.kind == "bool" and stripped.lower() in _TRUTH:
        return _TRUTH[stripped.lower()]
    if kind.kind == "none" and stripped in _NONE_TEXTS:
        return None
    if kind.kind == "literal":
        for choice in kind.choices:
            if text == (choice if isinstance(choice, str) else repr(choice)):
                return choice
        return _checked(kind, _literal(stripped))
    if kind.kind in {"list", "dict"}:
        return _checked(kind, _literal(stripped))
    if kind.kind == "any":
        try:
            return plain_value(_literal(stripped, words=True))
        except (ValueError, SyntaxError):
            return text
    raise UnfitValueError


def _int(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        return int(text, base=0)


def _literal(text: str, *, words: bool = False) -> object:
    """Read JSON, else a literal of Python; with ``words`` not what only Python calls a number."""
    try:
        value: object = json.loads(text)
    except json.JSONDecodeError:
        if words and not text.startswith(_LITERAL_STARTS) and text not in {"None", "True", "False"}:
            raise
        try:
            value = ast.literal_eval(text)
        except TypeError as fault:
            # A set or a mapping of what can be in none.
            raise ValueError(str(fault)) from fault
    return value
