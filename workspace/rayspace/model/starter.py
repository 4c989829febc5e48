"""A notebook to begin from."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class StarterNotebook:
    """A notebook to begin from.

    Parameters
    ----------
    name
        Its name, the stem of its file.
    title
        Its title, for people.
    description
        One sentence of what it does.
    """

    name: str
    title: str
    description: str
