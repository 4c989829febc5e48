"""Templates are found in a checkout, in a wheel and in a zip."""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import rayspace
from rayspace.errors import StorageError
from rayspace.gateways.templates import list_templates, read_template, templates_dir

REPOSITORY = Path(__file__).parents[3]
PACKAGE = Path(rayspace.__file__).parent
ASK = """
from rayspace.errors import StorageError
from rayspace.gateways.templates import list_templates, read_template, templates_dir
try:
    place = templates_dir()
except StorageError:
    place = "no directory"
try:
    read_template("profiles/none.yaml")
except StorageError:
    missing = "missing"
print(list_templates("profiles"), read_template("profiles/laptop.yaml"), missing, place)
"""


def test_in_a_checkout_they_lie_at_the_top() -> None:
    """An editable install has no copy."""
    assert templates_dir() == REPOSITORY / "templates"
    assert "laptop.yaml" in list_templates("profiles")
    assert read_template("profiles/laptop.yaml") == (
        REPOSITORY / "templates/profiles/laptop.yaml"
    ).read_text("utf-8")


def test_a_missing_template_is_an_error_and_a_missing_folder_is_empty() -> None:
    """A damaged install is told with the way to mend it."""
    assert list_templates("none") == []
    with pytest.raises(StorageError, match="no template 'profiles/none'") as caught:
        read_template("profiles/none")
    assert "pip install --force-reinstall" in caught.value.hint


def ask(path: Path) -> str:
    command = [sys.executable, "-I", "-c", f"import sys; sys.path.insert(0, {str(path)!r}){ASK}"]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def test_in_a_wheel_they_lie_in_the_package(tmp_path: Path) -> None:
    """An installed package brings its own."""
    ignore = shutil.ignore_patterns("__pycache__")
    shutil.copytree(PACKAGE, tmp_path / "rayspace", ignore=ignore)
    folder = tmp_path / "rayspace/templates/profiles"
    folder.mkdir(parents=True)
    (folder / "laptop.yaml").write_text("from the wheel")
    assert ask(tmp_path) == (
        f"['laptop.yaml'] from the wheel missing {tmp_path}/rayspace/templates\n"
    )


def test_in_a_zip_they_can_be_read(tmp_path: Path) -> None:
    """The runner's archive has no directory, but its files."""
    archive = tmp_path / "runner.zip"
    with zipfile.ZipFile(archive, "w") as writer:
        for path in sorted(PACKAGE.rglob("*.py")):
            writer.write(path, Path("rayspace") / path.relative_to(PACKAGE))
        writer.writestr("rayspace/templates/profiles/laptop.yaml", "from the zip")
    assert ask(archive) == "['laptop.yaml'] from the zip missing no directory\n"
