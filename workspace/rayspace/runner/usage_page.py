"""Write the page that tells what a job made of its nodes: one file, with its own small plots.

It is read in MLflow's view of artifacts and from a disk, so it needs nothing from anywhere: no
script, no style, no picture. The images that jobs run in need not have a library for plots, and
one would cost the page megabytes. All that others named is written as text.
"""

from __future__ import annotations

from datetime import UTC, datetime
from html import escape
from itertools import pairwise
from typing import TYPE_CHECKING

from rayspace.units import format_bytes, format_count, format_duration, short_duration

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rayspace.core.nodes.usage_meter import UsageMeter
    from rayspace.model.usage import GpuUsage, NodeUsage, UsageSummary

#: Rows that a table bears; the rest is in the JSON beside the page. [1]
_MAX_ROWS = 200
_WIDTH, _HEIGHT = 320, 60
#: A line is broken where points are this many times further apart than they mostly are. [1]
_BREAK = 3.5
_UNKNOWN = "?"
_STYLE = """
:root { color-scheme: light dark; }
body { font: 14px/1.45 system-ui, sans-serif; margin: 2em auto; max-width: 62em; padding: 0 1em; }
table { border-collapse: collapse; margin: 0.5em 0 1.5em; }
th, td { padding: 0.2em 0.7em; text-align: right; white-space: nowrap;
  border-bottom: 1px solid #8884; }
th:first-child, td:first-child { text-align: left; }
figure { display: inline-block; margin: 0 1em 1em 0; }
figcaption { font-size: 12px; }
svg { background: #8881; display: block; }
svg polyline { fill: none; stroke: #1976d2; stroke-width: 1.5; }
svg circle { fill: #1976d2; }
.notes li { margin: 0.2em 0; }
"""


def usage_page(summary: UsageSummary, meter: UsageMeter, title: str) -> str:
    """Write the page.

    Parameters
    ----------
    summary
        What there is to tell.
    meter
        Holds the courses for the plots.
    title
        What the job is called.

    Returns
    -------
    str
        A document of HTML.
    """
    has_gpus = bool(summary.gpus)
    parts = [
        "<!DOCTYPE html><html lang='en'><head><meta charset='utf-8'>",
        f"<title>{escape(title)}: use of nodes</title><style>{_STYLE}</style></head><body>",
        f"<h1>{escape(title)}</h1><p>{escape(_headline(summary))}</p>",
        _notes(summary.sentences),
    ]
    if has_gpus:
        parts.append("<h2>GPUs</h2>" + _gpu_table(summary.gpus))
        courses = [("All GPUs, mean", meter.gpu_course.points)] if len(meter.gpus) > 1 else []
        courses += [
            (f"{node} {key}", gpu.course.points)
            for (node, key), gpu in meter.gpus.items()
            if gpu.course is not None
        ]
        parts.append(_figures("Utilisation, 0 to 100 %", courses, summary))
    parts.append("<h2>Nodes</h2>" + _node_table(summary.nodes))
    courses = [("All CPUs, mean", meter.cpu_course.points)] if len(meter.nodes) > 1 else []
    courses += [(n, m.cpu_course.points) for n, m in meter.nodes.items() if m.cpu_course]
    parts.append(_figures("CPU, 0 to 100 %", courses, summary))
    courses = [(n, m.memory_course.points) for n, m in meter.nodes.items() if m.memory_course]
    parts.append(_figures("Memory, 0 to 100 %", courses, summary))
    parts.append("</body></html>")
    # A lone surrogate, as a driver may name a GPU, can't be written.
    return "\n".join(parts).encode("utf-8", "replace").decode("utf-8")


def _headline(summary: UsageSummary) -> str:
    if not summary.n_samples:
        return "The nodes could not be read."
    began = datetime.fromtimestamp(summary.first_ms / 1000, UTC)
    text = (
        f"{format_count(summary.n_samples, 'sample')} in {format_duration(summary.observed_s)}"
        f" from {began:%Y-%m-%d %H:%M:%S} UTC, {format_count(len(summary.nodes), 'node')}."
    )
    if summary.cost is not None:
        text += f" The workers cost {summary.cost:.2f} at {summary.price_per_hour:g} an hour each."
    if summary.gpus:
        which = "that the job held" if summary.gpu_choice == "mine" else "of the cluster"
        text += (
            f" {format_count(len(summary.gpus), 'GPU')} {which}:"
            f" {summary.gpu_hours_held:.2f} GPU-hours held, {summary.gpu_hours_used:.2f} used"
        )
        idle = summary.gpu_idle_fraction
        text += "." if idle is None else f", idle {_percent(idle)} of the time."
    return text


def _notes(sentences: Sequence[str]) -> str:
    items = "".join(f"<li>{escape(sentence)}</li>" for sentence in sentences)
    return f"<ul class='notes'>{items}</ul>" if items else ""


def _gpu_table(gpus: Sequence[GpuUsage]) -> str:
    head = ("GPU", "Name", "Mean", "p95", "Peak", "Held", "Idle", "Memory peak", "Power", "Hottest")
    rows = [
        (
            f"{gpu.node} {gpu.gpu}",
            gpu.name,
            _percent(gpu.busy_mean_fraction),
            _percent(gpu.busy_p95_fraction),
            _percent(gpu.busy_peak_fraction),
            short_duration(gpu.held_s),
            short_duration(gpu.idle_s) if gpu.known_s else _UNKNOWN,
            _memory(gpu.memory_peak_bytes, gpu.memory_total_bytes),
            _UNKNOWN if gpu.power_mean_w is None else f"{gpu.power_mean_w:.0f} W",
            _UNKNOWN if gpu.temperature_peak_c is None else f"{gpu.temperature_peak_c:.0f} °C",
        )
        for gpu in gpus[:_MAX_ROWS]
    ]
    return _table(head, rows, len(gpus))


def _node_table(nodes: Sequence[NodeUsage]) -> str:
    head = ("Node", "Host", "CPU mean", "p95", "Peak", "Memory peak", "Seen for")
    rows = [
        (
            node.node,
            node.hostname,
            _percent(node.cpu_mean_fraction),
            _percent(node.cpu_p95_fraction),
            _percent(node.cpu_peak_fraction),
            _memory(node.memory_peak_bytes, node.memory_total_bytes),
            short_duration(node.held_s),
        )
        for node in nodes[:_MAX_ROWS]
    ]
    return _table(head, rows, len(nodes))


def _table(head: Iterable[str], rows: Iterable[Iterable[str]], n_rows: int) -> str:
    def line(cells: Iterable[str], tag: str) -> str:
        return "<tr>" + "".join(f"<{tag}>{escape(cell)}</{tag}>" for cell in cells) + "</tr>"

    body = "".join(line(row, "td") for row in rows)
    more = f"<p>and {n_rows - _MAX_ROWS} more in summary.json</p>" if n_rows > _MAX_ROWS else ""
    return f"<table><thead>{line(head, 'th')}</thead><tbody>{body}</tbody></table>{more}"


def _figures(
    what: str, courses: Iterable[tuple[str, Sequence[tuple[float, float]]]], summary: UsageSummary
) -> str:
    plots = "".join(
        f"<figure>{_plot(points, summary.first_ms, summary.last_ms, f'{what} of {name}')}"
        f"<figcaption>{escape(name)}</figcaption></figure>"
        for name, points in courses
        if points
    )
    return f"<h3>{escape(what)}</h3>{plots}" if plots else ""


def _plot(
    points: Sequence[tuple[float, float]], first_ms: float, last_ms: float, label: str
) -> str:
    span_ms = max(last_ms - first_ms, 1.0)
    gaps = sorted(b - a for (a, _), (b, _) in pairwise(points))
    longest_ms = _BREAK * gaps[len(gaps) // 2] if gaps else 0.0
    lines: list[list[str]] = [[]]
    before_ms = points[0][0]
    for at_ms, percent in points:
        if at_ms - before_ms > longest_ms:
            lines.append([])
        before_ms = at_ms
        x = _WIDTH * (at_ms - first_ms) / span_ms
        y = _HEIGHT * (1 - min(max(percent, 0.0), 100.0) / 100)
        lines[-1].append(f"{x:.1f},{y:.1f}")
    drawn = "".join(
        f"<polyline points='{' '.join(line)}'/>" if len(line) > 1 else _dot(line[0])
        for line in lines
        if line
    )
    return (
        f"<svg viewBox='0 -2 {_WIDTH} {_HEIGHT + 4}' width='{_WIDTH}' height='{_HEIGHT + 4}'"
        f" role='img' aria-label='{escape(label)}'>{drawn}</svg>"
    )


def _dot(point: str) -> str:
    x, _, y = point.partition(",")
    return f"<circle cx='{x}' cy='{y}' r='1.5'/>"


def _percent(fraction: float | None) -> str:
    return _UNKNOWN if fraction is None else f"{100 * fraction:.0f} %"


def _memory(used_bytes: float | None, total_bytes: float | None) -> str:
    if used_bytes is None:
        return _UNKNOWN
    used = format_bytes(used_bytes)
    return used if total_bytes is None else f"{used} of {format_bytes(total_bytes)}"
