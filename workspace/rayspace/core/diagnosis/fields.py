"""Read fields of objects that may hold anything.

An object of the API server may be of another version, cut short, or written by a program that knows
no schema. Nothing here raises: what is not what it should be counts as not said.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

#: Counts of Kubernetes are int32; what is beyond is no count. [1]
_LARGEST_COUNT = 2**31 - 1


def field(value: object, *path: str) -> Any:
    """Return what is found along a path of keys; None if there is nothing."""
    for key in path:
        if not isinstance(value, Mapping):
            return None
        value = value.get(key)
    return value


def mapping(value: object, *path: str) -> Mapping[str, Any]:
    """Return the mapping along a path of keys; an empty one if there is none."""
    found = field(value, *path)
    return found if isinstance(found, Mapping) else {}


def items(value: object, *path: str) -> tuple[Mapping[str, Any], ...]:
    """Return the mappings of a list along a path of keys; nothing if there is no list."""
    found = field(value, *path)
    if not isinstance(found, Sequence) or isinstance(found, (str, bytes)):
        return ()
    return tuple(item for item in found if isinstance(item, Mapping))


def text(value: object, *path: str) -> str:
    """Return the text along a path of keys; empty if there is none."""
    found = field(value, *path)
    return found if isinstance(found, str) else ""


def texts(value: object, *path: str) -> dict[str, str]:
    """Return the texts of a mapping along a path of keys, without what is no text."""
    found = mapping(value, *path)
    return {str(key): item for key, item in found.items() if isinstance(item, str)}


def count(value: object, *path: str, default: int = 0) -> int:
    """Return the whole number along a path of keys.

    Parameters
    ----------
    value
        Where to begin.
    path
        The keys.
    default
        What stands for no number, and for one that Kubernetes could not hold. [1]

    Returns
    -------
    int
        The number. [1]
    """
    found = field(value, *path)
    if not isinstance(found, int) or isinstance(found, bool) or abs(found) > _LARGEST_COUNT:
        return default
    return found


def moment_ms(value: object, *path: str) -> int | None:
    """Return the time along a path of keys, None if there is none. [ms since 1970-01-01 UTC]."""
    found = text(value, *path)
    try:
        moment = datetime.fromisoformat(found)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return round(moment.timestamp() * 1000)


@dataclass(frozen=True)
class Condition:
    """One condition of an object.

    Parameters
    ----------
    status
        ``"True"``, ``"False"`` or ``"Unknown"``; empty where the object has no such condition.
    reason, message
        Why, in one word and in many.
    since_ms
        When it became so; None if that is not said. [ms since 1970-01-01 UTC]
    """

    status: str = ""
    reason: str = ""
    message: str = ""
    since_ms: int | None = None

    @property
    def is_true(self) -> bool:
        """Whether it holds."""
        return self.status == "True"

    @property
    def words(self) -> str:
        """What it says, for evidence."""
        return self.message or self.reason or self.status


def condition(value: object, kind: str) -> Condition:
    """Return a condition of an object by its type; one that says nothing if there is none."""
    for entry in items(value, "status", "conditions"):
        if text(entry, "type") == kind:
            return Condition(
                text(entry, "status"),
                text(entry, "reason"),
                text(entry, "message").strip(),
                moment_ms(entry, "lastTransitionTime"),
            )
    return Condition()
