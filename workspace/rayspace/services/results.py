"""Bring the results of a job to this machine."""

from __future__ import annotations

import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rayspace.errors import NotFoundError, StorageError
from rayspace.loop import in_thread
from rayspace.model.run import Artifact, Tag
from rayspace.names import is_safe_name, safe_name

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rayspace.gateways.contracts import RunGateway
    from rayspace.model.place import Place
    from rayspace.model.run import RunRecord


@dataclass(frozen=True)
class ResultPaths:
    """Where the results of a job are on this machine; empty for what there is not.

    Parameters
    ----------
    job
        The job.
    run_id
        Its run.
    directory
        The folder that holds them.
    notebook, html, log
        The executed notebook, its page, and the driver's log.
    trials
        The executed notebooks of a sweep's trials.
    """

    job: str
    run_id: str
    directory: str
    notebook: str
    html: str
    log: str
    trials: tuple[str, ...] = ()


def notebook_name(run: RunRecord) -> str:
    """Return the name of a job's notebook, as the name of a file and nothing more."""
    name = Path(run.tags.get(Tag.NOTEBOOK, "")).name
    return name if name.endswith(".ipynb") else "notebook.ipynb"


def _home(run: RunRecord, place: Place) -> Path:
    """Return the folder for a job's results: beside its source if that is ours, else the project.

    Whoever can write to the tracking server chooses the tags, so they may not choose where on this
    machine files are written.
    """
    source = Path(run.tags.get(Tag.SOURCE_DIR, "."))
    ours = (run.tags.get(Tag.HOST), run.tags.get(Tag.USER)) == (place.host, place.user)
    job = run.tags.get(Tag.JOB, "")
    # The same for each door of a project, wherever its program was started.
    parent = source if ours and source.is_dir() else Path(place.project).absolute()
    return (
        parent
        / f"{Path(notebook_name(run)).stem}.runs"
        / (job if is_safe_name(job) else safe_name(run.run_id))
    )


def source_path(run: RunRecord, place: Place) -> Path:
    """Return where the notebook of a job is, or was, on this machine."""
    return _home(run, place).parents[1] / notebook_name(run)


def results_dir(run: RunRecord, place: Place) -> str:
    """Return the folder of results that were fetched; empty while they were not.

    What was fetched before the job ended is no result: it was a snapshot, or the log alone.
    """
    home = _home(run, place)
    try:
        fetched_ms = (home / notebook_name(run)).stat().st_mtime_ns // 10**6
    except OSError:
        # Nothing was fetched, or what was can't be looked at.
        return ""
    return str(home) if fetched_ms >= run.ended_ms else ""


def _fetch_one(runs: RunGateway, run: RunRecord, artifact: str, target: Path) -> None:
    """Put an artifact of a run at a path, whole or not at all."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".fetch-", dir=target.parent) as directory:
        # A copy has the permissions that new files of this person have.
        copy = Path(directory) / "copy"
        shutil.copyfile(runs.download(run.run_id, artifact, Path(directory)), copy)
        # By the clock of the machine that ended it, which may be ahead of ours.
        copied_ns, ended_ns = copy.stat().st_mtime_ns, run.ended_ms * 10**6
        if ended_ns > copied_ns:
            os.utime(copy, ns=(ended_ns, ended_ns))
        copy.replace(target)


async def fetch_results(
    runs: RunGateway, run: RunRecord, place: Place, *, only: Sequence[str] = ()
) -> ResultPaths:
    """Download executed notebook, page and log.

    Parameters
    ----------
    runs
        The tracking server.
    run
        The job's run.
    place
        This machine and this person.
    only
        Artifact paths to fetch; all by default. Other files count if they are there already.

    Returns
    -------
    ResultPaths
        Where they are.

    Raises
    ------
    StorageError
        If they can't be written.
    """
    notebook = notebook_name(run)
    stem = Path(notebook).stem
    artifacts = {
        "notebook": f"{Artifact.RESULTS_DIR}/{notebook}",
        "html": f"{Artifact.RESULTS_DIR}/{stem}.html",
        "log": Artifact.DRIVER_LOG,
    }
    home = _home(run, place)
    paths: dict[str, str] = {}
    for key, artifact in artifacts.items():
        target = home / Path(artifact).name
        if only and artifact not in only:
            paths[key] = str(target) if target.exists() else ""
            continue
        try:
            await in_thread(_fetch_one, runs, run, artifact, target)
            paths[key] = str(target)
        except NotFoundError:
            paths[key] = ""
        except OSError as exc:
            raise _unwritable(home, exc) from exc
    trials: tuple[str, ...] = ()
    if Tag.SWEEP in run.tags and not only:
        trials = await in_thread(_fetch_trials, runs, run, home)
    if not any(paths.values()) and home.is_dir() and not any(home.iterdir()):
        home.rmdir()
    return ResultPaths(run.tags.get(Tag.JOB, ""), run.run_id, str(home), **paths, trials=trials)


def _fetch_trials(runs: RunGateway, run: RunRecord, home: Path) -> tuple[str, ...]:
    """Download the executed notebook of each trial into a folder of its name."""
    found: set[str] = set()
    folders: dict[str, str] = {}
    name = notebook_name(run)
    # A trial that was run again has two runs: the later one counts.
    for child in reversed(runs.children(run)):
        trial = child.tags.get(Tag.TRIAL)
        if trial is None:
            continue
        # The name of the run begins with that of the job.
        folder = safe_name(child.name.partition(" ")[2] or child.run_id)
        if folders.setdefault(folder, trial) != trial:
            folder = f"{folder}-{child.run_id[:6]}"
        target = home / folder / name
        try:
            _fetch_one(runs, child, f"{Artifact.RESULTS_DIR}/{name}", target)
        except NotFoundError:
            # It has not begun.
            continue
        except OSError as exc:
            raise _unwritable(home, exc) from exc
        found.add(str(target))
    return tuple(sorted(found))


def _unwritable(home: Path, exc: OSError) -> StorageError:
    return StorageError(
        f"{home} can't be written: {exc.strerror or exc}.",
        hint="Free some space or make it writable, then fetch again.",
        details={"path": str(home), "errno": exc.errno},
    )
