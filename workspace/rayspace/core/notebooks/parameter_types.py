"""Types of notebook parameters: read from annotations and defaults, and applied to values.

The types are those that JSON can carry, since parameters are stored with the job. Nothing is
evaluated: annotations and defaults are syntax here.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass

#: Annotation names by the kind they stand for. JSON has lists only: a tuple arrives as a list.
_KINDS = {
    "int": "int",
    "float": "float",
    "str": "str",
    "bool": "bool",
    **dict.fromkeys(
        ("list", "List", "tuple", "Tuple", "Sequence", "MutableSequence", "Iterable", "Collection"),
        "list",
    ),
    **dict.fromkeys(("dict", "Dict", "Mapping", "MutableMapping"), "dict"),
}
_TRANSPARENT = {"Annotated", "Final", "ClassVar", "Required", "NotRequired"}
#: Order in which the members of a union are tried: "1" is a number before it is a truth value, and
#: everything is text.
_UNION_ORDER = ("none", "int", "float", "bool", "literal", "list", "dict", "str")


@dataclass(frozen=True)
class ValueType:
    """Which values a parameter takes.

    Parameters
    ----------
    kind
        ``int float str bool list dict none literal union`` or ``any``.
    members
        Of a union its members, of a list or dict the type of its elements, if one is given.
    choices
        Of a literal its values.
    """

    kind: str
    members: tuple[ValueType, ...] = ()
    choices: tuple[object, ...] = ()

    def __str__(self) -> str:
        inner = ", ".join(map(str, self.members))
        if self.kind == "union":
            ordered = sorted(self.members, key=lambda member: member.kind == "none")
            return " | ".join(map(str, ordered))
        if self.kind == "literal":
            return f"Literal[{', '.join(map(repr, self.choices))}]"
        if self.kind == "dict" and inner:
            return f"dict[str, {inner}]"
        if self.kind == "list" and inner:
            return f"list[{inner}]"
        return "None" if self.kind == "none" else self.kind

    @property
    def alternatives(self) -> tuple[ValueType, ...]:
        """The types to try one after the other; the type itself where it is no union."""
        if self.kind != "union":
            return (self,)
        return tuple(sorted(self.members, key=lambda member: _UNION_ORDER.index(member.kind)))


ANY = ValueType("any")
NONE = ValueType("none")


def parse_type(text: str) -> ValueType:
    """Read a type from an annotation's text.

    Parameters
    ----------
    text
        Such as ``"int"`` or ``"list[float] | None"``.

    Returns
    -------
    ValueType
        The type; ``any`` for what can't be read.
    """
    try:
        return annotation_type(ast.parse(text.strip(), mode="eval").body)
    except (SyntaxError, ValueError, RecursionError):
        return ANY


def annotation_type(node: ast.expr) -> ValueType:
    """Read a type from an annotation.

    Parameters
    ----------
    node
        The annotation, as syntax; quoted ones are read too.

    Returns
    -------
    ValueType
        The type; ``any`` for one that JSON does not know.
    """
    if isinstance(node, ast.Constant):
        if node.value is None:
            return NONE
        return parse_type(node.value) if isinstance(node.value, str) else ANY
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
        return union_type(annotation_type(node.left), annotation_type(node.right))
    if isinstance(node, ast.Subscript):
        return _subscript_type(_last_name(node.value), node.slice)
    kind = _KINDS.get(_last_name(node))
    return ValueType(kind) if kind else ANY


def default_type(node: ast.expr) -> ValueType:
    """Read a type from a default value.

    Parameters
    ----------
    node
        The default, as syntax.

    Returns
    -------
    ValueType
        The type of its value; ``any`` for None and for what only running would tell.
    """
    if isinstance(node, ast.Constant):
        kind = type(node.value).__name__
        return ValueType(kind) if kind in {"int", "float", "str", "bool"} else ANY
    if isinstance(node, ast.UnaryOp):
        if isinstance(node.op, ast.Not):
            return ValueType("bool")
        operand = default_type(node.operand)
        return ValueType("int") if operand.kind == "bool" else operand
    if isinstance(node, ast.BinOp):
        return _operation_type(node)
    displays: list[tuple[type[ast.expr], str]] = [
        (ast.List, "list"),
        (ast.Tuple, "list"),
        (ast.ListComp, "list"),
        (ast.Dict, "dict"),
        (ast.DictComp, "dict"),
        (ast.JoinedStr, "str"),
        (ast.Compare, "bool"),
    ]
    return next((ValueType(kind) for shape, kind in displays if isinstance(node, shape)), ANY)


def union_type(*members: ValueType) -> ValueType:
    """Join types into one that takes the values of each.

    Parameters
    ----------
    *members
        The types, unions among them.

    Returns
    -------
    ValueType
        A union without duplicates; ``any`` if a member is that.
    """
    flat: list[ValueType] = []
    for member in members:
        flat += member.members if member.kind == "union" else (member,)
    distinct = tuple(dict.fromkeys(flat))
    if ANY in distinct:
        return ANY
    return distinct[0] if len(distinct) == 1 else ValueType("union", distinct)


def _subscript_type(name: str, inner: ast.expr) -> ValueType:
    arguments = inner.elts if isinstance(inner, ast.Tuple) else [inner]
    if not arguments:
        return ANY
    if name == "Literal":
        return _literal_type(arguments)
    if name == "Optional":
        return union_type(annotation_type(inner), NONE)
    if name == "Union":
        return union_type(*map(annotation_type, arguments))
    if name in _TRANSPARENT:
        return annotation_type(arguments[0])
    kind = _KINDS.get(name)
    if kind == "dict":
        element = annotation_type(arguments[-1])
    elif kind == "list":
        ends_open = isinstance(arguments[-1], ast.Constant) and arguments[-1].value is Ellipsis
        types = {annotation_type(argument) for argument in arguments[: -1 if ends_open else None]}
        element = types.pop() if len(types) == 1 else ANY
    else:
        return ANY
    return ValueType(kind) if element == ANY else ValueType(kind, (element,))


def _literal_type(arguments: list[ast.expr]) -> ValueType:
    choices: list[object] = []
    for argument in arguments:
        try:
            value = ast.literal_eval(argument)
        except ValueError:
            return ANY
        if not isinstance(value, (str, int, bool, type(None))):
            return ANY
        choices.append(value)
    return ValueType("literal", choices=tuple(choices))


def _operation_type(node: ast.BinOp) -> ValueType:
    left, right = default_type(node.left), default_type(node.right)
    kinds = {left.kind, right.kind}
    if left.kind in {"str", "list"} and isinstance(node.op, (ast.Add, ast.Mod, ast.Mult)):
        return ValueType(left.kind)
    if not kinds <= {"int", "float", "bool"}:
        return ANY
    negative_power = isinstance(node.op, ast.Pow) and isinstance(node.right, ast.UnaryOp)
    if "float" in kinds or isinstance(node.op, ast.Div) or negative_power:
        return ValueType("float")
    return ValueType("int")


def _last_name(node: ast.expr) -> str:
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""
