"""Text for terminals."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.cells import cell_len
from rich.text import Text

from rayspace.model.cluster_usage import ClusterUsage
from rayspace.model.image_build import ImageBuild
from rayspace.model.limits import LimitsPolicy
from rayspace.present import words
from rayspace.present.limit_words import policy_yaml
from rayspace.present.rows import columns_of, empty_text, rows_of
from rayspace.present.usage_text import show_usage
from rayspace.verbs import Listing

if TYPE_CHECKING:
    from rich.console import Console

    from rayspace.errors import RayspaceError

#: Columns that bear a colour.
_COLOURED = {"phase", "state"}
#: Columns of sentences: they come last, in a terminal below their row where they do not fit in it.
_SENTENCES = ("why", "what", "found", "what helps")
#: Sentences that a terminal shows one line of; the others hold what somebody copies.
_SHORTENED = {"why", "what"}
#: Columns that a narrow terminal goes without, in this order; a job's name begins with that of
#: its notebook, and a cluster's mostly with that of its profile.
_DISPENSABLE = ("notebook", "target", "from", "cluster", "profile")
_GAP = 2


def show(value: Any, console: Console, now_ms: int | None = None) -> None:
    """Print a value: fitted to a terminal, or whole and a line each for files and programs.

    Parameters
    ----------
    value
        A `Listing` or a value of the model.
    console
        Where to.
    now_ms
        The time that the columns of times refer to; by default now. [ms since 1970-01-01 UTC]
    """
    if isinstance(value, LimitsPolicy | ImageBuild):
        # Goes to kubectl, or to a shell, as it is.
        text = policy_yaml(value) if isinstance(value, LimitsPolicy) else "\n".join(value.commands)
        console.print(text, soft_wrap=True, markup=False, highlight=False, emoji=False)
        return
    if isinstance(value, ClusterUsage):
        show_usage(value, console)
        return
    if not isinstance(value, Listing):
        _show_facts(value, console)
        return
    rows = [
        {name: " ".join(text.split()) for name, text in row.items()}
        for row in rows_of(value, now_ms)
    ]
    if not rows:
        console.print(empty_text(value), soft_wrap=True, markup=False)
        return
    columns = columns_of(rows)
    sentences = [name for name in _SENTENCES if name in columns]
    columns = [name for name in columns if name not in sentences]
    if console.is_terminal:
        _show_fitted(rows, columns, sentences, console)
        return
    widths = _widths(rows, [*columns, *sentences])
    for row in (dict(zip(widths, widths, strict=True)), *rows):
        console.print(_line(row, widths), soft_wrap=True)


def _show_fitted(
    rows: list[dict[str, str]], columns: list[str], sentences: list[str], console: Console
) -> None:
    widths = _widths(rows, columns)
    for name in _DISPENSABLE:
        if sum(widths.values()) + _GAP * (len(widths) - 1) > console.width:
            widths.pop(name, None)
    start = sum(widths.values()) + _GAP * len(widths)
    head = {name: name for name in [*columns, *sentences]}
    beside = False
    lines: list[Text] = []
    for row in rows:
        line, below = _line(row, widths), [name for name in sentences if row[name]]
        if below and start + cell_len(row[below[0]]) <= console.width:
            beside = True
            line.pad_right(start - line.cell_len)
            line.append(row[below.pop(0)])
        lines.append(line)
        for name in below:
            text = Text(f"  {row[name]}", style="dim")
            if name in _SHORTENED:
                text.truncate(console.width, overflow="ellipsis")
            lines.append(text)
    title = _line(head, widths)
    if beside:
        title.pad_right(start - title.cell_len)
        title.append(sentences[0])
    title.stylize("bold")
    for line in (title, *lines):
        console.print(line, soft_wrap=True)


def _widths(rows: list[dict[str, str]], columns: list[str]) -> dict[str, int]:
    return {name: max(cell_len(name), *(cell_len(row[name]) for row in rows)) for name in columns}


def _line(row: dict[str, str], widths: dict[str, int]) -> Text:
    line = Text()
    for name, width in widths.items():
        # A dash keeps the columns of other programs apart.
        text = row[name] or ("" if name in _SENTENCES else "-")
        line.append(text, words.COLOURS.get(text, "") if name in _COLOURED else "")
        line.append(" " * (width - cell_len(text) + _GAP))
    line.rstrip()
    return line


def _show_facts(value: Any, console: Console) -> None:
    pairs = words.facts(value)
    width = max(len(name) for name, _ in pairs)
    for name, text in pairs:
        style = words.COLOURS.get(text, "") if name in _COLOURED else ""
        lines = text.split("\n")
        console.print(
            Text(f"{name:<{width}}  ", style="dim"),
            Text(lines[0], style=style),
            sep="",
            soft_wrap=True,
        )
        for line in lines[1:]:
            console.print(Text(" " * (width + 2) + line), soft_wrap=True)


def show_error(error: RayspaceError, console: Console) -> None:
    """Print an error and what helps."""
    console.print(Text("error: ", style="red"), Text(error.message), sep="", soft_wrap=True)
    if error.hint:
        console.print(Text("hint:  ", style="cyan"), Text(error.hint), sep="", soft_wrap=True)
