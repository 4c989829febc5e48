"""Read a notebook, and what can be known of it without running it.

A notebook is plain JSON here: the library for the format takes a second to import. Nothing is
executed and nothing is written. The format: https://nbformat.readthedocs.io/en/latest/format_description.html
"""

from __future__ import annotations

import ast
import json
import posixpath
import shlex
from typing import Any, NoReturn

from rayspace.core.notebooks.path_text import mentioned_path
from rayspace.core.notebooks.python_source import parse_python
from rayspace.errors import NotebookFormatError
from rayspace.model.notebook import CodeCell, Notebook
from rayspace.units import format_bytes

#: What a submission still copies, uploads and shows at ease; outputs make a notebook larger than
#: this, code does not. [bytes]
MAX_NOTEBOOK_BYTES = 32 * 2**20
_CELL_TYPES = ("code", "markdown", "raw")


def read_notebook(data: bytes, *, name: str) -> Notebook:
    """Read a notebook file.

    Parameters
    ----------
    data
        The file's content.
    name
        What to call it in messages and hints: its path.

    Returns
    -------
    Notebook
        The notebook.

    Raises
    ------
    NotebookFormatError
        If it is too large, not JSON in UTF-8, of an unknown or old format version, malformed, or
        holds no code.
    """
    if len(data) > MAX_NOTEBOOK_BYTES:
        raise NotebookFormatError(
            f"{name} has {format_bytes(len(data))}; a notebook may have"
            f" {format_bytes(MAX_NOTEBOOK_BYTES)}.",
            hint="Clear its outputs: jupyter nbconvert --clear-output --inplace "
            + shlex.quote(name),
            details={"size_bytes": len(data), "limit_bytes": MAX_NOTEBOOK_BYTES},
        )
    document = _document(data, name)
    _check_version(document, name)
    metadata = _mapping(document.get("metadata", {}), name, "its metadata")
    code_cells = _code_cells(document, name)
    if not any(cell.source.strip() for cell in code_cells):
        raise NotebookFormatError(
            f"{name} holds no code to run.",
            hint="Write a code cell, save the notebook, and submit it again.",
        )
    kernel = _mapping(metadata.get("kernelspec") or {}, name, "its kernelspec")
    info = _mapping(metadata.get("language_info") or {}, name, "its language_info")
    return Notebook(
        name=name,
        document=document,
        code_cells=code_cells,
        kernel_name=str(kernel.get("name") or "python3"),
        # The same order as papermill/utils.py, nb_language.
        language=str(info.get("name") or kernel.get("language") or "python").lower(),
    )


def literal_experiment(notebook: Notebook) -> str:
    """Find the MLflow experiment that the code sets by a literal name.

    Parameters
    ----------
    notebook
        The notebook.

    Returns
    -------
    str
        The first literal given to ``set_experiment``; empty where there is none.
    """
    for _, tree in _trees(notebook):
        calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
        for call in sorted(calls, key=lambda node: (node.lineno, node.col_offset)):
            if _called(call) != "set_experiment":
                continue
            by_keyword = [word.value for word in call.keywords if word.arg == "experiment_name"]
            name = next(iter([*call.args[:1], *by_keyword]), None)
            if isinstance(name, ast.Constant) and isinstance(name.value, str) and name.value:
                return name.value
    return ""


def mentioned_paths(notebook: Notebook) -> list[tuple[int, str]]:
    """List paths that string literals of the code seem to name.

    Literals joined by ``os.path.join`` and by ``Path(...) / ...`` count as one path; parts of
    f-strings, docstrings and magics don't count.

    Parameters
    ----------
    notebook
        The notebook.

    Returns
    -------
    list of tuple
        Number of the code cell, counted from 1, and the path; each path once. [1]
    """
    found: dict[str, int] = {}
    for cell, tree in _trees(notebook):
        for text in _literals(tree):
            path = mentioned_path(text)
            if path is not None:
                found.setdefault(path, cell.cell_number)
    return [(cell_number, path) for path, cell_number in found.items()]


def work_of(data: bytes) -> bytes:
    """Return what of a notebook file runs, as bytes that are equal for equal work.

    Outputs, counts, times and the state of widgets are left by running it; text is for people.

    Parameters
    ----------
    data
        The file's content; what is no notebook stays as it is.
    """
    try:
        document = json.loads(data)
        code = [
            ["".join(cell["source"]), cell.get("metadata", {}).get("tags", [])]
            for cell in document["cells"]
            if cell["cell_type"] == "code"
        ]
        kernel = document.get("metadata", {}).get("kernelspec", {})
        return json.dumps([code, kernel.get("name", "")]).encode()
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return data


def _document(data: bytes, name: str) -> dict[str, Any]:
    try:
        document = json.loads(data.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise NotebookFormatError(
            f"{name} is not UTF-8: byte {error.start} can't be read.",
            hint="Open it in JupyterLab and save it again.",
        ) from error
    except json.JSONDecodeError as error:
        conflict = b"\n<<<<<<< " in data
        raise NotebookFormatError(
            f"{name} is not JSON: {error.msg} at line {error.lineno}, column {error.colno}.",
            hint="It holds the marks of a merge conflict: resolve it, then submit again."
            if conflict
            else "Open it in JupyterLab and save it again.",
            details={"line": error.lineno, "column": error.colno},
        ) from error
    except RecursionError as error:
        raise NotebookFormatError(f"{name} is nested too deep to be a notebook.") from error
    if not isinstance(document, dict):
        raise NotebookFormatError(
            f"{name} is no notebook: its JSON is {_kind(document)}, not an object."
        )
    return document


def _check_version(document: dict[str, Any], name: str) -> None:
    version = document.get("nbformat")
    if version is None and "worksheets" in document:
        version = 3
    if not isinstance(version, int) or isinstance(version, bool):
        raise NotebookFormatError(
            f"{name} is no notebook: it has no whole number 'nbformat'.",
            hint="Open it in JupyterLab and save it again.",
        )
    if version < 4:
        raise NotebookFormatError(
            f"{name} has notebook format {version}; format 4 is needed.",
            hint="Convert it: jupyter nbconvert --to notebook --nbformat 4 --inplace "
            + shlex.quote(name),
            details={"nbformat": version},
        )
    if version > 4:
        raise NotebookFormatError(
            f"{name} has notebook format {version}, which is newer than the known format 4.",
            hint="Save it in format 4, or update rayspace.",
            details={"nbformat": version},
        )


def _code_cells(document: dict[str, Any], name: str) -> tuple[CodeCell, ...]:
    cells = document.get("cells")
    if not isinstance(cells, list):
        raise NotebookFormatError(
            f"{name} is no notebook: it has no list of cells.",
            hint="Open it in JupyterLab and save it again.",
        )
    code_cells: list[CodeCell] = []
    for index, raw in enumerate(cells):
        where = f"cell {index + 1}"
        cell = _mapping(raw, name, where)
        if cell.get("cell_type") not in _CELL_TYPES:
            _malformed(name, f"{where} has the cell_type {cell.get('cell_type')!r}")
        source = cell.get("source", "")
        if isinstance(source, list) and all(isinstance(line, str) for line in source):
            source = "".join(source)
        if not isinstance(source, str):
            _malformed(name, f"the source of {where} is {_kind(source)}, not text")
        metadata = _mapping(cell.get("metadata", {}), name, f"the metadata of {where}")
        if cell["cell_type"] == "code":
            tags = metadata.get("tags")
            tags = tuple(map(str, tags)) if isinstance(tags, list) else ()
            code_cells.append(CodeCell(index, len(code_cells) + 1, source, tags))
    return tuple(code_cells)


def _mapping(value: object, name: str, what: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        _malformed(name, f"{what} is {_kind(value)}, not an object")
    return value


def _malformed(name: str, fact: str) -> NoReturn:
    raise NotebookFormatError(
        f"{name} is malformed: {fact}.",
        hint="Open it in JupyterLab and save it again.",
    )


def _kind(value: object) -> str:
    kinds = {dict: "an object", list: "a list", str: "text", bool: "a boolean", type(None): "null"}
    return kinds.get(type(value), "a number")


def _trees(notebook: Notebook) -> list[tuple[CodeCell, ast.Module]]:
    """Parse the cells; those that are no Python are left out."""
    if notebook.language != "python":
        return []
    trees = []
    for cell in notebook.code_cells:
        try:
            trees.append((cell, parse_python(cell.source)))
        except SyntaxError:
            continue
    return trees


def _literals(tree: ast.Module) -> list[str]:
    """List string literals in the order of the text, joined paths as one."""
    found: list[tuple[int, int, str]] = []
    used: set[int] = set()
    # From the outside in: an outer expression takes its inner literals along.
    for node in ast.walk(tree):
        if id(node) in used or not isinstance(node, ast.expr | ast.Expr):
            continue
        if isinstance(node, ast.JoinedStr) or (
            isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        ):
            used.update(map(id, ast.walk(node)))
            continue
        text = _joined(node) if isinstance(node, ast.expr) else None
        if text is not None:
            used.update(map(id, ast.walk(node)))
            found.append((node.lineno, node.col_offset, text))
    return [text for _, _, text in sorted(found)]


def _joined(node: ast.expr) -> str | None:
    """Return the path that an expression of literals makes, or None."""
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else None
    operands: list[ast.expr] = []
    # A loop, not a recursion: a chain of operators may be long.
    while isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div):
        operands.insert(0, node.right)
        node = node.left
    if isinstance(node, ast.Call):
        # Path("data"), os.path.join("data", "x"); a method of a literal is str.join.
        method_of_literal = isinstance(node.func, ast.Attribute) and isinstance(
            node.func.value, ast.Constant
        )
        if _called(node) not in {"Path", "join"} or node.keywords or method_of_literal:
            return None
        operands = [*node.args, *operands]
    elif operands:
        operands.insert(0, node)
    parts = [_joined(operand) for operand in operands]
    texts = [part for part in parts if part is not None]
    return posixpath.join(*texts) if texts and len(texts) == len(parts) else None


def _called(call: ast.Call) -> str:
    """Return the last name of what is called."""
    if isinstance(call.func, ast.Attribute):
        return call.func.attr
    return call.func.id if isinstance(call.func, ast.Name) else ""
