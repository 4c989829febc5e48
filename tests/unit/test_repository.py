"""House rules that no linter knows. Sources are parsed, not run; only the errors are imported."""

from __future__ import annotations

import ast
import re
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from rayspace import errors

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "workspace" / "rayspace"
SOURCES = {
    path.relative_to(PACKAGE).as_posix(): ast.parse(path.read_text("utf-8"))
    for path in sorted(PACKAGE.rglob("*.py"))
}
#: Who may catch everything and go on, and why.
MAY_SWALLOW = {
    "line_words.py": "a person's own expression may raise anything",
    "runner/attempt.py": "the last place that can still give a verdict",
    "server/operations.py": "nobody else waits for what goes on in the background",
    "server/watching.py": "a defect must not leave all tabs with what is old",
}
#: Names that say their unit, or need none: ports, process ids, exit codes.
SAYS_UNIT = re.compile(
    r"^n_|(^|_)(s|ms|us|bytes|fraction|index|number|percent|w|c|port|pid|code)(_|$)"
)
UNIT = re.compile(r"\[(1|s|ms|us|bytes|bytes/s|W|degree Celsius)\]")

Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


def public(body: list[ast.stmt], prefix: str = "") -> Iterator[tuple[str, Definition]]:
    for node in body:
        if isinstance(node, Definition) and not node.name.startswith("_"):
            yield prefix + node.name, node
            if isinstance(node, ast.ClassDef):
                yield from public(node.body, f"{prefix}{node.name}.")


def is_number(annotation: ast.expr | None) -> bool:
    if isinstance(annotation, ast.BinOp):
        return is_number(annotation.left) or is_number(annotation.right)
    return isinstance(annotation, ast.Name) and annotation.id in {"int", "float"}


def numbers(node: Definition) -> Iterator[str]:
    """Yield the names of numbers that a function takes and returns, or that a class is made of."""
    if isinstance(node, ast.ClassDef):
        for part in node.body:
            if isinstance(part, ast.AnnAssign) and is_number(part.annotation):
                yield ast.unparse(part.target)
            if isinstance(part, ast.FunctionDef) and part.name == "__init__":
                yield from numbers(part)
        return
    arguments = node.args
    for argument in [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]:
        if is_number(argument.annotation):
            yield argument.arg
    if is_number(node.returns):
        yield node.name


def entry(docstring: str, name: str) -> str:
    """Return what a docstring says of a parameter; all of it where it has no entry for it."""
    found = re.search(rf"^(?:\w+, )*{name}(?:, \w+)*\n((?: +.*\n?|\n)+)", docstring, re.MULTILINE)
    return found[1] if found else docstring


def test_modules_are_short() -> None:
    """Above 400 lines a module is split by noun."""
    lengths = {name: len((PACKAGE / name).read_text("utf-8").splitlines()) for name in SOURCES}
    assert {name: length for name, length in lengths.items() if length > 400} == {}


@pytest.mark.parametrize("module", SOURCES)
def test_public_names_are_documented_with_units(module: str) -> None:
    """Each has a docstring; a number whose name says no unit has one there, as [bytes] or [1]."""
    tree = SOURCES[module]
    missing = [] if ast.get_docstring(tree) or not tree.body else ["the module"]
    for name, node in public(tree.body):
        docstring = ast.get_docstring(node)
        if not docstring:
            missing.append(f"{name}: a docstring")
            continue
        silent = [number for number in numbers(node) if not SAYS_UNIT.search(number)]
        missing += [
            f"{name}: the unit of {number}"
            for number in silent
            if not UNIT.search(entry(docstring, number))
        ]
    assert missing == []


def test_the_public_names_are_those_that_type_checkers_see() -> None:
    """Lazy names are declared twice: for users, and for type checkers."""
    seen = {"__version__"}
    public_names: list[str] = []
    for node in SOURCES["__init__.py"].body:
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            imports = [part for part in node.body if isinstance(part, ast.ImportFrom)]
            ours = [part for part in imports if (part.module or "").split(".")[0] == "rayspace"]
            seen |= {alias.asname or alias.name for part in ours for alias in part.names}
        elif isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
            seen.add(node.name)
        elif isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            public_names = ast.literal_eval(node.value)
    assert sorted(seen) == sorted(public_names)


@pytest.mark.parametrize("module", SOURCES)
def test_nothing_is_printed_and_no_error_is_swallowed(module: str) -> None:
    """Output goes through present and cli; who catches everything raises again."""
    everything = re.compile(r"\b(Base)?Exception\b")
    found = []
    for node in ast.walk(SOURCES[module]):
        if isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            caught = " ".join(map(ast.unparse, node.args)) if "suppress" in called else ""
            if called == "print" or everything.search(caught):
                found.append(f"line {node.lineno}: {called}({caught})")
        elif isinstance(node, ast.ExceptHandler) and module not in MAY_SWALLOW:
            caught = ast.unparse(node.type) if node.type else "BaseException"
            if everything.search(caught) and not isinstance(node.body[-1], ast.Raise):
                found.append(f"line {node.lineno}: except {caught}")
    assert found == []


def test_no_large_file_is_kept() -> None:
    """A repository is read whole by everybody; data belongs elsewhere."""
    if not (ROOT / ".git").exists():
        pytest.skip("This is no clone: what git keeps can't be told.")
    listing = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True)
    kept = [ROOT / name for name in listing.stdout.decode().split("\0") if name]
    large = [str(path) for path in kept if path.is_file() and path.stat().st_size > 2**20]
    assert large == []


def error_classes(base: type[errors.RayspaceError]) -> Iterator[type[errors.RayspaceError]]:
    yield base
    for cls in base.__subclasses__():
        yield from error_classes(cls)


def test_each_error_has_its_own_code_and_an_exit_code() -> None:
    """Programs tell errors apart by their codes, shells by how the command ends."""
    codes = [vars(cls).get("code") for cls in error_classes(errors.RayspaceError)]
    assert None not in codes
    assert len(set(codes)) == len(codes)
    assert {cls.exit_code for cls in error_classes(errors.RayspaceError)} == {1, 2}


def test_the_drawn_tree_is_the_tree_of_errors() -> None:
    """The docstring of errors.py draws each class below its base."""
    drawn: dict[str, str] = {}
    above = ["Exception"]
    for line in (errors.__doc__ or "").split("\n"):
        # Four spaces make it a drawing, two more each level.
        depth = (len(line) - len(line.lstrip()) - 4) // 2 + 1
        names = re.findall(r"\w+Error\b", line)
        if names and depth > 0:
            drawn |= dict.fromkeys(names, above[depth - 1])
            above = [*above[:depth], names[-1]]
    classes = error_classes(errors.RayspaceError)
    assert drawn == {cls.__name__: cls.__bases__[0].__name__ for cls in classes}


def test_errors_are_defined_in_one_place() -> None:
    """What can go wrong is read on one page."""
    known = {cls.__name__ for cls in error_classes(errors.RayspaceError)}
    elsewhere = [
        f"{module}: {node.name}"
        for module, tree in SOURCES.items()
        if module != "errors.py"
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef)
        and known & {ast.unparse(base).rpartition(".")[2] for base in node.bases}
    ]
    assert elsewhere == []
