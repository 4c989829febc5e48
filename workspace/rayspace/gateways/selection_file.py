"""The file that holds which cluster was chosen, so that kernel and terminal agree."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path

import filelock

from rayspace.errors import StorageError


class SelectionFile:
    """What `use` chose last, by project.

    Parameters
    ----------
    path
        The file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def get(self, project: str) -> str:
        """Return the name that was chosen for a project; empty for none."""
        return self._read().get(project, "")

    def set(self, project: str, name: str) -> None:
        """Choose a cluster for a project; an empty name forgets the choice.

        Raises
        ------
        StorageError
            If the file can't be written; the old choices then stand.
        """
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            with filelock.FileLock(self._path.with_suffix(".lock"), timeout=10):
                choices = self._read()
                if choices.get(project, "") == name:
                    return
                choices[project] = name
                self._write({key: value for key, value in choices.items() if value})
        except OSError as exc:
            raise StorageError(
                f"{self._path} can't be written: {exc.strerror or exc}.",
                hint="Free some space or make it writable.",
                details={"path": str(self._path), "errno": exc.errno},
            ) from exc

    def _write(self, choices: dict[str, str]) -> None:
        handle, temporary = tempfile.mkstemp(dir=self._path.parent, prefix=".selection-")
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as stream:
                json.dump(choices, stream, indent=1)
            Path(temporary).replace(self._path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise

    def _read(self) -> dict[str, str]:
        try:
            data = json.loads(self._path.read_text("utf-8"))
            return {str(key): str(value) for key, value in data.items()}
        except (OSError, ValueError, AttributeError):
            # A choice is a convenience: an unreadable one is made again by the next `use`.
            return {}
