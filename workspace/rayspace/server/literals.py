"""Defaults and values of parameters, as far as JSON can hold them."""

from __future__ import annotations

import ast
import json
import math
from typing import Any


def json_default(code: str) -> tuple[Any, bool]:
    """Return a default as JSON holds it, and whether there is one.

    Parameters
    ----------
    code
        The default as code; empty for none.

    Returns
    -------
    tuple of Any and bool
        The value: None for none, and for one that is no literal or that JSON does not know.
    """
    if not code:
        return None, False
    try:
        value = ast.literal_eval(code)
        # Keys that are no texts, sets, infinities: another value would come back.
        return json.loads(json.dumps(value, allow_nan=False)), True
    except (ValueError, SyntaxError, TypeError, RecursionError):
        return None, True


def json_value(value: Any) -> Any:
    """Return a value as every reader of JSON takes it: infinities and NaN as texts."""
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, list):
        return [json_value(item) for item in value]
    if isinstance(value, dict):
        return {key: json_value(item) for key, item in value.items()}
    return value
