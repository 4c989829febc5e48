"""Offer what may come next in a line: verbs, options, and names of what there is.

Sources of names are asked only when a name is wanted there, and only those that answer at once:
files on this machine, not clusters elsewhere.
"""

from __future__ import annotations

import argparse
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from rayspace.grammar import ALIASES, CLUSTER, FILE, JOB, NOTEBOOK, PROFILE, TARGET, verb_parsers

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from rayspace.grammar import Parser


def complete(parser: Parser, text: str, names: Callable[[str], Sequence[str]]) -> list[str]:
    """List what the last word of a line may become.

    Parameters
    ----------
    parser
        The grammar.
    text
        The line up to the cursor, without the name of the magic or the command.
    names
        Lists the names of a kind that the grammar knows.

    Returns
    -------
    list of str
        Whole words, sorted.
    """
    words = _split(text)
    last = words.pop() if words and not text[-1:].isspace() else ""
    verbs = verb_parsers(parser)
    verb = next((ALIASES.get(word, word) for word in words if not word.startswith("-")), None)
    if verb is None:
        options = _options(parser) if last.startswith("-") else list(verbs)
        return _matching(options, last)
    if verb not in verbs:
        return []
    after = words[1 + next(i for i, word in enumerate(words) if not word.startswith("-")) :]
    wanted = _wanted(verbs[verb], after)
    if isinstance(wanted, argparse.Action) and wanted.option_strings:
        return _matching(_values(wanted, last, names), last)
    if last.startswith("-"):
        return _matching([o for o in _options(verbs[verb]) if o not in after], last)
    found = _values(wanted, last, names) if wanted is not None else []
    return _matching(found, last) or _matching(_options(verbs[verb]) if not last else [], last)


def _split(text: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError:
        # An open quote: the person is still typing.
        return text.split()


def _options(parser: argparse.ArgumentParser) -> list[str]:
    return [
        text
        for action in parser._actions  # noqa: SLF001  argparse offers no other way
        for text in action.option_strings
        if text.startswith("--")
    ]


def _wanted(parser: Parser, words: Sequence[str]) -> argparse.Action | None:
    """Return the option that waits for a value, else the positional that comes next."""
    positionals = [a for a in parser._actions if not a.option_strings]  # noqa: SLF001
    by_option = {
        text: action
        for action in parser._actions  # noqa: SLF001
        for text in action.option_strings
    }
    queue = list(words)
    while queue:
        word = queue.pop(0)
        action = by_option.get(word)
        if action is not None:
            n_values = 2 if action.nargs == 2 else 0 if action.nargs == 0 else 1
            if len(queue) < n_values:
                return action
            del queue[:n_values]
        elif positionals:
            positionals.pop(0)
    return positionals[0] if positionals else None


def _values(
    action: argparse.Action | None, prefix: str, names: Callable[[str], Sequence[str]]
) -> list[str]:
    kind = getattr(action, "kind", "")
    if kind in {NOTEBOOK, FILE}:
        return _paths(prefix, ".ipynb" if kind == NOTEBOOK else "")
    if kind in {CLUSTER, JOB, PROFILE, TARGET}:
        return list(names(kind))
    return [str(choice) for choice in getattr(action, "choices", None) or ()]


def _paths(prefix: str, suffix: str) -> list[str]:
    head, slash, _ = prefix.rpartition("/")
    directory = Path(head + slash).expanduser() if slash else Path()
    try:
        entries = sorted(directory.iterdir())
    except OSError:
        return []
    return [
        f"{head}{slash}{entry.name}{'/' if entry.is_dir() else ''}"
        for entry in entries
        if not entry.name.startswith(".") and (entry.is_dir() or entry.name.endswith(suffix))
    ]


def _matching(options: Sequence[str], prefix: str) -> list[str]:
    return sorted({option for option in options if option.startswith(prefix)})
