"""Profiles as people see them listed: which file wins, and what it hides."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rayspace.model.profile import Profile

#: The layers of profile files, the weakest first.
LAYERS = ("built-in", "system", "namespace", "user", "project")


@dataclass(frozen=True)
class ProfileFile:
    """One file that may describe a profile.

    Parameters
    ----------
    name
        Name of the profile, the stem of the file.
    layer
        One of `LAYERS`.
    path
        Where it is.
    text
        Its content.
    problem
        Why there is no content; empty when it could be read.
    """

    name: str
    layer: str
    path: str
    text: str = ""
    problem: str = ""


@dataclass(frozen=True)
class ProfileEntry:
    """One line of the list of profiles.

    Parameters
    ----------
    name
        Its name.
    layer, path
        The layer and the file that win.
    profile
        The profile; None if the file is broken.
    problem
        What is wrong with the file; empty when nothing is.
    shadows
        The files it hides, the nearest first, as ``layer: path``.
    """

    name: str
    layer: str
    path: str
    profile: Profile | None
    problem: str = ""
    shadows: tuple[str, ...] = ()
