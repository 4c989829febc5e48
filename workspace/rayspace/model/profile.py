"""What to start, by name."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class NodeResources:
    """What one Ray node may use. None: what the machine has.

    Parameters
    ----------
    cpus
        Logical CPUs for tasks. [1]
    memory_bytes
        Memory for tasks and actors. [bytes]
    gpus
        GPUs for tasks. [1]
    object_store_memory_bytes
        Shared memory for objects. [bytes]
    gpu_type
        Product of the GPUs, as the label ``nvidia.com/gpu.product`` of nodes has it; empty for any.
    """

    cpus: float | None = None
    memory_bytes: int | None = None
    gpus: int = 0
    object_store_memory_bytes: int | None = None
    gpu_type: str = ""


@dataclass(frozen=True)
class GroupSpec:
    """One group of equal workers, as asked for.

    Parameters
    ----------
    name
        Name of the group.
    n_workers
        Workers to begin with; with autoscaling the fewest. [1]
    worker
        Resources of each.
    max_workers
        The most that autoscaling starts; None for a fixed number. [1]
    """

    name: str
    n_workers: int
    worker: NodeResources
    max_workers: int | None = None


@dataclass(frozen=True)
class PodOptions:
    """What only a cluster on Kubernetes has.

    Parameters
    ----------
    image
        Image of head and workers; empty for the one that fits this machine's Ray and Python.
    queue
        Kueue's LocalQueue; empty for none.
    idle_s
        After so long without activity the cluster suspends itself; None for never. [s]
    max_lifetime_s
        After so long it suspends itself anyway; None for never. [s]
    price_per_hour
        What one worker costs an hour, in whatever money people count; None for unknown. [1]
    secrets
        Environment variables from Secrets: variable to ``SECRET/KEY``.
    volumes
        PersistentVolumeClaims by the path at which they are mounted; ``CLAIM:ro`` for reading only.
    tolerations
        Taints that are tolerated, written as kubectl does: ``key=value:NoSchedule``.
    node_selector
        Labels that nodes must bear.
    priority
        Name of a PriorityClass.
    service_account
        Name of a ServiceAccount of workers, and of the head unless it needs its own.
    image_pull_secrets
        Names of Secrets for the registry.
    overlay
        Raw fields of a RayCluster, merged into it last.
    """

    image: str = ""
    queue: str = ""
    idle_s: float | None = None
    max_lifetime_s: float | None = None
    price_per_hour: float | None = None
    secrets: dict[str, str] = field(default_factory=dict)
    volumes: dict[str, str] = field(default_factory=dict)
    tolerations: tuple[str, ...] = ()
    node_selector: dict[str, str] = field(default_factory=dict)
    priority: str = ""
    service_account: str = ""
    image_pull_secrets: tuple[str, ...] = ()
    overlay: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Profile:
    """A named description of a cluster.

    Parameters
    ----------
    name
        Its name, the stem of its file.
    description
        One sentence for people.
    target
        Where it starts when nobody says otherwise; empty for wherever was used last.
    head
        Resources of the head.
    n_workers
        Workers to begin with. [1]
    worker
        Resources of each worker.
    env
        Environment variables of every Ray process.
    max_workers
        The most workers that autoscaling starts; None for a fixed number. [1]
    more_groups
        Other groups of workers.
    pods
        What only a cluster on Kubernetes has.
    layer
        Which layer the winning file is of: built-in, system, namespace, user or project.
    path
        The winning file.
    lines
        Lines of the fields of its overlay in that file, by path with dots. [1]
    """

    name: str
    description: str = ""
    target: str = ""
    head: NodeResources = NodeResources()
    n_workers: int = 0
    worker: NodeResources = NodeResources(cpus=1)
    env: dict[str, str] = field(default_factory=dict)
    max_workers: int | None = None
    more_groups: tuple[GroupSpec, ...] = ()
    pods: PodOptions = PodOptions()
    layer: str = "built-in"
    path: str = ""
    lines: dict[str, int] = field(default_factory=dict, repr=False, compare=False)
