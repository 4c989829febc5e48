"""Defaults of parameters, as far as JSON can hold them."""

from __future__ import annotations

import ast
import json
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
