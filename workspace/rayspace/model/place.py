"""Which machine and which person this program works for."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Place:
    """A machine and a person.

    Parameters
    ----------
    host
        Name of the machine.
    user
        Name of the person.
    records
        Directory of the records of clusters.
    project
        Directory of the project: results of jobs that were submitted elsewhere come here.
    """

    host: str
    user: str
    records: str
    project: str = ""
