"""What a job was made of: its source on this machine, and the values that it runs with."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rayspace.core.jobs.submitted_parameters import known_parameters
from rayspace.core.notebooks.notebook import read_notebook
from rayspace.errors import NotebookFormatError, NotFoundError
from rayspace.model.run import Artifact
from rayspace.services.orders import order_of
from rayspace.services.results import source_path

if TYPE_CHECKING:
    from rayspace.gateways.contracts import RunGateway
    from rayspace.model.parameter import Parameter
    from rayspace.model.place import Place
    from rayspace.model.run import RunRecord


@dataclass(frozen=True)
class JobInputs:
    """What a job was made of.

    Parameters
    ----------
    source
        Where its notebook is on this machine, or was.
    given
        The values that it was given, by parameter; a sweep has others for each trial.
    swept
        The parameters of a sweep.
    known
        The parameters of its notebook as it was submitted.
    """

    source: Path
    given: dict[str, Any]
    swept: frozenset[str]
    known: tuple[Parameter, ...]


def job_inputs(runs: RunGateway, run: RunRecord, place: Place) -> JobInputs:
    """Read what a job was made of from its run. Blocks.

    Parameters
    ----------
    runs, run
        Its run, and the tracking server that keeps it.
    place
        This machine and this person.
    """
    order = order_of(runs, run)
    name = f"{Artifact.SOURCE_DIR}/{Path(order.notebook).name}"
    with tempfile.TemporaryDirectory(prefix="rayspace-") as directory:
        try:
            content = runs.download(run.run_id, name, Path(directory)).read_bytes()
            known = known_parameters(read_notebook(content, name=name)) or ()
        except (NotFoundError, NotebookFormatError):
            # Somebody took it away; the order holds what was given.
            known = ()
    swept = frozenset(name for trial in order.trials for name in trial)
    return JobInputs(source_path(run, place), order.parameters, swept, known)
