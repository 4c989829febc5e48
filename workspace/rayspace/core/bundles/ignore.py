r"""Decide by ignore files, as git does, which files and directories stay behind.

pathspec knows the patterns; how a walk applies them is decided here, since pathspec judges whole
paths and can't tell whether to enter a directory under ``*`` and ``!*/``. Entries are judged one
at a time: the last pattern that matches an entry decides, a deeper file wins over a shallower one,
and what lies in an ignored directory can't be brought back, so whoever walks need not enter it.
No file is read here. Source: https://git-scm.com/docs/gitignore

Where pathspec differs from git, pathspec's reading holds:

- ``[[:digit:]]`` and other brackets that begin with a bracket are passed over;
- a backslash in brackets is a character of its own, so that ``[\]]`` and ``[a\-z]`` differ;
- a range that runs backwards makes a line mean nothing, also beside others (``[z-ax]``);
- in a pattern with a slash, ``[!a]`` may stand for a slash;
- other white space than spaces is cut from the end of a line too, and an escaped space counts
  only as the very last character;
- a component of more than two stars is one star, to git two;
- ``**`` matches no line feed in a name;
- ``?`` is a character, to git a byte.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NamedTuple

from pathspec.patterns.gitignore import GitIgnorePatternError
from pathspec.patterns.gitignore.spec import GitIgnoreSpecPattern

#: A last component of one star or two.
_LAST_STARS = re.compile(r"(^!?|/)\*(\*?)(?=/?\s*$)")
#: Python would warn of these, and pathspec takes the first "]" for the end.
_BRACKET_IN_BRACKETS = re.compile(r"(?<!\\)\[[!^]?\[")


class Rule(NamedTuple):
    """One pattern of an ignore file.

    Parameters
    ----------
    ignores
        Whether it ignores what it matches, or brings it back.
    is_anchored
        Whether it speaks of paths below its directory; else of names anywhere there.
    is_dir_only
        Whether it speaks of directories alone; its expression ends with ``/`` then.
    expression
        Matches the whole path or name.
    """

    ignores: bool
    is_anchored: bool
    is_dir_only: bool
    expression: re.Pattern[str]


@dataclass(frozen=True)
class IgnoreFile:
    """The patterns of one ignore file.

    Parameters
    ----------
    source
        What to call it in messages.
    base
        Absolute path of the directory that it speaks of, with ``/``.
    rules
        Its patterns, the last line first: the first that matches decides.
    """

    source: str
    base: str
    rules: tuple[Rule, ...]

    def verdict(self, path: str, *, is_dir: bool) -> bool | None:
        """Tell whether an entry is ignored, its directory not being so.

        Parameters
        ----------
        path
            Absolute path of the entry, below ``base``, with ``/``.
        is_dir
            Whether it is a directory.

        Returns
        -------
        bool or None
            Whether it is ignored; None where no pattern speaks of it.
        """
        below = path[len(self.base.rstrip("/")) + 1 :]
        name = below.rpartition("/")[2]
        for ignores, is_anchored, is_dir_only, expression in self.rules:
            if is_dir_only and not is_dir:
                continue
            entry = below if is_anchored else name
            if expression.fullmatch(f"{entry}/" if is_dir_only else entry):
                return ignores
        return None


def read_ignore_file(text: str, *, source: str, base: str) -> IgnoreFile:
    """Read the patterns of an ignore file.

    Parameters
    ----------
    text
        Its content.
    source
        What to call it in messages.
    base
        Absolute path of the directory that it speaks of, with ``/``.

    Returns
    -------
    IgnoreFile
        Its patterns; lines that are no pattern are passed over, as git does.
    """
    lines = text.removeprefix("\ufeff").split("\n")
    rules = [_rule(line.removesuffix("\r")) for line in lines]
    return IgnoreFile(source, base, tuple(rule for rule in reversed(rules) if rule is not None))


def _rule(line: str) -> Rule | None:
    if _BRACKET_IN_BRACKETS.search(line):
        return None
    # pathspec cuts patterns short that end in stars: they decide of whole paths by their beginning.
    # "?*" says the same to git and is matched to the end.
    whole = _LAST_STARS.sub(lambda stars: stars[1] + ("**/?*" if stars[2] else "?*"), line)
    try:
        pattern = GitIgnoreSpecPattern(whole)
    except (GitIgnorePatternError, re.error):
        return None
    if pattern.include is None or pattern.regex is None:
        return None
    stripped = line.rstrip()
    return Rule(
        ignores=pattern.include,
        is_anchored="/" in stripped.removesuffix("/"),
        is_dir_only=stripped.endswith("/"),
        expression=pattern.regex,
    )
