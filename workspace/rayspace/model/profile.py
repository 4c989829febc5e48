"""What to start, by name."""

from __future__ import annotations

from dataclasses import dataclass, field


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
    """

    cpus: float | None = None
    memory_bytes: int | None = None
    gpus: int = 0
    object_store_memory_bytes: int | None = None


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
        Where it starts when nobody says otherwise.
    head
        Resources of the head.
    n_workers
        Workers to begin with. [1]
    worker
        Resources of each worker.
    env
        Environment variables of every Ray process.
    layer
        Which layer the winning file is of: built-in, system, user or project.
    path
        The winning file.
    """

    name: str
    description: str = ""
    target: str = "local"
    head: NodeResources = NodeResources()
    n_workers: int = 0
    worker: NodeResources = NodeResources(cpus=1)
    env: dict[str, str] = field(default_factory=dict)
    layer: str = "built-in"
    path: str = ""
