"""Read what parameters a notebook has, and check the values that a job is to give it.

papermill only injects; what it infers of parameters is wrong for quoted ``#``, tuples and more, so
the cell tagged ``parameters`` is read as syntax here. Nothing is executed.
"""

from __future__ import annotations

import ast
import contextlib
import io
import json
import tokenize
from typing import TYPE_CHECKING, NoReturn

from rayspace.core.notebooks.parameter_types import (
    ANY,
    NONE,
    ValueType,
    annotation_type,
    default_type,
    parse_type,
    union_type,
)
from rayspace.core.notebooks.parameter_values import UnfitValueError, fit_value
from rayspace.core.notebooks.python_source import read_python
from rayspace.core.profiles.yaml_text import read_yaml_mapping
from rayspace.errors import ParameterError
from rayspace.model.parameter import Parameter
from rayspace.names import nearest

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_TAG_HINT = (
    "Tag the cell that sets the defaults: in JupyterLab select it, open the property inspector"
    " (the gears at the right) and add the tag 'parameters'."
)
#: Longer values are cut in messages. [1]
_SHOWN_CHARACTERS = 80


def read_parameters(source: str) -> tuple[Parameter, ...]:
    """Read the parameters of a Python notebook.

    Parameters
    ----------
    source
        Text of the cell tagged ``parameters``.

    Returns
    -------
    tuple of Parameter
        One for each name that is set at the top level of the cell, in order; names that begin
        with ``_`` are none.

    Raises
    ------
    ParameterError
        If the cell is not Python.
    """
    try:
        plain, tree = read_python(source)
    except SyntaxError as error:
        line = error.lineno or 1
        lines = source.split("\n")
        text = lines[line - 1].strip() if line <= len(lines) else ""
        raise ParameterError(
            f"The cell tagged 'parameters' is not Python: {error.msg} at line {line}: {text!r}.",
            hint="Correct the cell and save the notebook.",
            details={"line": line, "text": text},
        ) from error
    comments = _comments(plain)
    annotations: dict[str, ast.expr] = {}
    defaults: dict[str, ast.expr | None] = {}
    helps: dict[str, str] = {}
    for statement in tree.body:
        pairs: list[tuple[str, ast.expr | None]] = []
        if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
            pairs = [(statement.target.id, statement.value)]
            annotations[statement.target.id] = statement.annotation
        elif isinstance(statement, ast.Assign):
            for target in statement.targets:
                pairs += _names_and_defaults(target, statement.value)
        comment = comments.get(statement.end_lineno or 0) or comments.get(statement.lineno, "")
        for name, default in pairs:
            defaults[name] = default
            helps[name] = comment or helps.get(name, "")
    return tuple(
        Parameter(
            name=name,
            type=str(_type(annotations.get(name), default)),
            default_repr=ast.unparse(default) if default else "",
            help=helps[name],
        )
        for name, default in defaults.items()
        if not name.startswith("_")
    )


def convert_parameters(
    known: Sequence[Parameter] | None, given: Mapping[str, object]
) -> dict[str, object]:
    """Check values for a notebook's parameters, and turn them into their types.

    Parameters
    ----------
    known
        The notebook's parameters; None where it has no cell for them.
    given
        A value for each name. A value typed on a command line is a `Text`.

    Returns
    -------
    dict
        The given names with values of their types, JSON-compatible.

    Raises
    ------
    ParameterError
        If names are unknown, values do not fit, or one without a default is missing; all of it
        is said at once, in ``details["problems"]`` one by one.
    """
    if known is None:
        if not given:
            return {}
        raise ParameterError(
            f"The notebook takes no parameters: no cell is tagged 'parameters', but "
            f"{_quoted(given)} was given.",
            hint=_TAG_HINT,
            details={"problems": [_problem(name, "unknown", "") for name in given], "known": []},
        )
    by_name = {parameter.name: parameter for parameter in known}
    converted: dict[str, object] = {}
    problems: list[dict[str, str]] = []
    for name, value in given.items():
        parameter = by_name.get(name)
        if parameter is None:
            like = nearest(name, by_name)
            meant = f" (did you mean {like[0]!r}?)" if like else ""
            problems.append(_problem(name, "unknown", f"there is no parameter {name!r}{meant}"))
            continue
        try:
            converted[name] = fit_value(parse_type(parameter.type), value)
        except UnfitValueError:
            shown = repr(str(value) if isinstance(value, str) else value)
            if len(shown) > _SHOWN_CHARACTERS:
                shown = f"{shown[:_SHOWN_CHARACTERS]}..."
            expected = "a value that JSON knows" if parameter.type == "any" else parameter.type
            text = f"parameter {name!r} is {shown}, expected {expected}"
            problems.append(_problem(name, "wrong_type", text) | {"expected": parameter.type})
    problems += [
        _problem(name, "missing", f"parameter {name!r} has no default and needs a value")
        for name, parameter in by_name.items()
        if not parameter.default_repr and name not in given
    ]
    if problems:
        sentence = "; ".join(problem["message"] for problem in problems)
        listed = "; ".join(map(str, known))
        raise ParameterError(
            f"{sentence[0].upper()}{sentence[1:]}.",
            hint=f"The notebook's parameters are: {listed}."
            if listed
            else "The cell tagged 'parameters' sets no name.",
            details={"problems": problems, "known": [str(parameter) for parameter in known]},
        )
    return converted


def parse_parameters_file(text: str, name: str) -> dict[str, object]:
    """Read a file of parameter values.

    Parameters
    ----------
    text
        YAML, or JSON where ``name`` ends in ``.json``: a mapping of names to values.
    name
        What to call it in messages: its path.

    Returns
    -------
    dict
        The values by name.

    Raises
    ------
    ParameterError
        If it is no such mapping, a name is there twice, or a value is one that JSON does not know.
    """
    if not name.lower().endswith(".json"):
        return dict(read_yaml_mapping(text, name=name, error=ParameterError).value)

    def unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
        found: dict[str, object] = {}
        for key, value in pairs:
            if key in found:
                _refuse_file(name, f"the key {key!r} is there twice")
            found[key] = value
        return found

    try:
        values = json.loads(text, object_pairs_hook=unique)
    except json.JSONDecodeError as error:
        _refuse_file(name, f"{error.msg} at line {error.lineno}, column {error.colno}")
    except RecursionError:
        _refuse_file(name, "it is nested too deep")
    if not isinstance(values, dict):
        _refuse_file(name, "an object of names and values is expected")
    return values


def _type(annotation: ast.expr | None, default: ast.expr | None) -> ValueType:
    if annotation is None:
        return default_type(default) if default else ANY
    annotated = annotation_type(annotation)
    is_none = isinstance(default, ast.Constant) and default.value is None
    return union_type(annotated, NONE) if is_none else annotated


def _names_and_defaults(target: ast.expr, value: ast.expr) -> list[tuple[str, ast.expr | None]]:
    """Pair the names of an assignment with their values: ``u, v = 1, 2`` sets two."""
    if isinstance(target, ast.Name):
        return [(target.id, value)]
    if not isinstance(target, (ast.Tuple, ast.List)):
        return []
    values = value.elts if isinstance(value, (ast.Tuple, ast.List)) else []
    starred = any(isinstance(item, ast.Starred) for item in [*target.elts, *values])
    if starred or len(values) != len(target.elts):
        # Which value goes where only running would tell.
        unknown = ast.Constant(value=...)
        names = [item.value if isinstance(item, ast.Starred) else item for item in target.elts]
        return [(name.id, unknown) for name in names if isinstance(name, ast.Name)]
    pairs = zip(target.elts, values, strict=True)
    return [pair for item, part in pairs for pair in _names_and_defaults(item, part)]


def _comments(source: str) -> dict[int, str]:
    """Return the comment on each line, by line number."""
    comments: dict[int, str] = {}
    # Where the tokenizer is stricter than the parser, the comments up to there are still good.
    with contextlib.suppress(tokenize.TokenError, SyntaxError):
        for token in tokenize.generate_tokens(io.StringIO(source).readline):
            if token.type == tokenize.COMMENT:
                comments[token.start[0]] = token.string.lstrip("#").strip()
    return comments


def _problem(name: str, kind: str, message: str) -> dict[str, str]:
    return {"name": name, "kind": kind, "message": message}


def _quoted(names: Mapping[str, object]) -> str:
    return ", ".join(map(repr, names))


def _refuse_file(name: str, fact: str) -> NoReturn:
    raise ParameterError(
        f"{name} can't be read: {fact}.", hint="Write a mapping of names to values."
    ) from None
