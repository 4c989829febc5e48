"""Find which modules a notebook imports, and the modules of its bundle that it reaches.

Nothing is executed: an import by a computed name is not seen. Code that nobody can parse imports
nothing. What belongs to the standard library or to the bundle itself is left out.
"""

from __future__ import annotations

import ast
import posixpath
import re
import sys
from typing import TYPE_CHECKING

from rayspace.core.notebooks.notebook import read_notebook
from rayspace.core.notebooks.python_source import parse_python
from rayspace.errors import NotebookFormatError
from rayspace.model.packages import ImportedModule

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Sequence

    from rayspace.model.notebook import Notebook

#: Exceptions whose handler goes on without a module.
_MISSING = {"ImportError", "ModuleNotFoundError", "Exception", "BaseException"}
#: Names by which code asks where it runs: an import below such a question is for some places only.
_PLACES = {"version_info", "platform", "implementation", "hexversion"}
_IMPORT_CALLS = {"import_module", "__import__"}
#: Python 3.10, which runs jobs, has no ``except*``.
_TRIES: tuple[type[ast.Try], ...] = (ast.Try, getattr(ast, "TryStar", ast.Try))
_RUN_LINE = re.compile(r"""^\s*%run\s+(?:-\w+\s+)*(['"]?)(?P<path>[^\s'"]+)\1""", re.MULTILINE)
#: As deep as packages are nested; what follows is names of functions. [1]
_MAX_DEPTH = 6


class _Found:
    """One import statement, or a call that imports."""

    def __init__(self, level: int, base: str, names: Iterable[str], *, is_optional: bool) -> None:
        self.level = level
        self.base = base
        self.names = tuple(names)
        self.is_optional = is_optional

    def dotted(self) -> Iterator[str]:
        """List the names that may be modules, the surest first."""
        if self.base:
            yield self.base
        for name in self.names:
            yield f"{self.base}.{name}" if self.base else name


def imported_modules(
    notebook: Notebook,
    path: str,
    files: Collection[str] = (),
    read: Callable[[str], str] = lambda _: "",
    source_dirs: Sequence[str] = (),
) -> tuple[ImportedModule, ...]:
    """List the modules that a notebook needs from outside.

    Parameters
    ----------
    notebook
        The notebook.
    path
        Its path inside the bundle, with ``/``.
    files
        Paths of all files of the bundle.
    read
        Returns the text of one of them; empty for one that can't be read.
    source_dirs
        Directories inside the bundle that are on Python's path, besides the top and the
        notebook's own.

    Returns
    -------
    tuple of ImportedModule
        Sorted by name; a module that is needed anywhere is not optional.
    """
    if notebook.language != "python":
        return ()
    search = _Search(path, files, read, source_dirs)
    for cell in notebook.code_cells:
        search.look_into(cell.source, f"cell {cell.cell_number}", posixpath.dirname(path))
    search.follow()
    return search.modules()


class _Search:
    def __init__(
        self,
        path: str,
        files: Collection[str],
        read: Callable[[str], str],
        source_dirs: Sequence[str],
    ) -> None:
        self._files = frozenset(files)
        self._folders = frozenset(
            folder for file in self._files if file.endswith(".py") for folder in _parents(file)
        )
        self._read = read
        self._roots = tuple(dict.fromkeys([posixpath.dirname(path), "", *source_dirs]))
        self._queue: list[str] = []
        self._seen = {path}
        self._found: dict[str, ImportedModule] = {}

    def look_into(self, text: str, source: str, folder: str) -> None:
        """Note what a piece of Python imports."""
        for match in _RUN_LINE.finditer(text):
            target = posixpath.normpath(posixpath.join(folder, match["path"]))
            self._enqueue([target, f"{target}.py"])
        try:
            tree = parse_python(text)
        except SyntaxError:
            return
        for item in _imports(tree):
            self._take(item, source, folder)

    def follow(self) -> None:
        """Read the files of the bundle that are reached."""
        while self._queue:
            path = self._queue.pop()
            text = self._read(path)
            if not path.endswith(".ipynb"):
                self.look_into(text, path, posixpath.dirname(path))
                continue
            try:
                cells = read_notebook(text.encode(errors="replace"), name=path).code_cells
            except NotebookFormatError:
                continue
            for cell in cells:
                self.look_into(cell.source, path, posixpath.dirname(path))

    def modules(self) -> tuple[ImportedModule, ...]:
        """Return what was found."""
        return tuple(self._found[name] for name in sorted(self._found))

    def _take(self, item: _Found, source: str, folder: str) -> None:
        if item.level:
            for _ in range(item.level - 1):
                folder = posixpath.dirname(folder)
            for name in ("", *item.dotted()):
                self._reach(folder, name)
            return
        for name in item.dotted():
            top = name.partition(".")[0]
            if top in sys.stdlib_module_names or not _is_dotted(name):
                continue
            roots = [root for root in self._roots if self._holds(root, top)]
            for root in roots:
                self._reach(root, name)
            if not roots:
                self._note(top, name, source, is_optional=item.is_optional)

    def _holds(self, root: str, top: str) -> bool:
        path = posixpath.join(root, top)
        return f"{path}.py" in self._files or path in self._folders

    def _reach(self, root: str, name: str) -> None:
        parts = name.split(".") if name else []
        for depth in range(1 if parts else 0, len(parts) + 1):
            path = posixpath.join(root, *parts[:depth])
            self._enqueue([f"{path}.py", posixpath.join(path, "__init__.py")])

    def _enqueue(self, paths: Iterable[str]) -> None:
        new = [path for path in paths if path in self._files and path not in self._seen]
        self._seen.update(new)
        self._queue.extend(new)

    def _note(self, top: str, name: str, source: str, *, is_optional: bool) -> None:
        name = ".".join(name.split(".")[:_MAX_DEPTH])
        known = self._found.get(top)
        if known is None:
            self._found[top] = ImportedModule(top, (name,), is_optional, source)
            return
        if known.is_optional and not is_optional:
            known = ImportedModule(top, known.names, is_optional=False, source=source)
        names = tuple(sorted({*known.names, name}))
        self._found[top] = ImportedModule(top, names, known.is_optional, known.source)


def _parents(path: str) -> Iterator[str]:
    folder = posixpath.dirname(path)
    while folder:
        yield folder
        folder = posixpath.dirname(folder)


def _is_dotted(name: str) -> bool:
    return all(part.isidentifier() for part in name.split("."))


def _imports(tree: ast.Module) -> Iterator[_Found]:
    # A stack of our own: code may be nested deeper than Python calls.
    stack: list[tuple[ast.AST, bool]] = [(tree, False)]
    while stack:
        node, optional = stack.pop()
        found = _import_of(node, is_optional=optional)
        if found is not None:
            yield from found
            continue
        if isinstance(node, ast.If) and "TYPE_CHECKING" in _names(node.test):
            stack.extend((child, optional) for child in node.orelse)
            continue
        guarded, free = _guarded(node)
        stack.extend((child, True) for child in guarded)
        stack.extend((child, optional) for child in free)


def _import_of(node: ast.AST, *, is_optional: bool) -> list[_Found] | None:
    if isinstance(node, ast.Import):
        return [_Found(0, alias.name, (), is_optional=is_optional) for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        names = [alias.name for alias in node.names if alias.name != "*"]
        return [_Found(node.level, node.module or "", names, is_optional=is_optional)]
    if isinstance(node, ast.Call) and node.args:
        called = node.func.attr if isinstance(node.func, ast.Attribute) else ""
        called = node.func.id if isinstance(node.func, ast.Name) else called
        name = node.args[0]
        if called in _IMPORT_CALLS and isinstance(name, ast.Constant):
            text = name.value if isinstance(name.value, str) else ""
            # A relative name needs a package, which is that of the bundle: found otherwise.
            is_name = bool(text) and not text.startswith(".")
            return [_Found(0, text, (), is_optional=is_optional)] if is_name else []
    return None


def _guarded(node: ast.AST) -> tuple[list[ast.AST], list[ast.AST]]:
    """Split what is below a node: what the code goes on without, and the rest."""
    if isinstance(node, _TRIES):
        if any(map(_goes_on, node.handlers)):
            return [*node.body, *node.handlers, *node.orelse], list(node.finalbody)
    elif isinstance(node, ast.With | ast.AsyncWith):
        calls = [item.context_expr for item in node.items]
        if any(_suppresses(call) for call in calls):
            return list(node.body), list(calls)
    elif isinstance(node, ast.If) and _PLACES & _names(node.test):
        return [*node.body, *node.orelse], [node.test]
    return [], list(ast.iter_child_nodes(node))


def _goes_on(handler: ast.ExceptHandler) -> bool:
    caught = {"Exception"} if handler.type is None else _names(handler.type)
    return bool(caught & _MISSING) and not isinstance(handler.body[-1], ast.Raise)


def _suppresses(call: ast.expr) -> bool:
    return (
        isinstance(call, ast.Call)
        and "suppress" in _names(call.func)
        and any(_names(word) & _MISSING for word in call.args)
    )


def _names(node: ast.AST) -> set[str]:
    found = {item.id for item in ast.walk(node) if isinstance(item, ast.Name)}
    return found | {item.attr for item in ast.walk(node) if isinstance(item, ast.Attribute)}
