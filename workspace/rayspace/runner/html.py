"""Make a page of the executed notebook, where the image has what it takes."""

from __future__ import annotations

import contextlib
import functools
import importlib.util
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from nbconvert import HTMLExporter
    from nbformat import NotebookNode

    from rayspace.runner.log import RunnerLog
    from rayspace.runner.spool import Spool

#: A page of this size opens in no browser, and making it takes minutes. [bytes]
_LARGEST_NOTEBOOK_BYTES = 64 * 2**20
#: What an exporter, a template or a highlighter may raise over an odd cell.
_FAILURES = (
    *(ArithmeticError, AssertionError, AttributeError, ImportError, LookupError),
    *(OSError, RuntimeError, TypeError, ValueError),
)

_one_page = threading.Lock()


def load_exporter() -> None:
    """Load what makes the page, while there is nothing else to do: it takes most of the time."""
    with contextlib.suppress(*_FAILURES):  # who makes the page says what is missing
        import nbformat

        # The first page compiles the templates.
        _page(nbformat.v4.new_notebook())  # type: ignore[no-untyped-call]


def _page(node: NotebookNode) -> str:
    # A notebook may end before the exporter is loaded, and one exporter makes one page at a time.
    with _one_page:
        page, _ = _exporter().from_notebook_node(node)
    return page


@functools.cache
def _exporter() -> HTMLExporter:
    from nbconvert import HTMLExporter

    return HTMLExporter()  # type: ignore[no-untyped-call]


def export_html(notebook: Path, spool: Spool, log: RunnerLog) -> None:
    """Write the page beside the notebook; a job never fails for want of it.

    Parameters
    ----------
    notebook
        The executed notebook; the page has the same name with ``.html``.
    spool
        The spool that both lie in.
    log
        Takes the reason when there is no page.
    """
    if importlib.util.find_spec("nbconvert") is None:
        log.line("rayspace: no HTML of the notebook: the image has no nbconvert.")
        return
    if notebook.stat().st_size > _LARGEST_NOTEBOOK_BYTES:
        log.line("rayspace: no HTML of the notebook: it is too large for a page.")
        return
    import nbformat
    from jinja2 import TemplateError
    from traitlets import TraitError

    try:
        node = nbformat.read(notebook, as_version=4)  # type: ignore[no-untyped-call]
        page = _page(node)
        spool.write(notebook.with_suffix(".html"), page.encode("utf-8", "surrogatepass"))
    except (*_FAILURES, TemplateError, TraitError) as exc:
        log.line(f"rayspace: no HTML of the notebook: {type(exc).__name__}: {exc}")
