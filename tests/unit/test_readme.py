"""README and reference say what is so: lines parse, pages are current, no problem is left out."""

from __future__ import annotations

import contextlib
import re
import shlex
import tomllib

import pytest
import yaml

from rayspace.core.diagnosis.diagnose import CODES, diagnose
from rayspace.errors import RayspaceError
from rayspace.grammar import cluster_parser, command_parser, job_parser, parse
from rayspace.model.job import Cause
from tests.documented_lines import (
    README,
    ROOT,
    TYPED_BY,
    guide_lines,
    lines_of,
    magic_lines,
    shell_lines,
    typed_by,
)
from tests.reference_pages import PAGES, pages
from tests.unit.core.diagnosis.snapshots import golden, golden_names

PACKAGE = ROOT / "workspace" / "rayspace"
TROUBLE = (PAGES / "troubleshooting.md").read_text("utf-8")
#: The notebook about trouble types what is not understood, to show what is said.
_SHOWS_WHAT_IS_WRONG = "05-"
PARSERS = {"cluster": cluster_parser, "job": job_parser}
KIT = ROOT / "templates" / "kubernetes"


def read(words: list[str]) -> None:
    """Read the words after ``rayspace`` as the product does."""
    if words[0] in PARSERS:
        parse(PARSERS[words[0]](words[0]), words[1:])
    else:
        parse(command_parser(), words, default_verb="")


@pytest.mark.parametrize("line", shell_lines())
def test_every_line_of_the_readme_is_one_that_is_understood(line: str) -> None:
    """By the real parser; of other programs what is ours in it."""
    words = shlex.split(line.partition(" | ")[0].partition(" >> ")[0])
    program = words[0].rpartition("/")[2]
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    if program == "rayspace":
        read(words[1:])
    elif words[0].startswith("RAYSPACE_SUBMIT="):
        read(["job", "submit", "train.ipynb", *words[0].partition("=")[2].split()])
    elif program == "pip":
        (named,) = re.findall(r"\.\[([\w,]+)\]", line)
        assert set(named.split(",")) <= set(project["optional-dependencies"])
    elif program == "kubectl":
        assert (ROOT / words[-1] / "kustomization.yaml").is_file()
    elif program == "jupyter" and "=" not in line:
        assert (ROOT / words[-1]).is_dir()
    elif program == "jupyter":
        module, _, name = line.partition("=")[2].rpartition(".")
        assert f"class {name}(" in (PACKAGE.parent / f"{module.replace('.', '/')}.py").read_text()
    elif program == "papermill":
        assert words[2] in project["entry-points"]["papermill.engine"]
    else:
        assert program in {"python3", "printf", "eval", "."}, line


@pytest.mark.parametrize("line", magic_lines())
def test_every_magic_of_the_readme_is_understood(line: str) -> None:
    """As IPython gives it to us."""
    name, *words = shlex.split(line, comments=True)
    if name != "%load_ext":
        read([name.removeprefix("%ray_"), *words])


@pytest.mark.parametrize(("notebook", "line"), guide_lines())
def test_every_line_of_the_guide_is_understood(notebook: str, line: str) -> None:
    """But those which show what is said of a wrong one; names in braces are filled in."""
    words = shlex.split(re.sub(r"[{$][\w.()]+\}?", "1", line), comments=True)
    words[0] = words[0].removeprefix("!").removeprefix("%ray_")
    words = words[1:] if words[0] == "rayspace" else words
    if notebook.startswith(_SHOWS_WHAT_IS_WRONG):
        with contextlib.suppress(RayspaceError):
            read(words)
    else:
        read(words)


@pytest.mark.parametrize("line", shell_lines())
def test_every_line_of_the_readme_is_typed_by_a_test(line: str) -> None:
    """Not only read: each of these tests fails at a line that it gets and does not know."""
    assert typed_by(line), f"Nobody types this line; see TYPED_BY: {line}"


@pytest.mark.parametrize("test", TYPED_BY)
def test_whoever_shall_type_lines_is_there_and_takes_them(test: str) -> None:
    """A test asks for the lines by its name; what runs all tests is the line itself."""
    text = (ROOT / test).read_text("utf-8")
    lines = lines_of(test)
    assert lines
    assert "lines_of(" in text or lines == [line for line in lines if line in text]


def test_all_kinds_of_lines_are_there() -> None:
    """So that no test is one of nothing."""
    assert len(shell_lines()) > 30
    assert len(magic_lines()) > 4
    assert len(guide_lines()) > 20


@pytest.mark.parametrize("name", pages())
def test_the_pages_of_reference_are_those_that_the_code_gives(name: str) -> None:
    """Else: python -m tests.reference_pages."""
    assert (PAGES / name).read_text("utf-8") == pages()[name]


def test_every_page_that_is_linked_is_there() -> None:
    """In README and reference."""
    for page in [ROOT / "README.md", *PAGES.glob("*.md")]:
        for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text("utf-8")):
            assert (page.parent / target).exists(), (page.name, target)


def written_codes() -> set[str]:
    """Return the codes of problems that the sources write, wherever they make one."""
    found = set(CODES) | {cause.value for cause in Cause} - {""}
    for path in PACKAGE.rglob("*.py"):
        text = path.read_text("utf-8")
        found |= set(re.findall(r"\b(?:Problem|_problem)\(\s*\"(\w+)\"", text))
    return found


def test_every_problem_has_its_entry_and_no_entry_is_of_none() -> None:
    """Somebody looks it up by the code that is printed."""
    entries = re.findall(r"^### `(\w+)`$", TROUBLE, re.MULTILINE)
    assert sorted(entries) == sorted(set(entries))
    assert set(entries) == written_codes()


def test_an_entry_names_who_can_mend_it() -> None:
    """Whoever the product names."""
    texts = dict(re.findall(r"^### `(\w+)`\n(.*?)(?=\n#|\Z)", TROUBLE, re.MULTILINE | re.DOTALL))
    assert all(text.strip() for text in texts.values())
    for name in golden_names():
        for problem in diagnose(golden(name)[0]):
            who = {"you": "*You:*", "admin": "*Administrator:*"}[problem.owner.value]
            assert who in " ".join(texts[problem.code].split()), problem.code


def test_every_check_of_a_namespace_is_in_the_table() -> None:
    """With the file of the kit that mends it."""
    sources = [
        PACKAGE / "core" / name for name in ("kube/namespace_checks.py", "tracking/checks.py")
    ]
    text = "".join(path.read_text("utf-8") for path in sources)
    names = set(re.findall(r"Check\(\s*\"([a-z-]+)\"", text))
    names |= set(re.findall(r"name = \"([a-z-]+)\"", text))
    rows = re.findall(r"^\| `([a-z-]+)` \|.*\|(.*)\|$", TROUBLE, re.MULTILINE)
    assert names == {name for name, _ in rows}
    for _, who in rows:
        for file in re.findall(r"`([\w-]+\.yaml|\w+/)`", who):
            assert (KIT / file).exists(), file


def test_the_contributing_guide_names_what_there_is() -> None:
    """Files by their paths, from the package or from the top."""
    text = (ROOT / ".github" / "CONTRIBUTING.md").read_text("utf-8")
    named = re.findall(r"`((?:[\w.-]+/)*[\w-]+\.(?:py|md|json|yaml))`", text)
    assert len(named) > 15
    for name in set(named) - {"tests/golden/snapshots/NAME.json"}:
        assert (ROOT / name).exists() or (PACKAGE / name).exists(), name
    for module in re.findall(r"python -m (tests\.\w+)", text):
        assert (ROOT / f"{module.replace('.', '/')}.py").exists()


def test_checks_before_a_commit_are_those_of_the_tests() -> None:
    """The same programs in the same versions, and forms of issues that can be read."""
    config = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text("utf-8"))
    hooks = {hook["id"]: hook for repo in config["repos"] for hook in repo["hooks"]}
    groups = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["dependency-groups"]
    for name in ("ruff-check", "ruff-format", "codespell"):
        assert set(hooks[name]["additional_dependencies"]) <= set(groups["check"])
    assert {"mypy", "lint-imports"} <= set(hooks)
    for path in (ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yml"):
        form = yaml.safe_load(path.read_text("utf-8"))
        assert path.name == "config.yml" or {"name", "description", "body"} <= set(form)


def test_the_readme_begins_with_what_it_is() -> None:
    """Its picture and two commands come before anything else."""
    assert README.index("![") < README.index("```sh") < README.index("## Ten minutes")
