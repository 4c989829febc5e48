"""HTML for notebooks. All texts are escaped: names and logs are other people's words."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING, Any

from rayspace.model.cluster import ClusterState
from rayspace.model.cluster_usage import ClusterUsage
from rayspace.present import words
from rayspace.present.cards import why_cards
from rayspace.present.rows import columns_of, empty_text, rows_of
from rayspace.present.usage_html import usage_page
from rayspace.verbs import Explanation, Listing

if TYPE_CHECKING:
    from rayspace.model.problem import Problem
    from rayspace.model.progress import Stage

#: JupyterLab's own colours, so that both themes look right; plain ones elsewhere.
_COLOURS = {
    "green": "var(--jp-success-color1, #2e7d32)",
    "yellow": "var(--jp-warn-color1, #b26a00)",
    "cyan": "var(--jp-info-color1, #0277bd)",
    "red": "var(--jp-error-color1, #c62828)",
    "magenta": "var(--jp-accent-color1, #8e24aa)",
}
_CELL = 'style="text-align:left;vertical-align:top;padding:2px 12px 2px 0"'


def show(value: Any) -> str:
    """Write a value as HTML.

    Parameters
    ----------
    value
        A `Listing` or a value of the model.

    Returns
    -------
    str
        A fragment.
    """
    if isinstance(value, Listing):
        return _table(value)
    if isinstance(value, ClusterUsage):
        return usage_page(value)
    problems = _problems(value)
    facts = words.facts(value, in_notebook=True)
    if isinstance(value, Explanation) and problems:
        # The cards say the rest.
        facts = facts[:2]
    rows = "".join(
        f"<tr><td {_CELL}><b>{_text(name)}</b></td><td {_CELL}>{_cell(name, text)}</td></tr>"
        for name, text in facts
    )
    return f"<table>{rows}</table>{why_cards(problems)}"


def _problems(value: Any) -> tuple[Problem, ...]:
    cluster = value.cluster if isinstance(value, Explanation) else value
    return cluster.problems if isinstance(cluster, ClusterState) else ()


def _table(listing: Listing) -> str:
    rows = rows_of(listing)
    if not rows:
        return f"<p>{_text(words.in_notebook_words(empty_text(listing)))}</p>"
    columns = columns_of(rows)
    head = "".join(f"<th {_CELL}>{_text(name)}</th>" for name in columns)
    body = "".join(
        "<tr>" + "".join(f"<td {_CELL}>{_cell(n, row[n])}</td>" for n in columns) + "</tr>"
        for row in rows
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _text(text: str) -> str:
    return html.escape(text).replace("\n", "<br>")


def _cell(name: str, text: str) -> str:
    if name == "dashboard" and text.startswith("http"):
        return f'<a href="{html.escape(text)}" target="_blank">{_text(text)}</a>'
    colour = words.COLOURS.get(text, "") if name in {"phase", "state"} else ""
    if not colour:
        return _text(text)
    return f'<span style="color:{_COLOURS[colour]}">{_text(text)}</span>'


def stage_line(stage: Stage, elapsed: str) -> str:
    """Write one stage of a long verb as a line of HTML, with a bar if it can be counted."""
    marks = {"doing": "…", "done": "✓", "failed": "✗", "note": "•"}
    colours = {"done": "green", "failed": "red", "note": "cyan", "doing": "yellow"}
    mark = f'<span style="color:{_COLOURS[colours[stage.state]]}">{marks[stage.state]}</span>'
    tail = f' <span style="opacity:.6">{_text(elapsed)}</span>' if elapsed else ""
    bar = ""
    if stage.state == "doing" and stage.total:
        bar = f' <progress max="{stage.total}" value="{stage.done or 0}"></progress>'
    return f"<div>{mark} {_text(stage.text)}{bar}{tail}</div>"
