"""One Ray cluster: as it was asked for, and as it is observed."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from rayspace.model.profile import GroupSpec, NodeResources, PodOptions

if TYPE_CHECKING:
    from rayspace.model.problem import Problem
    from rayspace.model.progress import Stage

#: What is waited for at a start: the head, also the fewest workers of each group, or all workers.
ReadyAt = Literal["head", "min", "all"]
#: The worker group of a cluster that names none.
DEFAULT_GROUP = "workers"


class ClusterPhase(enum.Enum):
    """Where a cluster stands."""

    #: Asked for; the head does not answer yet.
    STARTING = "starting"
    #: Waits for its turn in a queue.
    QUEUED = "queued"
    #: The head answers: tasks and jobs are accepted.
    READY = "ready"
    #: Its processes live, but the head does not answer.
    UNREACHABLE = "unreachable"
    #: Its pods were ended, its description stays: it can be resumed.
    SUSPENDED = "suspended"
    #: Somebody deletes it.
    ENDING = "ending"
    #: It can't come up as it is asked for.
    FAILED = "failed"
    #: Recorded, but its head is gone: the pid ended or belongs to another process.
    LOST = "lost"
    #: Its record can't be understood, so nothing is known of it.
    UNREADABLE = "unreadable"

    @property
    def is_terminal(self) -> bool:
        """Whether the cluster can't come back by waiting."""
        return self in {ClusterPhase.LOST, ClusterPhase.UNREADABLE, ClusterPhase.FAILED}


class Origin(enum.Enum):
    """Who started the Ray processes of a cluster."""

    STARTED = "started"
    ADOPTED = "adopted"
    #: Made by kubectl, another program or another person: it can be seen and used.
    FOREIGN = "foreign"


@dataclass(frozen=True)
class ClusterSpec:
    """A cluster as asked for.

    Parameters
    ----------
    name
        Its name, unique in its target.
    profile
        Name of the profile it was made from.
    head, worker
        Resources of the head and of each worker.
    n_workers
        Desired workers. [1]
    env
        Environment variables of every Ray process.
    project
        The project directory in which it was asked for.
    dashboard_port
        A fixed port for the dashboard; None picks a free one. [1]
    max_workers
        The most workers that autoscaling starts; None for a fixed number. [1]
    more_groups
        Other groups of workers.
    pods
        What only a cluster on Kubernetes has.
    """

    name: str
    profile: str
    head: NodeResources = NodeResources()
    worker: NodeResources = NodeResources(cpus=1)
    n_workers: int = 0
    env: dict[str, str] = field(default_factory=dict)
    project: str = ""
    dashboard_port: int | None = None
    max_workers: int | None = None
    more_groups: tuple[GroupSpec, ...] = ()
    pods: PodOptions = PodOptions()

    @property
    def groups(self) -> tuple[GroupSpec, ...]:
        """All groups of workers; that of a head alone is empty, and can be scaled."""
        first = GroupSpec(DEFAULT_GROUP, self.n_workers, self.worker, self.max_workers)
        is_used = bool(self.n_workers or self.max_workers or not self.more_groups)
        own = (first,) if is_used else ()
        return (*own, *self.more_groups)

    @property
    def is_autoscaled(self) -> bool:
        """Whether Ray changes the number of workers."""
        return any(group.max_workers is not None for group in self.groups)


@dataclass(frozen=True)
class WorkerGroup:
    """Equal workers of a cluster, by count.

    Parameters
    ----------
    name
        Name of the group.
    n_desired
        How many are wanted. [1]
    n_requested
        How many were asked of the machine or of Kubernetes. [1]
    n_observed
        How many have joined the head. [1]
    n_min, n_max
        Between which bounds autoscaling changes how many are wanted; None for a fixed number. [1]
    """

    name: str
    n_desired: int
    n_requested: int
    n_observed: int
    n_min: int | None = None
    n_max: int | None = None


@dataclass(frozen=True)
class Node:
    """One Ray node, as the head reports it.

    Parameters
    ----------
    node_id
        Ray's hexadecimal id.
    ip, hostname
        Its address and the name of its machine.
    is_head
        Whether it is the head.
    is_alive
        Whether Ray counts it as alive.
    cpus, gpus
        What Ray may schedule on it. [1]
    memory_bytes
        What Ray may schedule on it. [bytes]
    cpu_used_fraction
        Share of its CPUs in use. [1]
    memory_used_bytes, memory_total_bytes
        Memory of the machine or pod. [bytes]
    gpu_samples
        One reading of each of its GPUs.
    driver_slots
        Notebooks that it runs at a time; 0 where nobody counts them. [1]
    name
        Short name, as a job's run has it: ``head``, ``gpu-worker-0``.
    """

    node_id: str
    ip: str
    hostname: str
    is_head: bool
    is_alive: bool
    cpus: float
    gpus: float
    memory_bytes: int
    cpu_used_fraction: float
    memory_used_bytes: int
    memory_total_bytes: int
    gpu_samples: tuple[GpuSample, ...] = ()
    driver_slots: int = 0
    name: str = ""


@dataclass(frozen=True)
class GpuSample:
    """One reading of one GPU, or of one slice of a GPU; None for what nobody knows.

    Parameters
    ----------
    gpu_index
        Index on its node, from 0; for a slice that of the GPU which it is a slice of. [1]
    name
        Product name.
    busy_fraction
        Share of time in which kernels ran. [1]
    memory_used_bytes, memory_total_bytes
        Device memory. [bytes]
    power_w
        Power draw. [W]
    temperature_c
        Temperature. [degree Celsius]
    key
        Short name on its node, as a job's run has it: ``gpu_0``, ``gpu_0_mig_1`` for a slice.
    n_processes
        How many processes use it. [1]
    """

    gpu_index: int
    name: str
    busy_fraction: float | None
    memory_used_bytes: int | None
    memory_total_bytes: int | None
    power_w: float | None
    temperature_c: float | None
    key: str = ""
    n_processes: int | None = None


@dataclass(frozen=True)
class HeadAddress:
    """How this program reaches a head.

    Parameters
    ----------
    dashboard_url
        Base URL of the dashboard and the Jobs API.
    gcs_address
        ``host:port`` for drivers on the same machine.
    client_url
        What ``ray.init()`` takes to join by Ray Client: ``ray://host:port`` on this machine,
        ``rayspace://cluster@target`` through an API server; empty where there is no such server.
    token_path
        File that holds the token; empty when the head asks for none, or its token is in a Secret.
    target, namespace, cluster
        The cluster on Kubernetes that is reached through an API server; empty on this machine.
    """

    dashboard_url: str
    gcs_address: str
    client_url: str
    token_path: str = ""
    target: str = ""
    namespace: str = ""
    cluster: str = ""


@dataclass(frozen=True)
class ClusterState:
    """A cluster as observed.

    Parameters
    ----------
    name
        Its name.
    uid
        Random id of this start of it: a later cluster of the same name has another.
    target
        Where it is.
    phase
        Where it stands.
    reason
        Why it stands there, one sentence; empty when all is well.
    profile
        Name of the profile it was made from; empty for an adopted one.
    origin
        Who started it.
    project
        The project directory in which it was asked for.
    address
        How to reach its head.
    groups
        Its worker groups.
    started_ms
        When it was asked for. [ms since 1970-01-01 UTC]
    pid
        Process id of a local head; 0 elsewhere. [1]
    python
        The interpreter that runs jobs on it.
    ray_version, python_version
        Versions on the head; empty when unknown.
    log_dir
        Directory of the logs of a local head.
    spec
        What was asked for.
    namespace
        Its namespace on Kubernetes; empty elsewhere.
    owner
        Who asked for it, as the API server names them; empty elsewhere and for unknown.
    problems
        Why it is not as it was asked for, the most decisive first.
    activity
        What keeps it from being suspended, and until when; None where nobody watches.
    stages
        How far it is on its way to being ready; none where it is only ready or not.
    """

    name: str
    uid: str
    target: str
    phase: ClusterPhase
    reason: str
    profile: str
    origin: Origin
    project: str
    address: HeadAddress
    groups: tuple[WorkerGroup, ...]
    started_ms: int
    pid: int
    python: str
    ray_version: str
    python_version: str
    log_dir: str
    spec: ClusterSpec
    namespace: str = ""
    owner: str = ""
    problems: tuple[Problem, ...] = ()
    activity: Activity | None = None
    stages: tuple[Stage, ...] = ()

    @property
    def is_settled(self) -> bool:
        """Whether it is as it was asked for, or can't become so by waiting."""
        has_all = self.n_workers_observed == self.n_workers_desired
        return self.phase.is_terminal or (self.phase is ClusterPhase.READY and has_all)

    @property
    def n_workers_desired(self) -> int:
        """Workers wanted, of all groups. [1]"""
        return sum(group.n_desired for group in self.groups)

    @property
    def n_workers_requested(self) -> int:
        """Workers asked for, of all groups. [1]"""
        return sum(group.n_requested for group in self.groups)

    @property
    def n_workers_observed(self) -> int:
        """Workers that have joined, of all groups. [1]"""
        return sum(group.n_observed for group in self.groups)


@dataclass(frozen=True)
class Replaced:
    """A cluster that gives its place to another of its name that is asked for by force.

    Parameters
    ----------
    name
        Its name.
    phase
        Where it stands.
    why
        Why it is made anew, in one sentence.
    """

    name: str
    phase: ClusterPhase
    why: str


@dataclass(frozen=True)
class Activity:
    """What the watcher in a head saw last.

    Parameters
    ----------
    seen_ms
        When. [ms since 1970-01-01 UTC]
    active
        What counts as activity, in phrases; none when nothing does.
    acts_at_ms
        When it suspends the cluster unless something happens; None for never.
        [ms since 1970-01-01 UTC]
    action
        What it will do then.
    idle_since_ms
        When there was activity last, at the earliest since when it is watched; None while there
        is. [ms since 1970-01-01 UTC]
    is_known
        Whether the head tells what runs on it. If not, the cluster is left alone.
    """

    seen_ms: int
    active: tuple[str, ...] = ()
    acts_at_ms: int | None = None
    action: str = ""
    idle_since_ms: int | None = None
    is_known: bool = True
