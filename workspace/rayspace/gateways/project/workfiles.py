"""Walk a project and plan which of its files travel with a job.

Honours ``.gitignore`` and ``.rayspaceignore`` of every directory, those above the root up to the
repository's, and ``.git/info/exclude``. An ignored directory is not entered. A file that is tracked
although an ignore file names it stays behind all the same: the disk is read, not git's index.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from rayspace.core.bundles.bundle import (
    FILE_LIMIT_BYTES,
    FILES_LIMIT,
    TOTAL_LIMIT_BYTES,
    check_size,
)
from rayspace.core.bundles.include import Include, read_include
from rayspace.errors import BundleError, NotebookNotFoundError, StorageError
from rayspace.gateways.project.archive import pack
from rayspace.gateways.project.git import git_state
from rayspace.gateways.project.ignore_files import wide_folders
from rayspace.gateways.project.walk import ProjectWalk
from rayspace.model.bundle import BundlePlan
from rayspace.names import nearest

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rayspace.model.bundle import GitState, PackedBundle

_ROOT_MARKS = (".git", "pyproject.toml", ".rayspace", ".rayspaceignore")


def bundle_root(notebook: Path) -> Path:
    """Find the directory that travels with a notebook.

    Parameters
    ----------
    notebook
        Path of the notebook.

    Returns
    -------
    Path
        The nearest directory above it with ``.git``, ``pyproject.toml``, ``.rayspace`` or
        ``.rayspaceignore``; its own directory where there is none. A home directory or the top of
        the disk counts only with ``.rayspaceignore``: what lies there is seldom one project.
    """
    folder = notebook.absolute().parent.resolve()
    wide = wide_folders(folder)
    for candidate in (folder, *folder.parents):
        marks = _ROOT_MARKS[-1:] if candidate in wide else _ROOT_MARKS
        if any(os.path.lexists(candidate / mark) for mark in marks):
            return candidate
    return folder


def plan_bundle(
    root: Path,
    notebook: Path,
    *,
    includes: Iterable[str] = (),
    file_limit_bytes: int = FILE_LIMIT_BYTES,
    total_limit_bytes: int = TOTAL_LIMIT_BYTES,
    files_limit: int = FILES_LIMIT,
) -> BundlePlan:
    """Decide which files of a project travel.

    Parameters
    ----------
    root
        The project directory.
    notebook
        The notebook; it always travels.
    includes
        Globs of files to bring although they are ignored, generated or large.
    file_limit_bytes
        Larger files stay behind. [bytes]
    total_limit_bytes
        How large all files may be together, those of ``includes`` aside. [bytes]
    files_limit
        How many files may travel. [1]

    Returns
    -------
    BundlePlan
        What travels and what does not.

    Raises
    ------
    NotebookNotFoundError
        If there is no notebook at that path.
    BundleError
        If the notebook lies outside the root or can't be read, an include means nothing that can
        travel, or the files are too many or too large.
    """
    root = root.resolve()
    walk = ProjectWalk(
        root,
        _notebook_path(root, notebook),
        tuple(map(read_include, includes)),
        file_limit_bytes=file_limit_bytes,
        files_limit=files_limit,
    )
    walk.run()
    unasked = [file for path, file in walk.files.items() if not walk.asked_for(path)]
    check_size(unasked, total_limit_bytes)
    for include in walk.includes:
        _check_include(include, walk)
    return BundlePlan(
        root=root,
        notebook=walk.notebook,
        files=tuple(walk.files[path] for path in sorted(walk.files)),
        skipped=tuple(sorted(walk.skipped, key=lambda item: item.path)),
    )


def path_exists(path: str) -> bool:
    """Tell whether a path exists on this machine; one that begins with ``~`` is expanded."""
    try:
        return Path(path).expanduser().exists()
    except (OSError, RuntimeError, ValueError):
        # Not to be looked at, no such user, or no path at all.
        return False


class Workfiles:
    """The files of a project on this machine; see `WorkfileGateway`."""

    def read(self, path: Path) -> bytes:
        """Read a notebook.

        Raises
        ------
        NotebookNotFoundError
            If there is no file.
        StorageError
            If it can't be read.
        """
        try:
            return path.read_bytes()
        except (FileNotFoundError, IsADirectoryError, NotADirectoryError) as error:
            raise _no_notebook(path) from error
        except OSError as error:
            raise StorageError(f"{path} can't be read: {error.strerror}.") from error

    def exists(self, text: str) -> bool:
        """Tell whether a path that a cell mentions is there; see `path_exists`."""
        return path_exists(text)

    def root_of(self, notebook_path: Path) -> Path:
        """Return the directory that travels with a notebook."""
        return bundle_root(notebook_path)

    def plan(self, notebook_path: Path, root: Path, include: Sequence[str]) -> BundlePlan:
        """Decide which files travel; see `plan_bundle`."""
        return plan_bundle(root, notebook_path, includes=include)

    def pack(self, plan: BundlePlan, destination: Path) -> PackedBundle:
        """Pack them into one file; see `rayspace.gateways.project.archive.pack`."""
        return pack(plan, destination)

    def git_state(self, root: Path) -> GitState:
        """Say which commit the files are of; see `rayspace.gateways.project.git.git_state`."""
        return git_state(root)


def _no_notebook(path: Path) -> NotebookNotFoundError:
    beside = [item.name for item in path.parent.glob("*.ipynb")] if path.parent.is_dir() else []
    like = nearest(path.name, beside) or sorted(beside)[:3]
    return NotebookNotFoundError(
        f"There is no notebook {str(path)!r}.",
        hint=f"Beside it there is {', '.join(like)}." if like else "",
        details={"path": str(path)},
    )


def _notebook_path(root: Path, notebook: Path) -> str:
    absolute = notebook.absolute()
    # The directory is resolved, the notebook is not: it may be a link to elsewhere.
    path = absolute.parent.resolve() / absolute.name
    try:
        is_file = path.is_file()
    except OSError as error:
        raise BundleError(f"The notebook {str(notebook)!r} can't be read.") from error
    if not is_file:
        raise _no_notebook(notebook)
    if not path.is_relative_to(root):
        raise BundleError(
            f"The notebook {str(notebook)!r} lies outside the project {str(root)!r}.",
            hint="Submit it from its own project, or name a project directory above it.",
        )
    if not os.access(path, os.R_OK):
        raise BundleError(f"The notebook {str(notebook)!r} can't be read.")
    return path.relative_to(root).as_posix()


def _check_include(include: Include, walk: ProjectWalk) -> None:
    """Refuse an include that brings nothing: the job would fail for want of the file."""
    if any(include.covers(path) for path in walk.files):
        return
    for item in walk.skipped:
        path = item.path.rstrip("/")
        if item.kind.is_final and (include.covers(path) or include.reaches(path, by_name=True)):
            raise BundleError(
                f"--include {include.glob!r} means {item.path}, which stays behind: {item.reason}.",
                details={"include": include.glob, "path": item.path, "kind": item.kind.value},
            )
    raise BundleError(
        f"--include {include.glob!r} means no file in {walk.root}.",
        hint="Give a path or a glob relative to the project directory.",
        details={"include": include.glob},
    )
