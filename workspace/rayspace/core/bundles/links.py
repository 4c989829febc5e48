"""Decide which symbolic links of a project travel.

A link travels as a link, and only where what it points to travels too: so nothing gets into a
bundle by a side door, and nothing is packed twice. Links that would make a walk endless stay
behind: whoever unpacks may follow them, as Ray does when it packs a working directory.
"""

from __future__ import annotations

import posixpath
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rayspace.model.bundle import BundleFile, Skip, Skipped

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable


@dataclass(frozen=True)
class Link:
    """A symbolic link inside the root.

    Parameters
    ----------
    path
        Where it is, below the root, with ``/``.
    target
        What it points to in the end, below the root; ``.`` for the root.
    """

    path: str
    target: str


def travelling_links(
    links: Iterable[Link], paths: Collection[str]
) -> tuple[list[BundleFile], list[Skipped]]:
    """Tell links that travel from those that do not.

    Parameters
    ----------
    links
        The links.
    paths
        The files that travel.

    Returns
    -------
    list of BundleFile
        The links that travel.
    list of Skipped
        The others, with the reason.
    """
    folders = {folder for path in paths for folder in folders_above(path)}
    folder_links: list[Link] = []
    taken: list[BundleFile] = []
    left: list[Skipped] = []
    for link in sorted(links, key=lambda item: item.path):
        if link.target not in folders and link.target not in paths:
            reason = f"a link to {link.target}, which does not travel"
        elif link.target in folders and _closes_a_loop(link, folder_links):
            reason = f"a link to {link.target}, which would make a loop"
        else:
            if link.target in folders:
                folder_links.append(link)
            target = posixpath.relpath(link.target, posixpath.dirname(link.path) or ".")
            taken.append(BundleFile(link.path, 0, link_target=target))
            continue
        left.append(Skipped(link.path, Skip.LINK, reason, 0))
    return taken, left


def folders_above(path: str) -> list[str]:
    """Return the directories above a path, ``.`` for the root first."""
    parts = path.split("/")
    return [".", *("/".join(parts[:length]) for length in range(1, len(parts)))]


def _closes_a_loop(link: Link, accepted: list[Link]) -> bool:
    """Tell whether following a link, and links already taken, leads back to it."""
    reached = {link.target}
    before = 0
    while len(reached) > before:
        before = len(reached)
        reached |= {other.target for other in accepted if reached & {*folders_above(other.path)}}
    return bool(reached & {*folders_above(link.path)})
