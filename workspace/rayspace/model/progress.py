"""What a long verb tells while it works."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Stage:
    """One step of a long verb, as it stands now.

    Parameters
    ----------
    key
        Stable name of the step, such as ``"head"``.
    text
        What happens, for people.
    state
        Whether the step goes on, is done, failed, or is only a remark.
    done, total
        How far it is, when it can be counted. [1]
    is_passing
        Whether nobody needs to read it later: it is shown only where a line changes in place.
    """

    key: str
    text: str
    state: Literal["doing", "done", "failed", "note"] = "doing"
    done: int | None = None
    total: int | None = None
    is_passing: bool = False


#: Called with each stage as it changes. Must return at once and never raise.
Report = Callable[[Stage], None]


def silent(stage: Stage) -> None:
    """Ignore a stage: the report of callers who do not watch."""
