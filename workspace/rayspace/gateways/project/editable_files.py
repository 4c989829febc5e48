"""Find the files of editable installs that travel with a job."""

from __future__ import annotations

import importlib.machinery
import os
from pathlib import Path
from typing import TYPE_CHECKING

from rayspace.core.bundles.bundle import (
    FILES_LIMIT,
    TOTAL_LIMIT_BYTES,
    check_count,
    check_size,
    skip_by_name,
)
from rayspace.model.bundle import BundleFile

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from rayspace.model.packages import Editable

_MODULE_SUFFIXES = tuple(importlib.machinery.all_suffixes())


def editable_files(editables: Iterable[Editable], known: Iterable[str]) -> list[BundleFile]:
    """List the files of editable installs that the bundle lacks.

    Parameters
    ----------
    editables
        The editable installs.
    known
        Paths inside the bundle that travel anyway.

    Returns
    -------
    list of BundleFile
        Of an install from outside the project all files of its module, whatever ignore files say:
        a module without its generated ``_version.py`` can't be imported. Of one inside only such
        ignored modules; its other files were chosen with the project's.

    Raises
    ------
    BundleError
        If they are too many or too large.
    """
    found: dict[str, BundleFile] = {}
    there = set(known)
    for item in editables:
        for name, path in _module_files(Path(item.location), item.module):
            inside = f"{item.path}/{name}" if item.path else name
            if inside in there or not (item.is_added or name.endswith(_MODULE_SUFFIXES)):
                continue
            try:
                size_bytes = path.stat().st_size
            except OSError:
                # Gone meanwhile, or not to be read.
                continue
            found[inside] = BundleFile(inside, size_bytes, source=str(path))
            check_count(found, FILES_LIMIT)
    files = [found[path] for path in sorted(found)]
    check_size(files, TOTAL_LIMIT_BYTES)
    return files


def _module_files(location: Path, module: str) -> Iterator[tuple[str, Path]]:
    """List the files of a module: their names below its location, and where they are."""
    for suffix in _MODULE_SUFFIXES:
        single = location / f"{module}{suffix}"
        if single.is_file():
            yield single.name, single
    for folder, folders, names in os.walk(location / module):
        place = Path(folder)
        below = place.relative_to(location).as_posix()
        folders[:] = sorted(n for n in folders if not skip_by_name(f"{below}/{n}", is_dir=True))
        for name in sorted(names):
            path = place / name
            # A pipe of that name would block.
            if path.is_file() and not skip_by_name(f"{below}/{name}", is_dir=False):
                yield f"{below}/{name}", path
