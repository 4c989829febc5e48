"""Read the ignore files that speak of a project."""

from __future__ import annotations

import os
from pathlib import Path

from rayspace.core.bundles.ignore import IgnoreFile, read_ignore_file

#: Read in this order in every directory: a later one wins, so ours can undo git's.
_NAMES = (".gitignore", ".rayspaceignore")


def rules_above(root: Path) -> tuple[IgnoreFile, ...]:
    """Read what speaks of a directory from above: the repository's own list and files in between.

    Parameters
    ----------
    root
        An absolute path.

    Returns
    -------
    tuple of IgnoreFile
        The weakest first; none where the directory is in no repository. A repository that is the
        home directory, or the top of the disk, does not speak of projects in it.
    """
    above = (root, *root.parents)
    top = next((folder for folder in above if os.path.lexists(folder / ".git")), None)
    if top is None or (top != root and top in wide_folders(root)):
        return ()
    exclude = _git_directory(top / ".git") / "info" / "exclude"
    rules = _read(exclude, source=".git/info/exclude", base=top)
    between = [
        folder for folder in reversed(above) if folder != root and top in (folder, *folder.parents)
    ]
    for folder in between:
        rules += rules_in(folder, root)
    return rules


def rules_in(folder: Path, root: Path) -> tuple[IgnoreFile, ...]:
    """Read the ignore files of one directory.

    Parameters
    ----------
    folder
        Absolute path of the directory.
    root
        What the names in messages are relative to.

    Returns
    -------
    tuple of IgnoreFile
        The weakest first.
    """
    rules: tuple[IgnoreFile, ...] = ()
    for name in _NAMES:
        path = folder / name
        rules += _read(path, source=os.path.relpath(path, root), base=folder)
    return rules


def wide_folders(folder: Path) -> set[Path]:
    """Return the directories that hold much more than one project: home, and the disk's top."""
    top = Path(folder.anchor)
    try:
        return {top, Path.home().resolve()}
    except RuntimeError:
        # A user without a home directory.
        return {top}


def _read(path: Path, *, source: str, base: Path) -> tuple[IgnoreFile, ...]:
    try:
        # A pipe of that name would block.
        if not path.is_file():
            return ()
        text = path.read_bytes().decode("utf-8", "replace")
    except OSError:
        # Unreadable: git passes over it as well.
        return ()
    return (read_ignore_file(text, source=source, base=base.as_posix()),)


def _git_directory(mark: Path) -> Path:
    """Return the store behind ``.git``, which is a file in worktrees and submodules."""
    if not mark.is_file():
        return mark
    try:
        store = mark.parent / mark.read_text("utf-8", "replace").removeprefix("gitdir:").strip()
        shared = store / "commondir"
        return store / shared.read_text("utf-8", "replace").strip() if shared.is_file() else store
    except OSError:
        return mark
