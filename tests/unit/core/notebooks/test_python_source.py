"""Python is parsed among the lines that only IPython understands."""

from __future__ import annotations

import ast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rayspace.core.notebooks.python_source import parse_python, without_magics


@pytest.mark.parametrize(
    "source",
    [
        "%matplotlib inline\nx = 1",
        "!pip install a \\\n  b\nx = 1",
        "x = 1\nx?",
        "?x\nx = 1",
        "%%time\nx = 1",
        "\n%%capture out\nx = 1",
        "files = !ls\nx = 1",
        "t = %timeit -o f()\nx = 1",
        "if True:\n    !ls\nx = 1",
        "await f()\nx = 1",
        'y = "\\d"\nx = 1',
    ],
)
def test_magics_hide_no_python(source: str) -> None:
    """The assignment beside a magic is found, on its line."""
    names = {
        node.targets[0].id: node.lineno
        for node in ast.walk(parse_python(source))
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)
    }
    assert names["x"] == source.split("\n").index("x = 1") + 1


def test_an_operator_at_the_beginning_of_a_line_is_no_magic() -> None:
    """Python that parses as it stands is left alone."""
    tree = parse_python("x = (a\n% b)")
    assert isinstance(tree.body[0], ast.Assign)
    assert isinstance(tree.body[0].value, ast.BinOp)


@pytest.mark.parametrize("source", ["%%bash\nls -l", "%%writefile x.py\nimport os", "%%html\n<b>"])
def test_a_cell_in_another_language_is_empty_python(source: str) -> None:
    """What another program reads is none of ours."""
    assert parse_python(source).body == []


@pytest.mark.parametrize(("source", "line"), [("a = 1\nb = = 2", 2), ("%x\n(", 1), ("x = '\0'", 1)])
def test_what_is_no_python_is_a_syntax_error(source: str, line: int) -> None:
    """The error is that of the cell as it was written."""
    with pytest.raises(SyntaxError) as caught:
        parse_python(source)
    # Of a null character Python gives no line.
    assert (caught.value.lineno or 1) == line


def test_depth_without_end_is_a_syntax_error() -> None:
    """Code made to break the parser breaks nothing."""
    with pytest.raises(SyntaxError):
        parse_python("-" * 200_000 + "1")


@given(st.text())
def test_lines_stay_where_they_are(source: str) -> None:
    """Replacing magics keeps the number of lines."""
    assert without_magics(source).count("\n") == source.count("\n")
