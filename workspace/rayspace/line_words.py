"""Split the line of a magic into words, and put Python values into them.

IPython would expand the line first and split it then, so that a value with a space becomes two
words and one unknown name leaves the whole line as it is. Here the line is split first, as a shell
does, and each word is expanded alone: ``{expression}`` and ``$name``, except in single quotes.
"""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING

from rayspace.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import CodeType

_PLACE = re.compile(r"\{\{|\}\}|\{(?P<expression>[^{}]+)\}|\$(?P<name>[A-Za-z_]\w*)")
#: Stands for a character that single quotes protected; private use, so nobody types it.
_PROTECTED = {"{": "\ue000", "}": "\ue001", "$": "\ue002"}
_OPEN, _CLOSE = "\ue003", "\ue004"
_HELD = re.compile(f"{_OPEN}(\\d+){_CLOSE}")
_PLACED = r"\{[^{}]*\}"
#: What may hold an apostrophe that quotes nothing comes first: an escaped one, a word in double
#: quotes, and a place, whose expression has quotes of its own.
_QUOTED = re.compile(
    rf"""\\.|"(?:\\.|{_PLACED}|[^"\\{{]|\{{(?![^{{}}]*\}}))*"|{_PLACED}|(?P<single>'[^']*')"""
)


def words_of(line: str, namespace: Mapping[str, object]) -> list[str]:
    """Split a line and expand its words.

    Parameters
    ----------
    line
        The line after the name of the magic.
    namespace
        The names that may be used in it.

    Returns
    -------
    list of str
        The words.

    Raises
    ------
    UsageError
        If a quote is left open, or a name is not defined.
    """
    values: list[str] = []

    def hold(match: re.Match[str]) -> str:
        """Put a stand-in where a value goes, so that splitting does not see into either."""
        text = match.group()
        if text not in {"{{", "}}"}:
            code = _expression(match)
            if code is None:
                return text
            text = _value(text, code, namespace)
        else:
            text = text[0]
        values.append(text)
        return f"{_OPEN}{len(values) - 1}{_CLOSE}"

    held = _PLACE.sub(hold, _QUOTED.sub(_protect, line))
    try:
        words = shlex.split(held)
    except ValueError as exc:
        raise UsageError(
            f"A quote is open in: {line.strip()}",
            hint="""Close it, or put the word into double quotes: "don't".""",
        ) from exc
    return [_HELD.sub(lambda match: values[int(match[1])], _restore(word)) for word in words]


def _protect(match: re.Match[str]) -> str:
    text = match.group()
    if match["single"]:
        for character, stand_in in _PROTECTED.items():
            text = text.replace(character, stand_in)
    return text


def _restore(word: str) -> str:
    for character, stand_in in _PROTECTED.items():
        word = word.replace(stand_in, character)
    return word


def _expression(match: re.Match[str]) -> CodeType | None:
    """Compile what stands in a place; None for braces that hold no expression, as of JSON."""
    try:
        return compile((match["name"] or match["expression"]).strip(), "<magic>", "eval")
    except SyntaxError:
        return None


def _value(text: str, code: CodeType, namespace: Mapping[str, object]) -> str:
    try:
        # What a person types in their own session, with that session's names.
        return str(eval(code, dict(namespace)))  # noqa: S307
    except Exception as exc:  # the person's own expression may raise anything
        raise UsageError(
            f"{text} can't be filled in: {type(exc).__name__}: {exc}.",
            hint="Define the name in a cell above, or put the word into single quotes.",
        ) from exc
