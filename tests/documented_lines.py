"""The lines that README and guide tell people to type, and which of them can be run anywhere."""

from __future__ import annotations

import json
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text("utf-8")
#: What is not on every machine: a Kubernetes of somebody's, an installation, a server, a browser
#: until Ctrl-C; and names that stand for others.
_ELSEWHERE = re.compile(
    r"--on |--context |kubectl|-m venv|\.venv/|^jupyter lab|pip install|mlflow open|register-python"
    r"|cluster (suspend|resume|extend)\b|\b(NAME|PROFILE|TARGET|NOTEBOOK)\b"
)


def can_run_here(line: str) -> bool:
    """Whether a line needs nothing but this machine: all others are only parsed."""
    return _ELSEWHERE.search(line) is None


def blocks(language: str) -> list[str]:
    """Return the blocks of the README in one language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


def shell_lines() -> list[str]:
    """Return the lines of a shell, those of the table too, in the order of the README."""
    found = []
    for block, row in re.findall(
        r"^```sh\n(.*?)^```$|^\|[^|\n]+\|([^\n]*)\|$", README, re.MULTILINE | re.DOTALL
    ):
        if block:
            found += block.strip().split("\n")
        else:
            found += [c for c in re.findall(r"`([^`]+)`", row) if c.startswith("rayspace ")]
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
