"""Files that only this user can read, for what must not be seen in passing."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

from rayspace.errors import StorageError

if TYPE_CHECKING:
    from pathlib import Path

#: The reader deletes its file within seconds; what is older was never read. [s]
_FORGOTTEN_AFTER_S = 86_400


def make_private_dir(directory: Path) -> None:
    """Make a directory that only this user can enter, and that no project takes along.

    Parameters
    ----------
    directory
        The directory; one that is there stays as it is.
    """
    if not directory.is_dir():
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        # It may lie in a project, where git and the bundle of a job would pick it up.
        (directory / ".gitignore").write_text("*\n", "utf-8")


def write_private(directory: Path, name: str, text: str) -> str:
    """Write a new file with mode 0600, and remove old ones that nobody has read.

    Parameters
    ----------
    directory
        Where to; made with mode 0700.
    name
        Name of the file, which must not exist.
    text
        What it holds.

    Returns
    -------
    str
        Its path.

    Raises
    ------
    StorageError
        If it can't be written.
    """
    path = directory / name
    try:
        make_private_dir(directory)
        for old in directory.glob("*.json"):
            if time.time() - old.stat().st_mtime > _FORGOTTEN_AFTER_S:
                old.unlink(missing_ok=True)
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            stream.write(text)
    except OSError as exc:
        raise StorageError(
            f"{path} can't be written: {exc.strerror or exc}.",
            hint="Free some space or make it writable; RAYSPACE_STATE_DIR names another directory.",
            details={"path": str(path), "errno": exc.errno},
        ) from exc
    return str(path)
