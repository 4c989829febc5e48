"""Let IPython show values of ours readably: as in a terminal, and as HTML in a notebook.

Types are registered by their names and what writes them is loaded when the first is shown, so that
this costs nothing before.
"""

from __future__ import annotations

import io
from typing import IO, TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from IPython.core.formatters import DisplayFormatter
    from rich.console import Console

    Printer = Callable[[Any, Any, bool], None]

#: Where each type is, by its name.
_HOMES = {
    "ClusterState": "rayspace.model.cluster",
    "ClusterUsage": "rayspace.model.cluster_usage",
    "Node": "rayspace.model.cluster",
    "Check": "rayspace.model.check",
    "JobState": "rayspace.model.job",
    "Profile": "rayspace.model.profile",
    "SubmitPlan": "rayspace.model.submission",
    "UpPlan": "rayspace.core.clusters.spec",
    "DownResult": "rayspace.services.ending",
    "ResultPaths": "rayspace.services.results",
    "Listing": "rayspace.verbs",
    "Explanation": "rayspace.verbs",
    "Target": "rayspace.model.target",
    "TrackedRun": "rayspace.model.tracked_run",
    "NamespaceLimits": "rayspace.model.limits",
    "LimitsPolicy": "rayspace.model.limits",
}
#: What lists of these types list.
_KINDS = {
    "ClusterState": "clusters",
    "Node": "nodes",
    "Check": "checks",
    "JobState": "jobs",
    "Profile": "profiles",
    "Target": "targets",
}
#: Types of which one alone is shown as a list of one.
_ROWS_ONLY = {"Node", "Check", "Profile", "Target"}


def register(formatter: DisplayFormatter) -> None:
    """Register the types, and lists of them.

    Parameters
    ----------
    formatter
        The shell's.
    """
    html = formatter.formatters["text/html"]
    text = formatter.formatters["text/plain"]
    for name, module in _HOMES.items():
        html.for_type_by_name(module, name, _html)
        text.for_type_by_name(module, name, _print)
    for container in (list, tuple):
        # Called with nothing to register these return what is registered.
        html.for_type(container, _html_of_several(html.for_type(container)))
        text.for_type(container, _printer_of_several(text.for_type(container)))


def plain_console(file: IO[str]) -> Console:
    """Make a console for text that is kept: without colours, and not rich's own for notebooks.

    Parameters
    ----------
    file
        Where to.
    """
    from rich.console import Console

    return Console(file=file, width=120, highlight=False, color_system=None, force_jupyter=False)


def _html(value: Any) -> str:
    from rayspace.present import html

    return html.show(_listed(value))


def _print(value: Any, printer: Any, cycle: bool) -> None:
    if len(printer.stack) > 1:
        # Inside of something else a line has to do.
        name = getattr(value, "name", "")
        printer.text(f"<{type(value).__name__} {name}>" if name else f"<{type(value).__name__}>")
        return
    try:
        from rayspace.present import text
    except ModuleNotFoundError:
        # In a job, whose image need not have rich.
        from rayspace.present.rows import plain_lines

        printer.text(plain_lines(_listed(value)))
        return
    written = io.StringIO()
    text.show(_listed(value), plain_console(written))
    printer.text(written.getvalue().rstrip("\n"))


def _html_of_several(otherwise: Callable[[Any], str] | None) -> Callable[[Any], str | None]:
    def write(values: Any) -> str | None:
        if _kind(values):
            return _html(values)
        return None if otherwise is None else otherwise(values)

    return write


def _printer_of_several(otherwise: Printer) -> Printer:
    def write(values: Any, printer: Any, cycle: bool) -> None:
        if _kind(values) and len(printer.stack) == 1:
            _print(values, printer, cycle)
        else:
            otherwise(values, printer, cycle)

    return write


def _kind(values: Any) -> str:
    """Say what a list lists; empty where it is none of ours."""
    kind = type(values[0]) if values else object
    # Others' lists may be long: they are not looked through.
    if _HOMES.get(kind.__name__) != kind.__module__ or {type(value) for value in values} != {kind}:
        return ""
    return _KINDS.get(kind.__name__, "")


def _listed(value: Any) -> Any:
    """Make a listing of what is shown as a table."""
    from rayspace.verbs import Listing

    if isinstance(value, list | tuple):
        return Listing(_kind(value), tuple(value))
    name = type(value).__name__
    return Listing(_KINDS[name], (value,)) if name in _ROWS_ONLY else value
