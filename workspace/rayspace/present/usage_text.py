"""What a cluster uses, for terminals: a table with bars, and small lines of the last minutes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.cells import cell_len
from rich.console import Group
from rich.text import Text

from rayspace.present.usage_words import headline, remarks, usage_rows

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from rayspace.model.cluster_usage import ClusterUsage
    from rayspace.present.usage_words import UsageRow

_STEPS = "▁▂▃▄▅▆▇█"
_BAR, _SPARK, _GAP = 8, 10, 2
#: Columns that a narrow terminal goes without, in this order.
_DISPENSABLE = ("", "heat", "power", "idle", "processes", "lately", "memory")
#: Names of products are long, and mostly the same for all. [1]
_LONGEST_DEVICE = 24
#: From these shares on a bar is yellow, and red.
_WARM, _HOT = 0.7, 0.95


def sparkline(course: Sequence[float | None], width: int) -> str:
    """Draw the end of a course with one character for each look.

    Parameters
    ----------
    course
        Shares 0..1, the oldest first; None leaves a gap. Shape ``(n_looks,)``. [1]
    width
        Most characters. [1]

    Returns
    -------
    str
        The line.
    """
    top = len(_STEPS) - 1
    return "".join(
        " " if value is None else _STEPS[min(top, max(0, round(value * top)))]
        for value in course[-width:]
    )


def usage_picture(usage: ClusterUsage, console: Console) -> Group:
    """Draw a table that fits a terminal; whole, and without bars, for files and programs.

    Parameters
    ----------
    usage
        What is told.
    console
        Where to.

    Returns
    -------
    rich.console.Group
        One line of text for each row.
    """
    rows = [_texts(row) for row in usage_rows(usage)]
    if not console.is_terminal:
        rows = [{k: v for k, v in row.items() if k not in {"", "lately"}} for row in rows]
    lines = [Text(headline(usage), style="bold")] if console.is_terminal else []
    if rows:
        lines += _table(rows, console)
    notes = [Text(remark, style="dim") for remark in remarks(usage)]
    return Group(*lines, *notes)


def show_usage(usage: ClusterUsage, console: Console) -> None:
    """Print what a cluster uses."""
    for line in usage_picture(usage, console).renderables:
        console.print(line, soft_wrap=True)


def _texts(row: UsageRow) -> dict[str, Text]:
    share = row.busy_fraction
    device = row.device
    if len(device) > _LONGEST_DEVICE:
        device = device[: _LONGEST_DEVICE - 1] + "…"
    return {
        "node": Text(row.node, style="" if row.is_gpu else "bold"),
        "device": Text(device),
        "": _bar(share),
        "in use": Text("-" if share is None else f"{share:.0%}".rjust(6), style=_colour(share)),
        "lately": Text(sparkline(row.course, _SPARK), style="cyan"),
        **{name: Text(text or "-") for name, text in row.cells.items()},
    }


def _bar(share: float | None) -> Text:
    filled = 0 if share is None else min(_BAR, max(0, round(share * _BAR)))
    bar = Text("█" * filled, style=_colour(share))
    return bar.append("░" * (_BAR - filled), style="dim")


def _colour(share: float | None) -> str:
    if share is None:
        return "dim"
    return "red" if share >= _HOT else "yellow" if share >= _WARM else "green"


def _table(rows: list[dict[str, Text]], console: Console) -> list[Text]:
    names = [n for n in rows[0] if n == "" or any(r[n].plain not in {"", "-"} for r in rows)]
    widths = {n: max(cell_len(n), *(row[n].cell_len for row in rows)) for n in names}
    for name in _DISPENSABLE:
        if console.is_terminal and sum(widths.values()) + _GAP * (len(widths) - 1) > console.width:
            widths.pop(name, None)
    head = {name: Text(name) for name in widths}
    lines = [_line(row, widths) for row in (head, *rows)]
    lines[0].stylize("dim")
    return lines


def _line(row: dict[str, Text], widths: dict[str, int]) -> Text:
    line = Text()
    for name, width in widths.items():
        line.append_text(row[name])
        line.append(" " * (width - row[name].cell_len + _GAP))
    line.rstrip()
    return line
