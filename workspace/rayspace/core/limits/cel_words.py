"""Write figures for people in CEL, as `rayspace.core.limits.rules` writes them in Python.

Each function takes an expression and returns one; none may fail, whatever the figure.
"""

from __future__ import annotations

import json

from rayspace.core.limits.demand import NEVER_S
from rayspace.core.limits.rules import ANY_COUNT, ANY_MEMORY_BYTES, NOT_SET

_UNITS = ("KiB", "MiB", "GiB", "TiB")


def literal(text: str) -> str:
    """Write a text as CEL does: as JSON, but for characters above 16 bits."""
    return json.dumps(text, ensure_ascii=False)


def cel_count_text(figure: str, noun: str) -> str:
    """Write workers or GPUs."""
    plain = f"string(int({figure})) + (int({figure}) == 1 ? ' {noun}' : ' {noun}s')"
    return f"(double({figure}) >= {ANY_COUNT}.0 ? 'any number of {noun}s' : {plain})"


def cel_cpus_text(milli: str) -> str:
    """Write CPUs, by thousandths of them."""
    digits = f"int({milli}) % 100 == 0 ? 2 : int({milli}) % 10 == 0 ? 3 : 4"
    rest = f"'.' + string(1000 + int({milli}) % 1000).substring(1, {digits})"
    number = f"string(int({milli}) / 1000) + (int({milli}) % 1000 == 0 ? '' : {rest})"
    plain = f"{number} + ({milli} == 1000.0 ? ' CPU' : ' CPUs')"
    return f"({milli} >= {ANY_COUNT * 1000}.0 ? 'any number of CPUs' : {plain})"


def cel_memory_text(size: str) -> str:
    """Write memory, by its bytes."""
    text = f"string(int({size})) + ' B'"
    for power, unit in enumerate(_UNITS, 1):
        # Separators of thousands, which CEL writes and this package does not, are taken out.
        number = f"'%.1f'.format([{size} / {1024**power}.0]).replace(',', '')"
        text = f"({size} < {1024**power}.0 ? {text} : {number} + ' {unit}')"
    return f"({size} >= {ANY_MEMORY_BYTES}.0 ? 'any amount of memory' : {text} + ' of memory')"


def cel_end_text(end: str) -> str:
    """Write a lifetime or an idle time, by its seconds."""
    told = f"(string({end}) + ({end} < 10 ? '.0 s' : ' s'))"
    told = f"({end} < 60 ? {told} : {_two(end, 60, 'min', 's')})"
    told = f"({end} < 3600 ? {told} : {_two(f'({end} / 60)', 60, 'h', 'min')})"
    told = f"({end} < {48 * 3600} ? {told} : {_two(f'({end} / 3600)', 24, 'd', 'h')})"
    return f"({end} >= {NEVER_S} ? {literal(NOT_SET)} : {told})"


def _two(count: str, each: int, large: str, small: str) -> str:
    rest = f"({count} % {each} == 0 ? '' : ' ' + string({count} % {each}) + ' {small}')"
    return f"(string({count} / {each}) + ' {large}' + {rest})"
