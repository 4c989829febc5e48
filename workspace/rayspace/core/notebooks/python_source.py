"""Parse the Python of a notebook cell, which may hold lines that only IPython understands.

A cell is parsed as it stands first. Only where that fails, lines with magics (``%``, ``!``, ``?``)
give way to ``pass``: a ``%`` may also be an operator that begins a line. Nothing is executed.
"""

from __future__ import annotations

import ast
import re
import warnings

#: Cell magics whose body is Python of the notebook. Source: IPython/core/magics/execution.py;
#: memit and mprun are memory_profiler's.
_PYTHON_CELL_MAGICS = {"capture", "memit", "mprun", "prun", "time", "timeit"}
_CELL_MAGIC = re.compile(r"\s*%%(\w+)")
_MAGIC_LINE = re.compile(
    r"""
    (?P<indent>\s*)
    (?: [%!?].*                               # %magic, !command, ?help
      | [\w.,\s]+ = \s* (?: ! | %[A-Za-z]).*  # files = !ls, value = %magic
      | [^\s\#'"].* \?                        # help?
    )""",
    re.VERBOSE,
)


def without_magics(source: str) -> str:
    """Replace what only IPython understands by ``pass``, line by line.

    Parameters
    ----------
    source
        Text of a code cell.

    Returns
    -------
    str
        As many lines as before; all of them empty for a cell in another language.
    """
    lines = source.split("\n")
    first = next((index for index, line in enumerate(lines) if line.strip()), 0)
    cell_magic = _CELL_MAGIC.match(lines[first])
    if cell_magic:
        if cell_magic[1] not in _PYTHON_CELL_MAGICS:
            return "\n" * (len(lines) - 1)
        lines[first] = ""
    continues = False
    for index, line in enumerate(lines):
        magic = _MAGIC_LINE.fullmatch(line)
        if continues or magic:
            lines[index] = "" if continues or magic is None else f"{magic['indent']}pass"
            continues = line.endswith("\\")
    return "\n".join(lines)


def parse_python(source: str) -> ast.Module:
    """Parse a cell; see `read_python`."""
    return read_python(source)[1]


def read_python(source: str) -> tuple[str, ast.Module]:
    """Read the Python of a cell.

    Parameters
    ----------
    source
        Text of a code cell, magics and top-level ``await`` allowed.

    Returns
    -------
    str
        The cell as Python, line by line.
    ast.Module
        Its syntax tree.

    Raises
    ------
    SyntaxError
        If it is no Python even without its magics; the position is that in the cell.
    """
    try:
        return source, _parse(source)
    except SyntaxError as error:
        plain = without_magics(source)
        try:
            return plain, _parse(plain)
        except SyntaxError:
            raise error from None


def _parse(source: str) -> ast.Module:
    flags = ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
    try:
        with warnings.catch_warnings():
            # A wrong escape in somebody's string is not our warning to give.
            warnings.simplefilter("ignore")
            tree: ast.Module = compile(source, "<cell>", "exec", flags=flags, dont_inherit=True)
    except (ValueError, RecursionError, MemoryError) as error:
        # Null characters, and expressions nested too deep for the parser.
        message = str(error) or type(error).__name__
        raise SyntaxError(message, ("<cell>", 1, 1, "")) from error
    return tree
