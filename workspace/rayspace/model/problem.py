"""One reason why something is not as wanted."""

from __future__ import annotations

import enum
from dataclasses import dataclass


class Owner(enum.Enum):
    """Who can mend a problem."""

    YOU = "you"
    ADMIN = "admin"


@dataclass(frozen=True)
class Evidence:
    """The object that shows a problem, and its own words.

    Parameters
    ----------
    kind, name
        The object, as kubectl names it: ``"Pod"`` and ``"team-head-x7k2p"``.
    text
        What it says, unchanged.
    """

    kind: str
    name: str
    text: str


@dataclass(frozen=True)
class Problem:
    """One reason why something is not as wanted.

    Parameters
    ----------
    code
        What kind of problem, for programs; stable.
    summary
        One sentence of fact.
    hint
        One sentence of advice.
    owner
        Who can mend it.
    evidence
        What shows it.
    is_final
        Whether waiting can't mend it, so that nobody should.
    is_about_head
        Whether it keeps back the head.
    groups
        Worker groups that it keeps back; empty with a head that it does not keep back either for
        one that concerns the cluster as a whole.
    """

    code: str
    summary: str
    hint: str
    owner: Owner
    evidence: tuple[Evidence, ...] = ()
    is_final: bool = False
    is_about_head: bool = False
    groups: tuple[str, ...] = ()
