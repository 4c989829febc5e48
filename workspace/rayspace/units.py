"""Read and write quantities with their units.

A size without a unit is refused: ``8GB`` is 8*10^9 bytes, ``8GiB`` is 8*2^30 bytes, and ``8``
could be either. The suffixes are those of IEC 80000-13 (KiB, MiB, ...) and SI (KB, MB, ...),
and Kubernetes' short forms of both (``Ki`` and ``k``).
"""

from __future__ import annotations

import math
import re

from rayspace.errors import QuantityError

#: Bytes per unit. Sources: IEC 80000-13, SI, Kubernetes resource quantities.
_BYTES_PER_UNIT = {
    "B": 1,
    "k": 10**3,
    "kB": 10**3,
    "KB": 10**3,
    "M": 10**6,
    "MB": 10**6,
    "G": 10**9,
    "GB": 10**9,
    "T": 10**12,
    "TB": 10**12,
    "Ki": 2**10,
    "KiB": 2**10,
    "Mi": 2**20,
    "MiB": 2**20,
    "Gi": 2**30,
    "GiB": 2**30,
    "Ti": 2**40,
    "TiB": 2**40,
}
_SECONDS_PER_UNIT = {"ms": 0.001, "s": 1, "m": 60, "min": 60, "h": 3600, "d": 86400}
#: Digits enough for every size; a number without end would overflow a float.
_NUMBER_AND_UNIT = re.compile(r"(?P<number>\d{1,18}(?:\.\d{1,18})?)\s*(?P<unit>[A-Za-z]+)")
#: Longer than this is a slip of the pen, not a wish. [s]
_LONGEST_DURATION_S = 10 * 365 * 86400


def parse_bytes(text: object) -> int:
    """Read a size.

    Parameters
    ----------
    text
        A number and a unit, such as ``"8GiB"`` or ``"500 MB"``.

    Returns
    -------
    int
        The size. [bytes]

    Raises
    ------
    QuantityError
        If ``text`` is not a number with one of the units, or bears none.

    Examples
    --------
    >>> parse_bytes("8GB"), parse_bytes("8GiB")
    (8000000000, 8589934592)
    """
    match = _NUMBER_AND_UNIT.fullmatch(text.strip()) if isinstance(text, str) else None
    if match is None or match["unit"] not in _BYTES_PER_UNIT:
        raise QuantityError(
            f"{text!r} is not a size with a unit.",
            hint="Write a number and a unit: '8GiB' (8*2^30 bytes) or '8GB' (8*10^9 bytes).",
            details={"value": str(text), "units": sorted(_BYTES_PER_UNIT)},
        )
    return round(float(match["number"]) * _BYTES_PER_UNIT[match["unit"]])


def format_bytes(size_bytes: float) -> str:
    """Write a size for people, in binary units.

    Parameters
    ----------
    size_bytes
        The size. [bytes]

    Returns
    -------
    str
        Such as ``"3.1 MiB"``.
    """
    size = float(size_bytes)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if abs(size) < 1024:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:.1f} TiB"


def format_count(count: float, noun: str) -> str:
    """Write how many of something there are.

    Parameters
    ----------
    count
        How many. [1]
    noun
        What, in the singular.

    Returns
    -------
    str
        Such as ``"1 worker"`` or ``"2 workers"``.
    """
    return f"{count:g} {noun}{'' if count == 1 else 's'}"


def parse_duration(text: object) -> float:
    """Read a duration.

    Parameters
    ----------
    text
        One or more numbers with units, such as ``"30m"``, ``"1h30m"`` or ``"90 s"``.

    Returns
    -------
    float
        The duration, above zero. [s]

    Raises
    ------
    QuantityError
        If ``text`` is not a duration with units, or is not above zero, or exceeds ten years.

    Examples
    --------
    >>> parse_duration("1h30m")
    5400.0
    """
    compact = re.sub(r"\s+", "", text) if isinstance(text, str) else ""
    parts = list(_NUMBER_AND_UNIT.finditer(compact))
    known = all(part["unit"] in _SECONDS_PER_UNIT for part in parts)
    total_s = (
        math.fsum(float(part["number"]) * _SECONDS_PER_UNIT[part["unit"]] for part in parts)
        if known
        else 0.0
    )
    whole = "".join(part.group() for part in parts) == compact
    if not (whole and known and 0 < total_s <= _LONGEST_DURATION_S):
        raise QuantityError(
            f"{text!r} is not a duration with a unit.",
            hint="Write a number above zero and a unit: '90s', '30m', '8h', '1h30m' or '2d'.",
            details={"value": str(text), "units": sorted(_SECONDS_PER_UNIT)},
        )
    return total_s


def format_duration(duration_s: float) -> str:
    """Write a duration for people.

    Parameters
    ----------
    duration_s
        The duration. [s]

    Returns
    -------
    str
        Such as ``"1.2 s"``, ``"3 min 20 s"`` or ``"2 h 5 min"``.
    """
    if duration_s < 60:
        return f"{duration_s:.1f} s" if duration_s < 10 else f"{duration_s:.0f} s"
    minutes, seconds = divmod(round(duration_s), 60)
    if minutes < 60:
        return f"{minutes} min {seconds} s" if seconds else f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 48:
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    days, hours = divmod(hours, 24)
    return f"{days} d {hours} h" if hours else f"{days} d"


def short_duration(duration_s: float) -> str:
    """Write a duration for a column of a table, as `parse_duration` reads it.

    Parameters
    ----------
    duration_s
        The duration. [s]

    Returns
    -------
    str
        Such as ``"42s"``, ``"3m20s"`` or ``"2h5m"``.
    """
    seconds = round(duration_s)
    if seconds < 60:
        return f"{seconds}s"
    return format_duration(seconds).replace("min", "m").replace(" ", "")
