"""One thing that a doctor looked at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Check:
    """One thing that was looked at.

    Parameters
    ----------
    name
        What.
    state
        ``ok``, ``warning`` (it may matter) or ``problem`` (it does).
    text
        What was found.
    hint
        What helps.
    owner
        Who can do that: ``you`` or ``admin``; empty where nothing needs to be done.
    """

    name: str
    state: Literal["ok", "warning", "problem"]
    text: str
    hint: str = ""
    owner: Literal["", "you", "admin"] = ""
