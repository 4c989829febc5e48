"""Ray's temporary directories: short, since Ray puts unix sockets in them."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from rayspace.errors import StorageError

#: A unix socket's path has at most 107 characters and Ray adds up to 68 of its own.
MAX_LENGTH = 39


def temp_dir_of(uid: str) -> Path:
    """Return Ray's temporary directory for a cluster, of at most `MAX_LENGTH` characters.

    Parameters
    ----------
    uid
        Id of the cluster.
    """
    # Not tempfile.gettempdir(): on macOS and under many CI systems it is too long already.
    return Path("/tmp") / f"rayspace-{os.getuid()}" / uid[:12]  # noqa: S108  guarded below


def make_temp_dir(directory: Path) -> None:
    """Make a directory that only this user can enter.

    Parameters
    ----------
    directory
        The directory, from `temp_dir_of`.

    Raises
    ------
    StorageError
        If it can't be made, or its parent belongs to another user.
    """
    parent = directory.parent
    try:
        parent.mkdir(mode=0o700, exist_ok=True)
        facts = parent.lstat()
        if not stat.S_ISDIR(facts.st_mode) or facts.st_uid != os.getuid():
            raise StorageError(
                f"{parent} belongs to another user.",
                hint=f"Ask them or the administrator to remove it: rm -r {parent}",
                details={"path": str(parent)},
            )
        parent.chmod(0o700)
        directory.mkdir(mode=0o700)
    except OSError as exc:
        raise StorageError(
            f"{parent} can't be written: {exc.strerror or exc}.",
            hint="Free some space in /tmp or make it writable.",
            details={"path": str(parent), "errno": exc.errno},
        ) from exc
