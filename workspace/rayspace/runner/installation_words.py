"""What the installing of a job's packages asks for and says: values in, values out.

Standard library only, any Python from 3.10.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from rayspace.runner.presence import fits, installed_versions, name_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rayspace.runner.presence import Lack

#: The Pythons that this program is tested with.
_OLDEST, _NEWEST = (3, 10), (3, 13)
#: As many packages as a line bears. [1]
_N_TOLD = 12


def too_old(python: tuple[int, int] | None = None) -> str:
    """Say that a Python is older than a job needs; empty when it is not."""
    python = python or sys.version_info[:2]
    if python >= _OLDEST:
        return ""
    return (
        f"The image has Python {_dotted(python)}, and a job needs {_dotted(_OLDEST)} or newer;"
        " choose another image."
    )


def too_new(python: tuple[int, int] | None = None) -> str:
    """Say that a Python is newer than was tested; empty when it is not."""
    python = python or sys.version_info[:2]
    if python <= _NEWEST:
        return ""
    return (
        f"Python {_dotted(python)} is newer than {_dotted(_NEWEST)}, the"
        " newest that this version was tested with."
    )


def _dotted(version: tuple[int, int]) -> str:
    return f"{version[0]}.{version[1]}"


def asked(item: Lack) -> str:
    """Say what is lacking, and what is there instead."""
    text = item.requirement.text
    return f"{text} (it has {item.version})" if item.version else text


def listed(texts: Sequence[str]) -> str:
    """List as many as a line bears."""
    more = f" and {len(texts) - _N_TOLD} more" if len(texts) > _N_TOLD else ""
    return ", ".join(texts[:_N_TOLD]) + more


def merged(own: Sequence[Lack], theirs: Sequence[Lack], *, loosely: bool = False) -> list[str]:
    """Return one requirement for each package; the runner's minimum counts more than a pin."""
    chosen: dict[str, str] = {}
    for item in theirs:
        text = item.requirement.text
        chosen[name_of(text)] = name_of(text) if loosely and "@" not in text else text
    for item in own:
        name, text = name_of(item.requirement.text), item.requirement.text
        pinned = chosen.get(name, "").partition("==")[2]
        if not pinned or not fits(pinned, text):
            chosen[name] = text
    return sorted(chosen.values(), key=str.lower)


def limits_of(
    constraints: Sequence[str], texts: Sequence[str], protected: Mapping[str, str]
) -> list[str]:
    """Hold Ray and what it requires; and what is asked of dependencies, where nobody asked more."""
    asked = {name_of(text) for text in texts}
    limits = [f"{name}=={version}" for name, version in sorted(protected.items())]
    there = installed_versions()
    return limits + [
        text
        for text in constraints
        if name_of(text) not in protected
        and name_of(text) not in asked
        # What the image has is taken as it is.
        and name_of(text) not in there
    ]
