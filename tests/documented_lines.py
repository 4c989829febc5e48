"""The lines that README and guide tell people to type, and which test types each of them."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text("utf-8")
#: Who types a line: the first whose words are in it. A line that fits nothing is typed by nobody,
#: which a unit test tells; and each of these tests fails at a line that it gets and does not know.
TYPED_BY = {
    # Whoever runs the tests.
    ".ci/run": r"^python3 tests/run\.py$",
    "tests/cluster/test_readme_lines.py": (
        r"^kubectl apply |^RAYSPACE_SUBMIT=|^rayspace (.*--on |cluster (suspend|resume|extend)\b)"
    ),
    "tests/install/test_readme_lines.py": (
        r"-m venv |^(\. )?\.venv/|pip install |^jupyter lab|register-python-argcomplete"
    ),
    "tests/local/test_readme_lines.py": r"^(rayspace|papermill|printf) ",
}
#: Programs whose lines the README has in its text as well.
_IN_TEXT = re.compile(
    r"^(rayspace [a-z]+ [a-z]+ [A-Z-]|pip |jupyter lab|papermill |python3 |kubectl [a-z]+ -|eval "
    r"|\. |RAYSPACE_SUBMIT=)"
)


def typed_by(line: str) -> str:
    """Return the test that types a line; empty for none."""
    return next((test for test, words in TYPED_BY.items() if re.search(words, line)), "")


def lines_of(test: str) -> list[str]:
    """Return the lines of the README that a test types, in the order of the README."""
    return [line for line in shell_lines() if typed_by(line) == test]


def type_line(line: str, steps: Mapping[str, Callable[[str], None]]) -> None:
    """Type a line by the first step whose words are in it, and say what it took."""
    step = next((act for words, act in steps.items() if re.search(words, line)), None)
    assert step is not None, f"Nobody types this line: {line}"
    began_s = time.monotonic()
    step(line)
    print(f"{time.monotonic() - began_s:6.1f} s  {line}")


def blocks(language: str) -> list[str]:
    """Return the blocks of the README in one language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


def shell_lines() -> list[str]:
    """Return the lines of a shell, of tables and text too, in the order of the README."""
    found = []
    parts = r"^```(\w+)\n(.*?)^```$|^\|[^|\n]+\|([^\n]*)\|$|`([^`]+)`"
    for language, block, row, word in re.findall(parts, README, re.MULTILINE | re.DOTALL):
        if language:
            found += block.strip().split("\n") if language == "sh" else []
        elif row:
            found += [c for c in re.findall(r"`([^`]+)`", row) if c.startswith("rayspace ")]
        elif _IN_TEXT.match(word):
            found.append(" ".join(word.split()))
    return [part.strip() for line in found for part in line.split(" && ")]


def magic_lines() -> list[str]:
    """Return the lines of magics in the README."""
    return [line for block in blocks("python") for line in block.split("\n") if line[:1] == "%"]


def guide_lines() -> list[tuple[str, str]]:
    """Return the lines of magics and commands in the guide, each with its notebook."""
    found = []
    for path in sorted((ROOT / "notebooks").glob("*.ipynb")):
        for cell in json.loads(path.read_text("utf-8"))["cells"]:
            if cell["cell_type"] != "code":
                continue
            lines = "".join(cell["source"]).replace("\\\n", " ").split("\n")
            ours = [line.strip() for line in lines if re.match(r"\s*(%ray_|!rayspace )", line)]
            found += [(path.name, line) for line in ours]
    return found
