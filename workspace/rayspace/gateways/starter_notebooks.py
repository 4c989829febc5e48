"""The notebooks to begin from: their titles, and copies of them that belong to a person."""

from __future__ import annotations

import json
import os
from pathlib import PurePath
from typing import TYPE_CHECKING

from rayspace.errors import NotebookNotFoundError, StorageError
from rayspace.gateways.templates import list_templates, read_template
from rayspace.model.starter import StarterNotebook

if TYPE_CHECKING:
    from pathlib import Path

_FOLDER = "notebooks"
#: A folder with more copies of one starter is somebody's mistake. [1]
_MOST_COPIES = 1000


def list_starters() -> list[StarterNotebook]:
    """List the notebooks to begin from, by name, with what their first cell says of them."""
    names = [PurePath(file) for file in list_templates(_FOLDER)]
    return [_read(path.stem) for path in names if path.suffix == ".ipynb"]


def copy_starter(name: str, folder: Path) -> Path:
    """Copy a starter under a name that is free.

    Parameters
    ----------
    name
        The starter.
    folder
        Where to.

    Returns
    -------
    Path
        The copy.

    Raises
    ------
    NotebookNotFoundError
        If there is no such starter, or no such folder.
    StorageError
        If the folder can't be written.
    """
    known = [starter.name for starter in list_starters()]
    if name not in known:
        raise NotebookNotFoundError(
            f"There is no notebook {name!r} to begin from.",
            hint=f"There are: {', '.join(known)}.",
            details={"name": name},
        )
    # Unlike `Path.is_dir`, this also takes names that no file can have.
    if not os.path.isdir(folder):  # noqa: PTH112
        raise NotebookNotFoundError(
            "There is no such folder.",
            hint="Give it as the file browser shows it.",
            details={"path": str(folder)},
        )
    text = read_template(f"{_FOLDER}/{name}.ipynb")
    for number in range(_MOST_COPIES):
        path = folder / (f"{name}-{number}.ipynb" if number else f"{name}.ipynb")
        try:
            with path.open("x", encoding="utf-8") as stream:
                stream.write(text)
        except FileExistsError:
            # Somebody has gone on with it.
            continue
        except OSError as exc:
            raise StorageError(
                f"{folder} can't be written: {exc.strerror or exc}.",
                hint="Go to another folder.",
                details={"path": str(folder), "errno": exc.errno},
            ) from exc
        return path
    raise StorageError(
        f"{folder} holds {_MOST_COPIES} copies of {name} already.", hint="Delete some of them."
    )


def _read(name: str) -> StarterNotebook:
    cells = json.loads(read_template(f"{_FOLDER}/{name}.ipynb"))["cells"]
    title, _, rest = "".join(cells[0]["source"]).partition("\n")
    paragraph = " ".join(rest.strip().partition("\n\n")[0].split())
    sentence = paragraph.partition(". ")[0].rstrip(".")
    return StarterNotebook(name, title.lstrip("# ").strip(), f"{sentence}.")
