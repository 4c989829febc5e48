"""What a cluster uses, as HTML for notebooks. All texts are escaped: names are others' words."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from rayspace.present.usage_words import headline, remarks, usage_rows

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rayspace.model.cluster_usage import ClusterUsage
    from rayspace.present.usage_words import UsageRow

#: Size of a small line, and of a bar. [px]
_WIDTH, _HEIGHT, _BAR = 120, 18, 72
_CELL = "text-align:left;padding:2px 14px 2px 0;white-space:nowrap"
_QUIET = "opacity:.7"
#: JupyterLab's own colours, so that both themes look right; plain ones elsewhere.
_OK, _WARM, _HOT = (
    "var(--jp-success-color1, #2e7d32)",
    "var(--jp-warn-color1, #b26a00)",
    "var(--jp-error-color1, #c62828)",
)
_LINE = "var(--jp-brand-color1, #1976d2)"
_TITLES = {
    "memory": "Memory",
    "power": "Power",
    "heat": "Temperature",
    "processes": "Processes",
    "idle": "Idle",
}


def usage_page(usage: ClusterUsage) -> str:
    """Write a table with bars, and with lines of the last minutes where there are any.

    Parameters
    ----------
    usage
        What is told.

    Returns
    -------
    str
        A fragment.
    """
    rows = usage_rows(usage)
    notes = "".join(f"<div style='{_QUIET}'>{escape(text)}</div>" for text in remarks(usage))
    head = f"<div style='margin:2px 0'><b>{escape(headline(usage))}</b></div>"
    if not rows:
        return f"{head}{notes}"
    has_course = any(sum(value is not None for value in row.course) > 1 for row in rows)
    cells = [name for name in _TITLES if any(row.cells[name] for row in rows)]
    titles = ["Node", "Device", "In use", *(["Last minutes"] if has_course else [])]
    titles += [_TITLES[name] for name in cells]
    top = "".join(f"<th style='{_CELL}'>{title}</th>" for title in titles)
    body = "".join(_row(row, cells, has_course=has_course) for row in rows)
    return f"{head}<table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table>{notes}"


def _row(row: UsageRow, cells: Sequence[str], *, has_course: bool) -> str:
    node = escape(row.node)
    parts = [f"<span style='{_QUIET}'>{node}</span>" if row.is_gpu else f"<b>{node}</b>"]
    parts += [escape(row.device), _share(row.busy_fraction)]
    if has_course:
        parts.append(course_svg(row.course, f"{row.node} {row.device}, the last minutes"))
    parts += [escape(row.cells[name]) for name in cells]
    return "<tr>" + "".join(f"<td style='{_CELL}'>{part}</td>" for part in parts) + "</tr>"


def _share(share: float | None) -> str:
    if share is None:
        return "-"
    colour = _HOT if share >= 0.95 else _WARM if share >= 0.7 else _OK
    filled = round(_BAR * min(1.0, max(0.0, share)))
    return (
        f"<span style='display:inline-block;width:{_BAR}px;height:8px;margin-right:6px;"
        f"background:rgba(128,128,128,.25)'><span style='display:block;height:8px;"
        f"width:{filled}px;background:{colour}'></span></span>{share:.0%}"
    )


def course_svg(course: Sequence[float | None], label: str) -> str:
    """Draw a course as a small line from 0 to 100 %.

    Parameters
    ----------
    course
        Shares 0..1, the oldest first; None leaves a gap. Shape ``(n_looks,)``. [1]
    label
        What it shows, for who can't see it.

    Returns
    -------
    str
        An SVG.
    """
    step = _WIDTH / max(1, len(course) - 1)
    path, is_down = [], False
    for index, value in enumerate(course):
        if value is None:
            is_down = False
            continue
        y = 1 + (_HEIGHT - 2) * (1 - min(1.0, max(0.0, value)))
        path.append(f"{'L' if is_down else 'M'}{index * step:.1f} {y:.1f}")
        is_down = True
    return (
        f"<svg width='{_WIDTH}' height='{_HEIGHT}' role='img' aria-label='{escape(label)}'"
        " style='background:rgba(128,128,128,.12);vertical-align:middle'>"
        f"<path d='{''.join(path)}' fill='none' stroke='{_LINE}' stroke-width='1.3'/></svg>"
    )
