"""Committed notebooks are clean, can be submitted as jobs, and run on any machine."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from pathlib import Path
from typing import Any

import nbformat
import pytest
from IPython.core.inputtransformer2 import TransformerManager

ROOT = Path(__file__).resolve().parents[2]
TEMPLATES = sorted((ROOT / "templates" / "notebooks").glob("*.ipynb"))
NOTEBOOKS = [*TEMPLATES, *sorted((ROOT / "notebooks").glob("*.ipynb"))]

#: A path that begins at a root, a drive or a home, at the start of a word; not the one in a URL.
ABSOLUTE_PATH = re.compile(r"""(?:^|[\s"'`(=])(?:/[\w.-]+/|[A-Za-z]:[\\/]|~/)""", re.MULTILINE)

each_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name)
each_template = pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)


def read(path: Path) -> Any:
    """Return a notebook as it is in the file; `nbformat.read` would mend some of it."""
    return nbformat.v4.reads(path.read_text(encoding="utf-8"))  # type: ignore[no-untyped-call]


def code_cells(notebook: Any) -> list[Any]:
    """Return the cells that hold code."""
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def parameters_source(notebook: Any) -> str:
    """Return the source of the only cell tagged ``parameters``."""
    tagged = [c for c in notebook.cells if "parameters" in c.metadata.get("tags", [])]
    assert len(tagged) == 1
    assert tagged[0].cell_type == "code"
    return str(tagged[0].source)


def commented_lines(source: str) -> set[int]:
    """Return the numbers, from 1, of the lines that have a comment with words in it."""
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    return {
        token.start[0]
        for token in tokens
        if token.type == tokenize.COMMENT and token.string.strip("# ")
    }


def without_magics(source: str) -> str:
    """Return the Python of a cell, as IPython runs it."""
    return str(TransformerManager().transform_cell(source))


def test_there_are_notebooks() -> None:
    """The other tests of this module have something to look at."""
    assert {path.name for path in TEMPLATES} >= {
        "data-preparation.ipynb",
        "batch-inference.ipynb",
        "hyperparameter-search.ipynb",
    }


@each_notebook
def test_format_is_valid(path: Path) -> None:
    """A notebook is valid nbformat 4.5 for the kernel that everybody has."""
    notebook = read(path)
    nbformat.validate(notebook)
    assert (notebook.nbformat, notebook.nbformat_minor) == (4, 5)
    assert notebook.metadata.kernelspec.name == "python3"


@each_notebook
def test_nothing_is_left_of_a_run(path: Path) -> None:
    """No outputs, counts, times, widgets or marks of papermill are committed."""
    notebook = read(path)
    assert set(notebook.metadata) <= {"kernelspec", "language_info"}
    for cell in notebook.cells:
        assert set(cell.metadata) <= {"tags"}, cell.id
    for cell in code_cells(notebook):
        assert cell.outputs == [], cell.id
        assert cell.execution_count is None, cell.id


@each_notebook
def test_cell_ids_are_words(path: Path) -> None:
    """Cell ids were written by people, so that a diff and an error name a cell."""
    cells = read(path).cells
    assert len({cell.id for cell in cells}) == len(cells)
    for cell in cells:
        assert re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", cell.id), cell.id
        assert not re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4,12})*", cell.id), cell.id


@each_notebook
def test_first_cell_is_text(path: Path) -> None:
    """A notebook begins with a title and some words."""
    first = read(path).cells[0]
    assert first.cell_type == "markdown"
    assert re.match(r"# \S.*\n\n\S", first.source)


@each_notebook
def test_code_is_python(path: Path) -> None:
    """Each code cell parses and does something."""
    for cell in code_cells(read(path)):
        assert cell.source.strip(), cell.id
        ast.parse(without_magics(cell.source), filename=f"{path.name}:{cell.id}")


@each_notebook
def test_parameters_are_typed_and_explained(path: Path) -> None:
    """Each parameter has a type, a literal default of that type, and a comment on its line."""
    source = parameters_source(read(path))
    statements = ast.parse(source).body
    assert statements
    for statement in statements:
        assert isinstance(statement, ast.AnnAssign), ast.unparse(statement)
        assert isinstance(statement.target, ast.Name)
        assert statement.value is not None, statement.target.id
        assert statement.end_lineno in commented_lines(source), statement.target.id
        default = ast.literal_eval(statement.value)
        assert type(default).__name__ == ast.unparse(statement.annotation).partition("[")[0]


@each_notebook
def test_rayspace_comes_before_ray(path: Path) -> None:
    """The extension is loaded before ray is imported, since ray reads its settings then."""
    source = "\n".join(cell.source for cell in code_cells(read(path)))
    load = re.search(r"^%load_ext rayspace$", source, re.MULTILINE)
    imported = re.search(r"^\s*(?:import|from) ray\b", source, re.MULTILINE)
    assert load
    assert imported is None or load.start() < imported.start()


@each_notebook
def test_no_absolute_paths(path: Path) -> None:
    """Nothing points to a place of one machine."""
    for cell in read(path).cells:
        found = ABSOLUTE_PATH.search(cell.source)
        assert found is None, cell.id


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('open("/home/me/x.csv")', True),
        ("see `~/data`", True),
        (r"path = 'C:\data'", True),
        ("/work/x/", True),
        ('"s3://bucket/part-0.parquet"', False),
        ("see https://docs.ray.io/en/latest/", False),
        ("rows / seconds, and/or", False),
        ('Path(folder, "x.parquet")', False),
    ],
)
def test_what_counts_as_an_absolute_path(text: str, *, expected: bool) -> None:
    """URLs, divisions and relative paths are no absolute paths."""
    assert bool(ABSOLUTE_PATH.search(text)) is expected


@each_template
def test_template_says_how_to_ship_it(path: Path) -> None:
    """The first cell has a submit line for this very file, with a parameter that exists."""
    notebook = read(path)
    line = re.search(r"%ray_job submit (\S+) -p (\w+) ([^\s`]+)", notebook.cells[0].source)
    assert line
    assert line[1] == path.name
    names = [
        statement.target.id
        for statement in ast.parse(parameters_source(notebook)).body
        if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name)
    ]
    assert line[2] in names
