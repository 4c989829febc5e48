"""One notebook submitted: as ordered, as it goes, and how it ended."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from typing import Any

from rayspace.model.measurement import GpuChoice


class JobPhase(enum.Enum):
    """Where a job stands."""

    #: On record, not running yet.
    PENDING = "pending"
    #: The runner has it.
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    #: Somebody stopped it.
    STOPPED = "stopped"
    #: No verdict, and nothing that could still give one.
    LOST = "lost"

    @property
    def is_terminal(self) -> bool:
        """Whether nothing more will happen."""
        return self not in {JobPhase.PENDING, JobPhase.RUNNING}


class Cause(enum.Enum):
    """Why a job ended as it did."""

    NONE = ""
    CELL_ERROR = "cell_error"
    KERNEL_DIED = "kernel_died"
    CELL_TIMEOUT = "cell_timeout"
    DEADLINE = "deadline"
    STOPPED = "stopped"
    HEAD_LOST = "head_lost"
    RUNNER_KILLED = "runner_killed"
    RUNNER_ERROR = "runner_error"
    NOT_STARTED = "not_started"
    #: Some trials of a sweep failed.
    TRIALS_FAILED = "trials_failed"
    #: The image lacks packages, and they could not or must not be installed.
    PACKAGES = "packages"


@dataclass(frozen=True)
class Verdict:
    """How a job ended.

    Parameters
    ----------
    phase
        A terminal phase.
    cause
        Why, for programs.
    summary
        Why, one sentence for people; empty when it succeeded.
    failed_cell
        Index of the cell at which it ended, among the cells of the executed notebook; -1 for
        none. [1]
    ename, evalue
        Name and text of the exception of a failed cell.
    """

    phase: JobPhase
    cause: Cause = Cause.NONE
    summary: str = ""
    failed_cell: int = -1
    ename: str = ""
    evalue: str = ""


@dataclass(frozen=True)
class Progress:
    """How far a notebook is.

    Parameters
    ----------
    n_done, n_cells
        Code cells finished, and in all. [1]
    cell_number
        The code cell that runs now, from 1; 0 before the first. [1]
    cell_preview
        First line of that cell.
    elapsed_s
        Since the runner began. [s]
    cell_elapsed_s
        Since that cell began. [s]
    unit
        What is counted: ``cell``, or ``trial`` of a sweep, whose preview says which run.
    """

    n_done: int
    n_cells: int
    cell_number: int
    cell_preview: str
    elapsed_s: float
    cell_elapsed_s: float
    unit: str = "cell"


@dataclass(frozen=True)
class JobOrder:
    """All that a runner must know, kept as an artifact of the run.

    Parameters
    ----------
    name
        Name of the job, and its submission id in Ray.
    notebook
        Path of the notebook inside the bundle, with ``/``.
    bundle
        Artifact path of the packed bundle.
    parameters
        Values to inject, JSON-compatible.
    kernel_name
        The Jupyter kernel to run it with.
    language
        The kernel's language, in lower case.
    cell_timeout_s
        Longest time for one cell; None for no limit. [s]
    deadline_s
        Longest time for the job; None for no limit. [s]
    env
        Environment variables for the kernel and for Ray's workers.
    sample_interval_s
        Time between two samples of the nodes. [s]
    depth
        0 for a job that a person submitted, 1 for one that a job submitted. [1]
    packages
        What is to be done about packages, as `PackagePlan` on the wire; empty for nothing.
    retries
        How often it is run anew after a failure. [1]
    trials
        Parameters of each trial of a sweep; none for one run of the notebook.
    parallel
        How many trials run at a time; 0 leaves it to the runner. [1]
    wishes
        What was asked of the place where it runs, for the day on which it runs once more.
    is_apart
        Whether the trials of a sweep are jobs of their own.
    bundle_run_id
        Run that holds the bundle; empty for the job's own.
    sampled_gpus
        Which GPUs the run is told of, as `GpuChoice` on the wire.
    price_per_hour
        What one worker of the job's own cluster costs an hour; None for unknown. [1]
    """

    name: str
    notebook: str
    bundle: str
    parameters: dict[str, Any] = field(default_factory=dict)
    kernel_name: str = "python3"
    language: str = "python"
    cell_timeout_s: float | None = None
    deadline_s: float | None = None
    env: dict[str, str] = field(default_factory=dict)
    sample_interval_s: float = 10.0
    depth: int = 0
    packages: dict[str, Any] = field(default_factory=dict)
    retries: int = 0
    trials: tuple[dict[str, Any], ...] = ()
    parallel: int = 0
    wishes: dict[str, Any] = field(default_factory=dict)
    is_apart: bool = False
    bundle_run_id: str = ""
    sampled_gpus: str = GpuChoice.ALL.value
    price_per_hour: float | None = None

    @property
    def gpu_choice(self) -> GpuChoice:
        """Which GPUs the run is told of; all where a newer submitter names another choice."""
        is_mine = self.sampled_gpus == GpuChoice.MINE.value
        return GpuChoice.MINE if is_mine else GpuChoice.ALL


class LivePhase(enum.Enum):
    """What the Jobs API of a head says. Source: ray/dashboard/modules/job/common.py, JobStatus."""

    PENDING = "PENDING"
    RUNNING = "RUNNING"
    STOPPED = "STOPPED"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"

    @property
    def is_terminal(self) -> bool:
        """Whether Ray's job has ended."""
        return self not in {LivePhase.PENDING, LivePhase.RUNNING}


@dataclass(frozen=True)
class LiveJob:
    """A job as the Jobs API of a head tells it.

    Parameters
    ----------
    submission_id
        The name of the job.
    phase
        Ray's word.
    message
        Ray's sentence.
    exit_code
        Exit code of the driver; None while it runs or when unknown. [1]
    started_ms, ended_ms
        Ray's times; 0 when not yet. [ms since 1970-01-01 UTC]
    metadata
        What was sent along at submission.
    """

    submission_id: str
    phase: LivePhase
    message: str = ""
    exit_code: int | None = None
    started_ms: int = 0
    ended_ms: int = 0
    metadata: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class JobState:
    """A job as observed.

    Parameters
    ----------
    name
        Its name.
    phase
        Where it stands.
    cause, reason
        Why it ended so: for programs, and one sentence for people.
    notebook
        The notebook, as it was named at submission.
    cluster, target, profile
        Where it runs.
    run_id, experiment, tracking_uri
        Its MLflow run.
    experiment_id
        MLflow's id of that experiment, of which the address of the run's page is made.
    parameters
        As submitted.
    progress
        How far it is; None before the runner has it.
    submitted_ms, started_ms, ended_ms
        Times; 0 when not yet. [ms since 1970-01-01 UTC]
    heartbeat_ms
        Last sign of the runner; 0 when none. [ms since 1970-01-01 UTC]
    failed_cell
        Index of the cell at which it ended; -1 for none. [1]
    parent_run_id
        Run of the job that submitted this one; empty for none.
    results_dir
        Where its results are kept on this machine once fetched.
    is_stuck
        Whether what it waits for can't come by waiting.
    attempt
        Number of the attempt that has it, from 1; 0 before one has. Each that failed before is a
        child run. [1]
    """

    name: str
    phase: JobPhase
    cause: Cause
    reason: str
    notebook: str
    cluster: str
    target: str
    profile: str
    run_id: str
    experiment: str
    tracking_uri: str
    parameters: dict[str, str]
    progress: Progress | None
    submitted_ms: int
    started_ms: int
    ended_ms: int
    heartbeat_ms: int
    failed_cell: int
    parent_run_id: str
    results_dir: str
    is_stuck: bool = False
    attempt: int = 0
    experiment_id: str = ""
