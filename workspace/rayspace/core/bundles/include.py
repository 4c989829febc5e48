"""Decide which skipped files a person asked for by name: the globs of ``--include``.

A glob is relative to the root of the bundle, with ``/``: without a slash it means a name at any
depth, ``**`` any directories, and what names a directory means all that is in it. No file is read.
"""

from __future__ import annotations

import fnmatch
from dataclasses import dataclass

from rayspace.errors import BundleError

_ANY_DEPTH = "**"


@dataclass(frozen=True)
class Include:
    """One glob, taken apart.

    Parameters
    ----------
    glob
        As it was given.
    parts
        Its components, from the root.
    """

    glob: str
    parts: tuple[str, ...]

    def covers(self, path: str, *, by_name: bool = False) -> bool:
        """Tell whether it means an entry, or a directory above it.

        Parameters
        ----------
        path
            Path of the entry below the root, with ``/``.
        by_name
            Whether the entry itself must be named: bare stars don't count.

        Returns
        -------
        bool
            Whether it does.
        """
        return len(self.parts) in _states(self.parts, path, by_name=by_name)

    def reaches(self, path: str, *, by_name: bool = False) -> bool:
        """Tell whether it may mean something inside a directory.

        Parameters
        ----------
        path
            Path of the directory below the root, with ``/``.
        by_name
            Whether the directory itself must be named: bare stars don't count.

        Returns
        -------
        bool
            Whether it may.
        """
        return bool(_states(self.parts, path, by_name=by_name))


def read_include(glob: str) -> Include:
    """Read a glob of ``--include``.

    Parameters
    ----------
    glob
        As it was given.

    Returns
    -------
    Include
        The glob, taken apart.

    Raises
    ------
    BundleError
        If it is empty, absolute, or leaves the root.
    """
    parts = [part for part in glob.split("/") if part not in {"", "."}]
    if glob.startswith(("/", "~")) or ".." in parts or not parts:
        raise BundleError(
            f"--include {glob!r} is not a path below the project.",
            hint="Give a path or a glob relative to the project directory, such as 'data/*.csv'.",
            details={"include": glob},
        )
    if len(parts) == 1 and not glob.startswith("./"):
        parts.insert(0, _ANY_DEPTH)
    return Include(glob, tuple(parts))


def _states(glob: tuple[str, ...], path: str, *, by_name: bool) -> set[int]:
    """Return how many components of a glob may be used up by a path; all of them: it is meant."""
    end = len(glob)
    states = _closure(glob, {0})
    components = path.split("/")
    for position, component in enumerate(components, start=1):
        must_be_named = by_name and position == len(components)
        following: set[int] = set()
        for state in states:
            bare = state == end or set(glob[state]) == {"*"}
            if must_be_named and bare:
                continue
            if state == end or glob[state] == _ANY_DEPTH:
                following.add(state)
            elif fnmatch.fnmatchcase(component, glob[state]):
                following.add(state + 1)
        states = _closure(glob, following)
    return states


def _closure(glob: tuple[str, ...], states: set[int]) -> set[int]:
    """Add the states that follow because two stars may stand for no directory at all."""
    closed = set(states)
    for state in sorted(states):
        following = state
        while following < len(glob) and glob[following] == _ANY_DEPTH:
            following += 1
            closed.add(following)
    return closed
