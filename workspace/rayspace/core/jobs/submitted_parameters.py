"""The parameters of a submission: those given, those of a sweep, and the notebook's own."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Any

from rayspace.core.jobs.sweep import trials_of
from rayspace.core.notebooks.parameters import convert_parameters, read_parameters
from rayspace.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rayspace.model.notebook import Notebook
    from rayspace.model.parameter import Parameter
    from rayspace.model.submission import SubmitRequest


def converted_parameters(
    known: tuple[Parameter, ...] | None, request: SubmitRequest
) -> tuple[dict[str, Any], tuple[dict[str, Any], ...]]:
    """Return the fixed parameters, and those of each trial, in their types."""
    both = [name for name in request.sweep if name in request.parameters]
    if both:
        raise UsageError(
            f"The parameter {both[0]!r} has one value, and a sweep over several.",
            hint=f"Leave out -p {both[0]}, or --sweep {both[0]}.",
        )
    combinations = trials_of(request.sweep)
    if not combinations:
        return convert_parameters(known, dict(request.parameters)), ()
    made = [convert_parameters(known, {**request.parameters, **c}) for c in combinations]
    fixed = {name: value for name, value in made[0].items() if name not in request.sweep}
    return fixed, tuple({name: values[name] for name in request.sweep} for values in made)


def known_parameters(notebook: Notebook) -> tuple[Parameter, ...] | None:
    """Return the parameters of a notebook; None where it has no cell for them."""
    source = notebook.parameters_source
    return None if source is None else read_parameters(source)


def default_values(known: Sequence[Parameter] | None) -> dict[str, Any]:
    """Read the defaults as values; one that is no literal stays the text it is."""
    values: dict[str, Any] = {}
    for parameter in known or ():
        try:
            values[parameter.name] = ast.literal_eval(parameter.default_repr)
        except (ValueError, SyntaxError):
            values[parameter.name] = parameter.default_repr
    return values
