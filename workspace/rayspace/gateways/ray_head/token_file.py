"""The token of a head in a file, for the Ray of this process, which reads it there.

It is readable by this user only, and gone when it is closed. What a process leaves that was killed
is removed by the next one: a file that nobody holds locked belongs to nobody.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
from typing import TYPE_CHECKING

from rayspace.errors import StorageError
from rayspace.gateways.private_files import make_private_dir

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Self

_SUFFIX = ".token"


class TokenFile:
    """A token in a file, from `write` to `close`.

    Parameters
    ----------
    path
        The file.
    handle
        Its open descriptor, which holds the lock. [1]
    """

    def __init__(self, path: Path, handle: int) -> None:
        self.path = path
        self._handle = handle

    @classmethod
    def write(cls, directory: Path, token: str) -> Self:
        """Write a new file, and remove those of processes that are gone.

        Parameters
        ----------
        directory
            Where to; made for this user only.
        token
            The token.

        Raises
        ------
        StorageError
            If it can't be written.
        """
        path = directory / f"{secrets.token_hex(8)}{_SUFFIX}"
        try:
            make_private_dir(directory)
            _sweep(directory)
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            # Locked before anything is in it, so that no sweep takes it away.
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.write(handle, token.encode("ascii"))
        except OSError as exc:
            raise StorageError(
                f"{path} can't be written: {exc.strerror or exc}.",
                hint="Free some space or make it writable; RAYSPACE_STATE_DIR names another"
                " directory.",
                details={"path": str(path), "errno": exc.errno},
            ) from exc
        return cls(path, handle)

    def close(self) -> None:
        """Remove the file; may be done twice."""
        handle, self._handle = self._handle, -1
        if handle < 0:
            return
        with contextlib.suppress(OSError):
            self.path.unlink()
        os.close(handle)


def _sweep(directory: Path) -> None:
    for path in directory.glob(f"*{_SUFFIX}"):
        try:
            handle = os.open(path, os.O_RDONLY)
        except OSError:
            # Somebody else was quicker, or it is not ours to remove.
            continue
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # An empty one was made a moment ago, and is locked in the next.
            if os.fstat(handle).st_size:
                path.unlink(missing_ok=True)
        except OSError:
            continue
        finally:
            os.close(handle)
