"""Targets that were asked for by context and namespace, so that their clusters are found again."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from rayspace.errors import StorageError
from rayspace.gateways.private_files import make_private_dir
from rayspace.model.target import Target
from rayspace.names import distinct_name

if TYPE_CHECKING:
    import builtins


class UsedTargets:
    """A file of them.

    Parameters
    ----------
    path
        The file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def list(self) -> builtins.list[Target]:
        """List them; none where there is no file that can be read: they are asked for again."""
        try:
            data = json.loads(self._path.read_text("utf-8"))
            return [
                Target(name, context, namespace, "used")
                for name, (context, namespace) in data.items()
            ]
        except (OSError, ValueError, TypeError, AttributeError):
            return []

    def add(self, target: Target) -> None:
        """Remember one; another place of its name is remembered under a name of its own.

        Raises
        ------
        StorageError
            If the file can't be written.
        """
        known = {item.name: [item.context, item.namespace] for item in self.list()}
        place = [target.context, target.namespace]
        earlier = known.get(target.name, place)
        if earlier != place:
            known[distinct_name(target.name, *earlier)] = earlier
        known[target.name] = place
        try:
            make_private_dir(self._path.parent)
            handle, temporary = tempfile.mkstemp(dir=self._path.parent, prefix=".targets-")
            with os.fdopen(handle, "w", encoding="utf-8") as stream:
                json.dump(known, stream, indent=1)
            Path(temporary).replace(self._path)
        except OSError as exc:
            raise StorageError(
                f"{self._path} can't be written: {exc.strerror or exc}.",
                hint="Free some space or make it writable.",
                details={"path": str(self._path), "errno": exc.errno},
            ) from exc
