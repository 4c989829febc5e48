"""Commands in what people are advised to do stand alone, so that they can be copied as they are."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

import rayspace

PACKAGE = Path(rayspace.__file__).parent
#: Not advice: help texts, tables, a note of two lines, and pages of HTML.
OTHERS = ("grammar", "present/", "magics.py", "gateways/relay/port.py")
#: Says that a text names something that can be typed.
NAMED = re.compile(
    r"\brayspace (?:cluster|demo|doctor|image|job|mlflow) |\bpip install|\bkubectl [a-z]"
    r"|\bjupyter [a-z]+ |%ray_\w+ |\brayspace doctor$"
)
#: What is copied; the panel finds it by the same rule.
PROGRAM = r"(?:rayspace|pip|kubectl|jupyter|%ray_\w+|(?:'[^'\n]+'|\S+) -m pip)"
COMMAND = re.compile(rf"`([^`\n]+)`|(?:^ ?|: )({PROGRAM} [^\n]+)$")
#: What follows a command in a sentence.
PROSE = re.compile(r"[,;] |[.,;:]$| (?:looks?|then|and|for|or|where|with) ")


def texts(tree: ast.AST) -> list[tuple[int, str]]:
    """Return all texts with their lines; what is filled in later is X."""
    inner, found = set(), []
    for node in ast.walk(tree):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
            if ast.get_docstring(node, clean=False) is not None:
                inner.add(node.body[0].value)
        elif isinstance(node, ast.JoinedStr):
            inner.update(node.values)
            parts = [v.value if isinstance(v, ast.Constant) else "X" for v in node.values]
            found.append((node.lineno, "".join(map(str, parts))))
    found += [
        (node.lineno, node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node not in inner
    ]
    return found


def mixed(text: str) -> list[str]:
    """Return the lines of a text that name a command which can't be copied."""
    wrong = []
    for line in text.splitlines():
        if not NAMED.search(line):
            continue
        found = COMMAND.search(line)
        command = (found[1] or found[2]).strip() if found else ""
        if not command or PROSE.search(command):
            wrong.append(line)
    return wrong


def test_each_command_stands_alone_at_the_end_of_its_line():
    wrong, n_seen = [], 0
    for path in sorted(PACKAGE.rglob("*.py")):
        name = path.relative_to(PACKAGE).as_posix()
        if name.startswith(OTHERS):
            continue
        for line, text in texts(ast.parse(path.read_text("utf-8"))):
            n_seen += bool(NAMED.search(text))
            wrong += [f"{name}:{line}: {bad}" for bad in mixed(text)]

    assert wrong == []
    assert n_seen > 100


@pytest.mark.parametrize(
    "text",
    [
        "Try again; rayspace doctor --on TARGET looks for causes.",
        "Run: pip install rayspace==1, then restart Jupyter.",
        "Start one with: rayspace cluster up, or name it",
        "Look with rayspace cluster why X",
    ],
)
def test_a_command_within_a_sentence_is_seen(text):
    assert mixed(text) == [text]
