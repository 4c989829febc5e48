"""Ship a notebook for another program, wait for it, and hand back what came of it.

Where it runs is the chosen cluster, or what the variable ``RAYSPACE_SUBMIT`` says, in the words of
``rayspace job submit``: programs that start notebooks have no options of ours.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rayspace.errors import JobFailedError, UsageError
from rayspace.grammar import job_parser, parse
from rayspace.loop import run
from rayspace.submit_options import line_parameters, submit_options

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from rayspace.app import App
    from rayspace.core.jobs.wishes import SubmitOptions
    from rayspace.model.job import JobState
    from rayspace.model.progress import Report
    from rayspace.services.results import ResultPaths

#: What ``rayspace job submit`` would be told beside notebook and parameters.
VARIABLE = "RAYSPACE_SUBMIT"


@dataclass(frozen=True)
class Shipped:
    """A job that has ended.

    Parameters
    ----------
    job
        How it ended.
    paths
        Where its results are on this machine.
    """

    job: JobState
    paths: ResultPaths


def wanted(app: App, notebook: Path) -> tuple[dict[str, object], SubmitOptions]:
    """Read what the environment asks for.

    Parameters
    ----------
    app
        The services.
    notebook
        The notebook.

    Returns
    -------
    tuple of dict and SubmitOptions
        Parameters, and the rest.

    Raises
    ------
    UsageError
        If it does not fit ``rayspace job submit``.
    """
    text = app.environ.get(VARIABLE, "")
    try:
        args = parse(job_parser("rayspace job"), ["submit", str(notebook), *shlex.split(text)])
    except (UsageError, ValueError) as exc:
        said = exc.message if isinstance(exc, UsageError) else f"{exc}."
        raise UsageError(
            f"{VARIABLE} is {text!r}: {said}",
            hint="Write in it what follows the notebook in: rayspace job submit NOTEBOOK.ipynb",
        ) from exc
    if args.dry_run or args.wait:
        raise UsageError(
            f"{VARIABLE} holds --dry-run or --wait, which a program decides by itself.",
            hint="Leave it out.",
        )
    target = args.target or None
    if args.context or args.namespace:
        target = app.target_of(args.target, args.context, args.namespace)
    return line_parameters(args), submit_options(args, target)


def ship(
    app: App,
    notebook: Path,
    params: Mapping[str, object],
    options: SubmitOptions,
    report: Report,
    started: Callable[[JobState], None],
) -> Shipped:
    """Ship a notebook and wait until its job has ended; what ends the waiting stops the job.

    Parameters
    ----------
    app
        The services.
    notebook
        Path of the notebook.
    params
        Values for its parameters by name.
    options
        What else is asked.
    report
        Called with each stage.
    started
        Called once the job is on record.

    Returns
    -------
    Shipped
        The job and its results, however it ended.
    """
    job = run(app.jobs.submit(notebook, params, report=report, **options))
    started(job)
    try:
        ended = run(app.jobs.wait(job.name, report=report))
    except (KeyboardInterrupt, SystemExit):
        # Whoever ends papermill means the notebook, unlike who ends a line of ours.
        run(app.jobs.stop(job.name, report=report))
        raise
    return Shipped(ended, run(app.jobs.fetch(job.name)))


def failure(job: JobState) -> JobFailedError:
    """Return the error that says how a job ended which did not succeed."""
    return JobFailedError(
        f"The job {job.name} {job.phase.value}: {job.reason}".rstrip(": ").rstrip(".") + ".",
        hint=f"See: rayspace job logs {job.name}",
        details={"job": job.name, "run_id": job.run_id, "cause": job.cause.value},
    )
