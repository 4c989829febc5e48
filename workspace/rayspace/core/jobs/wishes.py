"""Where and how a job shall run, as asked; and which questions that leaves."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, TypedDict

from rayspace.core.clusters.wishes import Wishes
from rayspace.errors import UsageError
from rayspace.model.measurement import GpuChoice
from rayspace.names import nearest

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

#: The cluster that a job on Kubernetes gets when nobody names a profile.
DEFAULT_PROFILE = "cpu-small"
#: More is no retry but a loop. [1]
MAX_RETRIES = 10
#: Variable in the ``env`` of a profile, or of ``up --env``, for a cluster that many share.
SAMPLED_GPUS = "RAYSPACE_SAMPLED_GPUS"


@dataclass(frozen=True)
class JobWishes:
    """Where and how a job shall run. All by default: on the chosen cluster.

    Parameters
    ----------
    cluster
        A running cluster.
    profile
        On this machine the cluster to start if it is not running; on Kubernetes that which the
        job gets for itself.
    target
        Where; by default where the cluster, or the profile, is.
    own
        What its own cluster shall be, on top of the profile.
    retries
        How often it is run anew after a failure. [1]
    driver_cpus, driver_gpus
        What Ray reserves for the notebook's own process. [1]
    keep_failed_s
        How long the job's own cluster is kept after a failure, to look inside. [s]
    start_deadline_s
        How long its own cluster may take to come up; not counted in a queue. [s]
    """

    cluster: str | None = None
    profile: str | None = None
    target: str | None = None
    own: Wishes = field(default_factory=Wishes)
    retries: int = 0
    driver_cpus: float = 0.0
    driver_gpus: float = 0.0
    keep_failed_s: float = 300.0
    start_deadline_s: float = 3600.0

    @property
    def asks_for_own(self) -> bool:
        """Whether something is asked that only a cluster of the job's own can have."""
        return self.own != Wishes()


class SubmitOptions(TypedDict, total=False):
    """What can be asked of a submission beside notebook and parameters.

    Parameters
    ----------
    params_file
        YAML or JSON file with more of them; ``params`` win.
    cluster
        A running cluster; by default the chosen one.
    profile
        On this machine a cluster of this profile is started if it is not running; on
        Kubernetes the job gets one of its own, by default of ``cpu-small``.
    target
        Where; by default where the cluster or the profile is.
    workers, max_workers, cpus, gpus
        What the job's own cluster shall have, as for `ClusterService.up`. [1]
    memory, gpu_type, image, queue, settings
        What else it shall be, as there.
    force
        Whether to try although the job's own cluster could never come up as things are.
    driver_cpus, driver_gpus
        What Ray reserves for the notebook's own process, which then runs where there is so
        much. [1]
    retries
        How often it is run anew after a failure, each time as a child run. [1]
    sweep
        Values by parameter: each combination is a trial, a child run of one job.
    parallel
        How many trials run at a time; 0 for as many as the driver has CPUs, at most 4. [1]
    apart
        Whether each trial is a job with a cluster of its own, on Kubernetes.
    again
        Whether trials run that succeeded in an earlier submission of the same.
    packages
        What is done about packages that the image lacks: ``auto`` installs them, ``image`` makes
        them an error, ``sync`` installs what the notebook imports in the versions of this machine.
    keep_failed_s
        How long the job's own cluster stays after a failure, to look inside. [s]
    start_deadline_s
        How long its own cluster may take to come up; not counted in a queue. [s]
    include
        Globs of files that travel although they are ignored.
    env
        Environment variables of the kernel and of Ray's workers; not for secrets.
    deadline_s
        Longest time for the job; no limit by default. [s]
    cell_timeout_s
        Longest time for one cell; no limit by default. [s]
    sampled_gpus
        Which GPUs the run is told of: ``all`` of the cluster, or those that the job holds
        (``mine``); by default as the cluster says, by ``RAYSPACE_SAMPLED_GPUS`` in its ``env``,
        else as the settings say.
    """

    params_file: str | Path | None
    cluster: str | None
    profile: str | None
    target: str | None
    workers: int | None
    max_workers: int | None
    cpus: float | None
    memory: str | None
    gpus: int | None
    gpu_type: str | None
    image: str | None
    queue: str | None
    settings: Mapping[str, Any]
    force: bool
    driver_cpus: float
    driver_gpus: float
    retries: int
    sweep: Mapping[str, Sequence[object]]
    parallel: int
    apart: bool
    again: bool
    packages: Literal["auto", "image", "sync"]
    keep_failed_s: float
    start_deadline_s: float
    include: Sequence[str]
    env: Mapping[str, str]
    deadline_s: float | None
    cell_timeout_s: float | None
    sampled_gpus: Literal["all", "mine"] | None


def asked_gpus(value: str | None) -> GpuChoice | None:
    """Read which GPUs a run is told of; None where nobody says.

    Raises
    ------
    UsageError
        If it is neither ``all`` nor ``mine``.
    """
    if value is None:
        return None
    try:
        return GpuChoice(value)
    except ValueError as exc:
        raise UsageError(
            f"{value!r} does not say which GPUs a run is told of.",
            hint="Write: --sampled-gpus all, or --sampled-gpus mine",
        ) from exc


def gpus_of_cluster(env: Mapping[str, str]) -> GpuChoice | None:
    """Return which GPUs a cluster's own environment wants runs to be told of; None for no word."""
    known = {choice.value: choice for choice in GpuChoice}
    return known.get(env.get(SAMPLED_GPUS, ""))


def job_wishes(options: SubmitOptions) -> JobWishes:
    """Return what is asked about where and how a job runs.

    Parameters
    ----------
    options
        All that is asked.

    Returns
    -------
    JobWishes
        That part of it.

    Raises
    ------
    UsageError
        If it contradicts itself.
    """
    for name in options:
        if name not in SubmitOptions.__annotations__:
            like = nearest(name, sorted(SubmitOptions.__annotations__))
            raise UsageError(
                f"A submission has no option {name!r}.",
                hint=f"Did you mean {' or '.join(like)}?"
                if like
                else "See: help(rayspace.jobs.submit)",
            )
    default = JobWishes()
    wishes = JobWishes(
        options.get("cluster"),
        options.get("profile"),
        options.get("target"),
        Wishes(
            workers=options.get("workers"),
            max_workers=options.get("max_workers"),
            cpus=options.get("cpus"),
            memory=options.get("memory"),
            gpus=options.get("gpus"),
            gpu_type=options.get("gpu_type"),
            image=options.get("image"),
            queue=options.get("queue"),
            settings=dict(options.get("settings", {})),
        ),
        options.get("retries", default.retries),
        options.get("driver_cpus", default.driver_cpus),
        options.get("driver_gpus", default.driver_gpus),
        options.get("keep_failed_s", default.keep_failed_s),
        options.get("start_deadline_s", default.start_deadline_s),
    )
    _check(wishes)
    return wishes


def wishes_on_record(wishes: JobWishes) -> dict[str, Any]:
    """Return what a later `wishes_again` needs, JSON-compatible; what is as by default is left out.

    Parameters
    ----------
    wishes
        What was asked.
    """
    fields = ("driver_cpus", "driver_gpus", "keep_failed_s", "start_deadline_s")
    default = JobWishes()
    record = {name: getattr(wishes, name) for name in fields}
    record = {name: value for name, value in record.items() if value != getattr(default, name)}
    nothing = Wishes()
    own = {
        name: value for name, value in vars(wishes.own).items() if value != getattr(nothing, name)
    }
    return {**record, "own": own} if own else record


def wishes_again(
    record: Mapping[str, Any], cluster: str | None, profile: str | None, target: str | None
) -> JobWishes:
    """Return how a job shall run once more.

    Parameters
    ----------
    record
        What `wishes_on_record` kept of it.
    cluster, profile, target
        Where it runs now. A running cluster stays as it is, whatever was asked of the job's own.
    """
    given = dict(record)
    own = given.pop("own", {})
    known = {name: given[name] for name in given if name in JobWishes.__annotations__}
    if cluster is not None:
        return JobWishes(cluster, profile, target, **known)
    return JobWishes(cluster, profile, target, Wishes(**own), **known)


def _check(wishes: JobWishes) -> None:
    if wishes.cluster is not None and wishes.profile is not None:
        raise UsageError(
            "Both a cluster and a profile were given.",
            hint="--cluster uses a running cluster, --profile starts one: give one of them.",
        )
    if wishes.cluster is not None and wishes.asks_for_own:
        raise UsageError(
            "A running cluster stays as it is: workers, image, queue and --set are for a cluster"
            " that the job gets for itself.",
            hint="Leave out --cluster, or what you want of the cluster.",
        )
    if not 0 <= wishes.retries <= MAX_RETRIES:
        raise UsageError(
            f"A job can't be retried {wishes.retries} times.", hint=f"Give 0 to {MAX_RETRIES}."
        )
    amounts = (
        ("CPUs of the notebook", wishes.driver_cpus),
        ("GPUs of the notebook", wishes.driver_gpus),
        ("time to keep a failed cluster", wishes.keep_failed_s),
    )
    for label, amount in amounts:
        if not 0 <= amount < float("inf"):
            raise UsageError(f"The {label} can't be {amount:g}.", hint="Give 0 or more.")
    if not 0 < wishes.start_deadline_s < float("inf"):
        raise UsageError(
            f"The deadline for the start can't be {wishes.start_deadline_s:g} s.",
            hint="Give more than 0 s.",
        )
