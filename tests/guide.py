"""The guide as a reader has it: a copy of its folder, and a kernel in which cells run in order."""

from __future__ import annotations

import html
import re
import shutil
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from papermill.iorw import load_notebook_node
from papermill.parameterize import parameterize_notebook

if TYPE_CHECKING:
    from collections.abc import Mapping

ROOT = Path(__file__).resolve().parents[1]
GUIDE = ROOT / "notebooks"
_TAGS = re.compile(r"<[^>]*>")
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")
#: The longest that one cell may take on a machine that does other things as well. [s]
_CELL_S = 900


class Told:
    """What an executed notebook shows.

    Parameters
    ----------
    cells
        Its cells.
    seconds
        How long it took. [s]
    """

    def __init__(self, cells: list[Any], seconds: float) -> None:
        self._cells = {cell.id: cell for cell in cells}
        self.seconds = seconds

    def of(self, cell_id: str) -> str:
        """Return what a cell shows, as a person would read it."""
        return "\n".join(_text(output) for output in self._cells[cell_id].outputs)

    def failed(self) -> set[str]:
        """Return the cells that raised an error."""
        return {
            name
            for name, cell in self._cells.items()
            if any(output.output_type == "error" for output in cell.get("outputs", []))
        }

    def meant_to_fail(self) -> set[str]:
        """Return the cells that say that they do."""
        cells = self._cells.items()
        return {name for name, cell in cells if "raises-exception" in cell.metadata.get("tags", [])}


def _text(output: Any) -> str:
    if output.output_type == "stream":
        return str(output.text)
    if output.output_type == "error":
        return _COLOURS.sub("", "\n".join(output.traceback))
    page = html.unescape(_TAGS.sub(" ", str(output.data.get("text/html", ""))))
    return page or str(output.data.get("text/plain", ""))


def copy_guide(folder: Path) -> Path:
    """Copy the guide as it is committed, and return where it is."""
    ignored = shutil.ignore_patterns("*.runs", "mlflow.db*", "mlruns", ".ipynb_checkpoints")
    return Path(shutil.copytree(GUIDE, folder / "notebooks", ignore=ignored))


def run_notebook(
    path: Path, environ: Mapping[str, str], parameters: Mapping[str, Any] | None = None
) -> Told:
    """Run a notebook from top to bottom; a cell that fails and does not say so fails the test."""
    notebook = load_notebook_node(str(path))
    if parameters:
        notebook = parameterize_notebook(notebook, dict(parameters))
    resources = {"metadata": {"path": str(path.parent)}}
    client = NotebookClient(notebook, timeout=_CELL_S, kernel_name="python3", resources=resources)
    began_s = time.monotonic()
    try:
        client.execute(env=dict(environ))
    except CellExecutionError as exc:
        before = "\n".join(_text(o) for cell in notebook.cells for o in cell.get("outputs", []))
        told = f"{before[-2000:]}\n{_COLOURS.sub('', str(exc))}"
        raise AssertionError(f"{path.name}: {told}") from None
    finally:
        # To look at when something is wrong.
        nbformat.write(notebook, path.with_suffix(".executed.ipynb"))  # type: ignore[no-untyped-call]
    return Told(notebook.cells, time.monotonic() - began_s)
