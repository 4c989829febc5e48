"""A notebook to ship: as asked, and as it would be done."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from rayspace.model.measurement import GpuChoice
from rayspace.model.packages import PackagesMode

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from rayspace.model.bundle import BundlePlan
    from rayspace.model.job import JobOrder
    from rayspace.model.notebook import Notebook


@dataclass(frozen=True)
class SubmitRequest:
    """A notebook to ship, as asked.

    Parameters
    ----------
    notebook_path
        The notebook.
    parameters
        Values by name: texts are converted to the type of the parameter, others are checked.
    include
        Globs of files that travel although they are ignored.
    env
        Environment variables of the kernel and of Ray's workers.
    deadline_s, cell_timeout_s
        Limits of the job and of each cell; None for none. [s]
    sample_interval_s
        Time between two samples of the nodes. [s]
    experiment
        Name of the MLflow experiment when the notebook names none.
    parent_run_id
        Run of the job that submits this one; empty for a person's.
    depth
        0 for a person's job, 1 for one that a job submits. [1]
    packages
        What is done about packages that the image lacks.
    retries
        How often the job is run anew after a failure. [1]
    sweep
        Values by parameter, each combination of which is a trial.
    parallel
        How many trials run at a time; 0 leaves it to the runner. [1]
    again
        Whether trials run that succeeded in an earlier submission.
    wishes
        What is asked of the place where it runs, as its order keeps it.
    is_apart
        Whether the trials of a sweep are jobs of their own.
    sampled_gpus
        Which GPUs the run is told of where neither the line nor the cluster says.
    asked_gpus
        Which the line says; None for none.
    """

    notebook_path: Path
    parameters: Mapping[str, object] = field(default_factory=dict)
    include: Sequence[str] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    deadline_s: float | None = None
    cell_timeout_s: float | None = None
    sample_interval_s: float = 10.0
    experiment: str = "rayspace"
    parent_run_id: str = ""
    depth: int = 0
    packages: PackagesMode = PackagesMode.AUTO
    retries: int = 0
    sweep: Mapping[str, Sequence[object]] = field(default_factory=dict)
    parallel: int = 0
    again: bool = False
    wishes: Mapping[str, Any] = field(default_factory=dict)
    is_apart: bool = False
    sampled_gpus: GpuChoice = GpuChoice.ALL
    asked_gpus: GpuChoice | None = None


@dataclass(frozen=True)
class Draft:
    """An order that was checked as far as no cluster is needed for it.

    Parameters
    ----------
    request
        What was asked.
    notebook
        Its notebook.
    given
        Values of parameters, converted to their types.
    parameters
        Effective values by name: those given, and the notebook's own.
    bundle
        The files that would travel.
    trials
        Parameters of each trial of a sweep.
    """

    request: SubmitRequest
    notebook: Notebook
    given: dict[str, Any]
    parameters: dict[str, Any]
    bundle: BundlePlan
    trials: tuple[dict[str, Any], ...] = ()


@dataclass(frozen=True)
class Destination:
    """Where a job runs.

    Parameters
    ----------
    target
        Name of the target.
    cluster, cluster_uid
        The cluster that it shares; empty for one of its own, which is named as the job.
    profile
        Profile of that cluster.
    namespace
        Its namespace on Kubernetes; empty on this machine.
    python
        The Python of this machine that runs it; empty elsewhere.
    ray_version
        Version of Ray there; empty while unknown.
    price_per_hour
        What one worker of the job's own cluster costs an hour; None for unknown. [1]
    sampled_gpus
        Which GPUs the runs of jobs there are told of; None where the cluster does not say.
    """

    target: str
    cluster: str
    cluster_uid: str = ""
    profile: str = ""
    namespace: str = ""
    python: str = ""
    ray_version: str = ""
    price_per_hour: float | None = None
    sampled_gpus: GpuChoice | None = None


@dataclass(frozen=True)
class SubmitPlan:
    """What a submission would do.

    Parameters
    ----------
    notebook
        The notebook, as asked.
    target
        Where it would run.
    cluster
        The cluster that would run it; empty for one of its own.
    experiment
        The MLflow experiment.
    parameters
        Effective values by name: those given, and the notebook's own.
    bundle
        The files that would travel.
    warnings
        One sentence each.
    order
        What the runner would be told.
    manifest
        The object that would be applied; None where there is none.
    packages
        What would be installed for the job, a line each.
    """

    notebook: str
    target: str
    cluster: str
    experiment: str
    parameters: dict[str, Any]
    bundle: BundlePlan
    warnings: tuple[str, ...]
    order: JobOrder
    manifest: dict[str, Any] | None = None
    packages: tuple[str, ...] = ()


@dataclass(frozen=True)
class JobDefaults:
    """What a submission takes when nobody says otherwise.

    Parameters
    ----------
    experiment
        Name of the MLflow experiment when the notebook names none.
    sample_interval_s
        Time between two samples of the nodes. [s]
    parent_run_id, depth
        Set inside a job: its run, and how deep it is itself plus one. [1]
    own_notebook
        Set inside a job: the name of its notebook, which it must not submit again.
    own_job
        Set inside a job: its name.
    sampled_gpus
        Which GPUs the run is told of.
    """

    experiment: str = "rayspace"
    sample_interval_s: float = 10.0
    parent_run_id: str = ""
    depth: int = 0
    own_notebook: str = ""
    own_job: str = ""
    sampled_gpus: GpuChoice = GpuChoice.ALL
