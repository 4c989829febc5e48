"""Walk a project, without entering what stays behind anyway."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING, NamedTuple

from rayspace.core.bundles.bundle import FILE_LIMIT_BYTES, FILES_LIMIT, check_count, skip_by_name
from rayspace.core.bundles.links import Link, travelling_links
from rayspace.gateways.project.ignore_files import rules_above, rules_in, wide_folders
from rayspace.model.bundle import BundleFile, Skip, Skipped
from rayspace.units import format_bytes

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from rayspace.core.bundles.ignore import IgnoreFile
    from rayspace.core.bundles.include import Include

_ENVIRONMENT_MARKS = ("pyvenv.cfg", "conda-meta")
#: How many entries of a skipped directory are looked at to tell its size. [1]
_COUNTED_ENTRIES = 2_000


class _Folder(NamedTuple):
    """A directory still to be walked."""

    path: str
    rules: tuple[IgnoreFile, ...]
    #: Why the directory itself stays behind, where only includes lead into it.
    verdict: tuple[Skip, str] | None


class ProjectWalk:
    """One walk through a project.

    Parameters
    ----------
    root
        The project directory, resolved.
    notebook
        Path of the notebook below it, with ``/``.
    includes
        What was asked for by name.
    file_limit_bytes
        Larger files stay behind. [bytes]
    files_limit
        How many files may travel. [1]
    """

    def __init__(
        self,
        root: Path,
        notebook: str,
        includes: tuple[Include, ...] = (),
        *,
        file_limit_bytes: int = FILE_LIMIT_BYTES,
        files_limit: int = FILES_LIMIT,
    ) -> None:
        self.root = root
        self.notebook = notebook
        self.includes = includes
        self.file_limit_bytes = file_limit_bytes
        self.files_limit = files_limit
        self.files: dict[str, BundleFile] = {}
        self.skipped: list[Skipped] = []
        self.links: list[Link] = []
        self.is_wide = root in wide_folders(root)

    def run(self) -> None:
        """Visit all that may travel; fills ``files`` and ``skipped``.

        Raises
        ------
        BundleError
            If there are too many files.
        """
        size_bytes = (self.root / self.notebook).stat().st_size
        self.files[self.notebook] = BundleFile(self.notebook, size_bytes)
        todo = [_Folder("", rules_above(self.root), None)]
        while todo:
            folder = todo.pop()
            try:
                with os.scandir(self.root / folder.path) as entries:
                    found = sorted(entries, key=lambda entry: entry.name)
            except OSError as error:
                self._skip(f"{folder.path}/", Skip.UNREADABLE, _why(error))
                continue
            rules = folder.rules + rules_in(self.root / folder.path, self.root)
            for entry in found:
                path = f"{folder.path}/{entry.name}" if folder.path else entry.name
                if path != self.notebook:
                    todo += self._visit(entry, path, folder._replace(rules=rules))
            check_count(self.files, self.files_limit)
        taken, left = travelling_links(self.links, self.files)
        self.files |= {link.path: link for link in taken}
        self.skipped += left

    def asked_for(self, path: str, *, by_name: bool = False) -> bool:
        """Tell whether an include means an entry."""
        return any(include.covers(path, by_name=by_name) for include in self.includes)

    def _visit(self, entry: os.DirEntry[str], path: str, folder: _Folder) -> list[_Folder]:
        """Decide on one entry; returns the directory if it is one to walk."""
        try:
            entry.name.encode()
        except UnicodeEncodeError:
            shown = os.fsencode(path).decode("utf-8", "backslashreplace")
            self._skip(shown, Skip.UNREADABLE, "its name is not UTF-8")
            return []
        is_dir = entry.is_dir(follow_symlinks=False)
        named = self._named(path, is_dir=is_dir)
        verdict = named or folder.verdict or self._ignored(path, folder.rules, is_dir=is_dir)
        # "--include '*.csv'" is no wish for what node_modules holds.
        by_name = named is not None
        if verdict and verdict[0].is_final:
            self._skip(f"{path}/" if is_dir else path, *verdict)
        elif is_dir:
            if verdict is None:
                return [_Folder(path, folder.rules, None)]
            if any(include.reaches(path, by_name=by_name) for include in self.includes):
                if folder.verdict is None:
                    self._skip(f"{path}/", verdict[0], f"{verdict[1]}, but for what was included")
                return [_Folder(path, folder.rules, verdict)]
            if folder.verdict is None:
                counts = verdict[0] is Skip.IGNORED
                size_bytes = _size_of_tree(self.root / path) if counts else None
                self._skip(f"{path}/", *verdict, size_bytes)
        else:
            wanted = verdict is None or self.asked_for(path, by_name=by_name)
            self._visit_file(entry, path, None if wanted else verdict, inside=folder.verdict)
        return []

    def _visit_file(
        self,
        entry: os.DirEntry[str],
        path: str,
        verdict: tuple[Skip, str] | None,
        *,
        inside: tuple[Skip, str] | None,
    ) -> None:
        try:
            status = entry.stat(follow_symlinks=False)
        except FileNotFoundError:
            return
        except OSError as error:
            self._skip(path, Skip.UNREADABLE, _why(error))
            return
        size_bytes = status.st_size
        if verdict:
            # A directory that stays behind is listed once, not file by file.
            if inside is None:
                self._skip(path, *verdict, size_bytes)
        elif stat.S_ISLNK(status.st_mode):
            self._visit_link(path)
        elif not stat.S_ISREG(status.st_mode):
            self._skip(path, Skip.SPECIAL, "no regular file", 0)
        elif not os.access(entry.path, os.R_OK):
            self._skip(path, Skip.UNREADABLE, "not readable", size_bytes)
        elif size_bytes > self.file_limit_bytes and not self.asked_for(path):
            limit = format_bytes(self.file_limit_bytes)
            self._skip(path, Skip.TOO_LARGE, f"larger than {limit}", size_bytes)
        else:
            self.files[path] = BundleFile(path, size_bytes)

    def _visit_link(self, path: str) -> None:
        try:
            target = (self.root / path).resolve(strict=True)
        except (OSError, RuntimeError):
            # RuntimeError: a link that leads to itself, before Python 3.13.
            self._skip(path, Skip.LINK, "a link to nothing", 0)
            return
        if target.is_relative_to(self.root):
            self.links.append(Link(path, target.relative_to(self.root).as_posix()))
        else:
            self._skip(path, Skip.LINK, f"a link to {target}, outside the project", 0)

    def _named(self, path: str, *, is_dir: bool) -> tuple[Skip, str] | None:
        verdict = skip_by_name(path, is_dir=is_dir)
        if verdict:
            return verdict
        if self.is_wide and path.startswith(".") and "/" not in path:
            return Skip.GENERATED, "settings of a program"
        folder = self.root / path
        if is_dir and any(os.path.lexists(folder / mark) for mark in _ENVIRONMENT_MARKS):
            return Skip.GENERATED, "a virtual environment"
        return None

    def _ignored(
        self, path: str, rules: tuple[IgnoreFile, ...], *, is_dir: bool
    ) -> tuple[Skip, str] | None:
        absolute = (self.root / path).as_posix()
        for rule in reversed(rules):
            ignored = rule.verdict(absolute, is_dir=is_dir)
            if ignored is not None:
                return (Skip.IGNORED, f"ignored by {rule.source}") if ignored else None
        return None

    def _skip(self, path: str, kind: Skip, reason: str, size_bytes: int | None = None) -> None:
        self.skipped.append(Skipped(path, kind, reason, size_bytes))


def _size_of_tree(folder: Path) -> int | None:
    """Return the size of a directory [bytes], or None where counting would take long."""
    total_bytes = 0
    for counted, entry in enumerate(_entries_below(folder)):
        if counted >= _COUNTED_ENTRIES:
            return None
        try:
            status = entry.stat(follow_symlinks=False)
        except OSError:
            continue
        total_bytes += 0 if stat.S_ISDIR(status.st_mode) else status.st_size
    return total_bytes


def _entries_below(folder: Path) -> Iterator[os.DirEntry[str]]:
    todo = [os.fspath(folder)]
    while todo:
        try:
            with os.scandir(todo.pop()) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        todo.append(entry.path)
                    yield entry
        except OSError:
            continue


def _why(error: OSError) -> str:
    return (error.strerror or type(error).__name__).lower()
