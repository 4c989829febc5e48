"""Cards of HTML that say why something is not as wanted, for the output of a cell.

They bring their own style: an output is a page by itself, and is read without JupyterLab as well.
"""

from __future__ import annotations

import html
import re
from typing import TYPE_CHECKING, Any

from rayspace.model.problem import Evidence, Owner, Problem
from rayspace.present.words import in_notebook_words

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

#: JupyterLab's own colours, so that both themes look right; plain ones elsewhere.
_ERROR = "var(--jp-error-color1, #c62828)"
_WARNING = "var(--jp-warn-color1, #b26a00)"
_FAINT = "opacity:.7"
#: A command in a hint, in backticks or after a colon: it is what people copy.
_COMMAND = re.compile(
    r"`([^`]+)`|(?<=: )((?:%ray_\w+|rayspace|pip|kubectl) [^\n]*?)(?=[.;]?(?:$|\n))"
)


def why_cards(problems: Iterable[Problem]) -> str:
    """Draw a card for each problem.

    Parameters
    ----------
    problems
        The problems; all their words are other people's.

    Returns
    -------
    str
        A fragment of HTML; empty for no problem.
    """
    return "".join(_card(problem) for problem in problems)


def problems_in(details: Mapping[str, Any]) -> tuple[Problem, ...]:
    """Return the problems of a cluster that an error bears; none for other details.

    Parameters
    ----------
    details
        The error's, as JSON.
    """
    found = details.get("problems", ())
    return tuple(_problem(item) for item in found if isinstance(item, dict) and "owner" in item)


def _problem(wire: Mapping[str, Any]) -> Problem:
    return Problem(
        wire["code"],
        wire["summary"],
        wire["hint"],
        Owner(wire["owner"]),
        tuple(Evidence(**item) for item in wire["evidence"]),
        is_final=wire["is_final"],
    )


def _card(problem: Problem) -> str:
    colour = _ERROR if problem.is_final else _WARNING
    whose = "An administrator can mend this." if problem.owner is Owner.ADMIN else ""
    parts = [
        f'<div style="font-weight:600">{html.escape(problem.summary)}</div>',
        f'<div style="margin-top:4px">{_hint(problem.hint)}</div>' if problem.hint else "",
        f'<div style="margin-top:4px;{_FAINT}">{whose}</div>' if whose else "",
        _evidence(problem.evidence),
    ]
    return (
        f'<div style="border-left:3px solid {colour};padding:4px 12px;margin:6px 0;'
        f'max-width:46em;text-align:left">{"".join(parts)}</div>'
    )


def _hint(hint: str) -> str:
    """Write a hint in the words of a notebook; a command in it stands out, to be copied."""
    text, pieces, end = in_notebook_words(hint), [], 0
    for found in _COMMAND.finditer(text):
        command = found[1] or found[2]
        pieces += [html.escape(text[end : found.start()]), f"<code>{html.escape(command)}</code>"]
        end = found.end()
    return "".join([*pieces, html.escape(text[end:])])


def _evidence(evidence: tuple[Evidence, ...]) -> str:
    if not evidence:
        return ""
    told = "".join(
        f'<div style="margin-top:4px"><span style="{_FAINT}">'
        f"{html.escape(f'{one.kind} {one.name}')}</span><br>{html.escape(one.text)}</div>"
        for one in evidence
    )
    return f'<details style="margin-top:4px"><summary>Evidence</summary>{told}</details>'
