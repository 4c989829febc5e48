"""What was measured on the nodes of a cluster at one moment.

None means that nobody knows: the driver refused, the field was missing, or what was told can't be
true. It never means zero.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass


class GpuChoice(enum.Enum):
    """Which GPUs a job tells of."""

    #: All GPUs of the cluster.
    ALL = "all"
    #: Those that processes of the job hold.
    MINE = "mine"


@dataclass(frozen=True, slots=True)
class GpuReading:
    """One GPU, or one slice of a GPU.

    Parameters
    ----------
    key
        Short name that is unique on its node: ``gpu_0``, or ``gpu_0_mig_1`` for a slice.
    name, uuid
        As the driver names it.
    gpu_index
        Index of the device; for a slice that of the GPU which it is a slice of.
    is_slice
        Whether it is a slice (MIG).
    busy_percent
        Share of time in which it worked. [1]
    memory_used_bytes, memory_total_bytes
        Its memory.
    power_w, temperature_c
        Draw and temperature.
    pids
        Processes on it; None when the driver does not tell.
    """

    key: str
    name: str = ""
    uuid: str = ""
    gpu_index: int = 0
    is_slice: bool = False
    busy_percent: float | None = None
    memory_used_bytes: float | None = None
    memory_total_bytes: float | None = None
    power_w: float | None = None
    temperature_c: float | None = None
    pids: tuple[int, ...] | None = None


@dataclass(frozen=True, slots=True)
class WorkerReading:
    """One process that Ray runs on a node.

    Parameters
    ----------
    pid
        Its process id on that node.
    ray_job
        Ray's id of the job that it works for; empty when unknown.
    is_driver
        Whether it is the program of that job.
    gpu_slots
        Indices of GPUs that Ray gave it. [1]
    """

    pid: int
    ray_job: str = ""
    is_driver: bool = False
    gpu_slots: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class NodeReading:
    """One node that lives.

    Parameters
    ----------
    node_id
        Ray's id of it.
    is_head
        Whether the head runs there.
    group
        Its worker group; empty when unknown.
    hostname, ip
        How it is named and reached.
    told_s
        When it measured, by its own clock; None when it has not yet. [s since 1970-01-01 UTC]
    cpu_percent
        Share of its CPUs that worked. [1]
    n_cpus
        How many it has.
    memory_used_bytes, memory_total_bytes
        Its memory.
    disk_used_bytes, disk_free_bytes
        Its disk.
    disk_percent
        Share of its disk that is used, of what users may use. [1]
    received_bytes, sent_bytes
        What went over its network since it was started.
    object_store_used_bytes, object_store_total_bytes
        Its share of Ray's object store.
    gpus
        Its GPUs, in the order of their indices.
    workers
        Processes that Ray runs there.
    """

    node_id: str
    is_head: bool = False
    group: str = ""
    hostname: str = ""
    ip: str = ""
    told_s: float | None = None
    cpu_percent: float | None = None
    n_cpus: float | None = None
    memory_used_bytes: float | None = None
    memory_total_bytes: float | None = None
    disk_used_bytes: float | None = None
    disk_free_bytes: float | None = None
    disk_percent: float | None = None
    received_bytes: float | None = None
    sent_bytes: float | None = None
    object_store_used_bytes: float | None = None
    object_store_total_bytes: float | None = None
    gpus: tuple[GpuReading, ...] = ()
    workers: tuple[WorkerReading, ...] = ()


@dataclass(frozen=True, slots=True)
class Oddity:
    """A value that can't be true, and so is no fact.

    Parameters
    ----------
    node_id
        The node that told it.
    field
        Which one, as Ray names it, after the key of the GPU if it is one's.
    value
        What was told, shortened.
    """

    node_id: str
    field: str
    value: str


@dataclass(frozen=True, slots=True)
class ClusterReading:
    """All nodes that live, and what of their telling can't be true.

    Parameters
    ----------
    nodes
        The nodes, as the head lists them.
    oddities
        Values that were left out.
    """

    nodes: tuple[NodeReading, ...] = ()
    oddities: tuple[Oddity, ...] = ()
