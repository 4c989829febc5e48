"""Listings as rows, and all values as plain lines: nothing here needs a library.

The image in which a job runs need not have what colours and fits text.
"""

from __future__ import annotations

import time
from typing import IO, TYPE_CHECKING, Any

from rayspace.present import words
from rayspace.present.cluster_words import target_row
from rayspace.verbs import Listing

if TYPE_CHECKING:
    from collections.abc import Callable

_ROWS: dict[str, Callable[[Any], dict[str, str]]] = {
    "nodes": words.node_row,
    "profiles": words.profile_row,
    "targets": target_row,
    "checks": words.check_row,
}
_EMPTY = {
    "clusters": "There is no cluster. Start one on this machine with: rayspace cluster up laptop",
    "jobs": "There is no job yet. Submit one with: rayspace job submit NOTEBOOK.ipynb",
    "nodes": "The cluster has no nodes.",
    "profiles": "There are no profiles.",
    "targets": "There are no targets.",
    "checks": "Nothing was checked.",
}


def rows_of(listing: Listing, now_ms: int | None = None) -> list[dict[str, str]]:
    """Describe each thing of a listing in a row, at a time [ms since 1970-01-01 UTC] or now."""
    now_ms = time.time_ns() // 1_000_000 if now_ms is None else now_ms
    if listing.kind == "clusters":
        return [words.cluster_row(item, listing.chosen, now_ms) for item in listing.items]
    if listing.kind == "jobs":
        return [words.job_row(item, now_ms) for item in listing.items]
    return [_ROWS[listing.kind](item) for item in listing.items]


def columns_of(rows: list[dict[str, str]]) -> list[str]:
    """Name the columns of a table; one that says nothing in any row is left out."""
    return [name for name in rows[0] if any(row[name] for row in rows)]


def empty_text(listing: Listing) -> str:
    """Say that there is nothing, and what comes next."""
    return _EMPTY[listing.kind]


def plain_lines(value: Any) -> str:
    """Write a value as lines of names and texts.

    Parameters
    ----------
    value
        A `Listing` or a value of the model.
    """
    if isinstance(value, Listing):
        rows = rows_of(value)
        lines = ["  ".join(filter(None, row.values())) for row in rows]
        return "\n".join(lines) or empty_text(value)
    return "\n".join(f"{name}: {text}" for name, text in words.facts(value))


class PlainConsole:
    """Writes lines as they are; stands for a console of rich where only lines are printed.

    Parameters
    ----------
    file
        Where to.
    """

    def __init__(self, file: IO[str]) -> None:
        self._file = file

    def print(self, text: str, **_: Any) -> None:
        """Write a line."""
        self._file.write(f"{text}\n")
