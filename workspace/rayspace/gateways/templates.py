"""Find the templates that come with the package: profiles, Kubernetes files, notebooks.

A wheel holds them inside the package; in a checkout they lie at the top of the repository; the
runner's zip holds the profiles. Nothing is written.
"""

from __future__ import annotations

import importlib.resources
from pathlib import Path
from typing import TYPE_CHECKING

from rayspace.errors import StorageError

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

_REINSTALL = "Install rayspace again: pip install --force-reinstall --no-deps rayspace"


def templates_dir() -> Path:
    """Return the directory of the templates.

    Returns
    -------
    Path
        The directory.

    Raises
    ------
    StorageError
        If there is none on the disk, as when the package runs from a zip; `read_template` reads
        there too.
    """
    root = _root()
    if isinstance(root, Path) and root.is_dir():
        return root
    raise StorageError("The templates of rayspace are not on this disk.", hint=_REINSTALL)


def list_templates(folder: str) -> list[str]:
    """List the files of one kind.

    Parameters
    ----------
    folder
        Such as ``"profiles"``.

    Returns
    -------
    list of str
        Names of files, sorted; empty where there is no such folder.
    """
    directory = _root() / folder
    return sorted(item.name for item in directory.iterdir()) if directory.is_dir() else []


def read_template(path: str) -> str:
    """Read a template.

    Parameters
    ----------
    path
        Such as ``"profiles/laptop.yaml"``.

    Returns
    -------
    str
        Its text.

    Raises
    ------
    StorageError
        If there is no such template.
    """
    try:
        return (_root() / path).read_text("utf-8")
    except (OSError, KeyError) as error:
        # KeyError: not in the zip.
        raise StorageError(f"rayspace has no template {path!r}.", hint=_REINSTALL) from error


def _root() -> Traversable:
    inside = importlib.resources.files("rayspace") / "templates"
    # workspace/rayspace/gateways/templates.py: the repository is three levels above this folder.
    return inside if inside.is_dir() else Path(__file__).resolve().parents[3] / "templates"
