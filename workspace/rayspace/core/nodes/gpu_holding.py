"""Keep only the GPUs that a job holds, on a cluster that it shares, and each of them once.

A job holds a GPU where one of its processes was given it by Ray, or is seen on it by the driver.
Which processes are a job's is told by Ray's own job ids: those of the programs that the job's
notebook started. Ray numbers the GPUs that it sees; where it was shown some of a machine's only
(``CUDA_VISIBLE_DEVICES`` of the raylet), its numbers are not the driver's, and only processes
count: then slots point at GPUs that no process of the job is on, and are given up for those.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from rayspace.model.measurement import ClusterReading, GpuReading, NodeReading


def jobs_of_programs(
    reading: ClusterReading, hostname: str, is_ours: Callable[[int], bool]
) -> frozenset[str]:
    """Find Ray's ids of the jobs whose programs are ours.

    Parameters
    ----------
    reading
        All nodes that live.
    hostname
        The machine, or pod, that our programs run on.
    is_ours
        Tells whether a process of it is.

    Returns
    -------
    frozenset of str
        Ray's ids; empty before a program has connected to Ray.
    """
    return frozenset(
        worker.ray_job
        for node in reading.nodes
        if node.hostname == hostname
        for worker in node.workers
        if worker.is_driver and worker.ray_job and is_ours(worker.pid)
    )


def only_held(reading: ClusterReading, ray_jobs: Collection[str]) -> ClusterReading:
    """Leave out the GPUs that a job does not hold.

    Parameters
    ----------
    reading
        All nodes that live.
    ray_jobs
        Ray's ids of the jobs that hold.

    Returns
    -------
    ClusterReading
        The same nodes, each with the GPUs that processes of these jobs hold.
    """
    nodes = tuple(
        replace(node, gpus=_held(node, ray_jobs)) if node.gpus else node for node in reading.nodes
    )
    return replace(reading, nodes=nodes)


def each_gpu_once(reading: ClusterReading) -> ClusterReading:
    """Leave a GPU to one node where several on one machine tell of it.

    Parameters
    ----------
    reading
        All nodes that live.

    Returns
    -------
    ClusterReading
        The same nodes. What a head and workers on one machine see is the head's; pods are machines
        of their own.
    """
    hosts = Counter(node.hostname for node in reading.nodes if node.hostname and node.gpus)
    shared = {host for host, n_nodes in hosts.items() if n_nodes > 1}
    if not shared:
        return reading
    taken: set[tuple[str, str]] = set()
    kept: dict[str, tuple[GpuReading, ...]] = {}
    for node in sorted(reading.nodes, key=lambda node: (not node.is_head, node.node_id)):
        if node.hostname in shared:
            kept[node.node_id] = tuple(
                gpu for gpu in node.gpus if (node.hostname, gpu.uuid or gpu.key) not in taken
            )
            taken |= {(node.hostname, gpu.uuid or gpu.key) for gpu in node.gpus}
    nodes = tuple(
        replace(node, gpus=kept[node.node_id]) if node.node_id in kept else node
        for node in reading.nodes
    )
    return replace(reading, nodes=nodes)


def _held(node: NodeReading, ray_jobs: Collection[str]) -> tuple[GpuReading, ...]:
    ours = [worker for worker in node.workers if worker.ray_job in ray_jobs]
    pids = {worker.pid for worker in ours}
    by_process = {gpu.key for gpu in node.gpus if pids.intersection(gpu.pids or ())}
    slots = {slot for worker in ours for slot in worker.gpu_slots}
    by_slot = {gpu.key for gpu in node.gpus if not gpu.is_slice and gpu.gpu_index in slots}
    # Processes of ours on other GPUs than Ray's numbers say: the numbers are not the driver's.
    keys = by_process if by_process - by_slot else by_slot
    return tuple(gpu for gpu in node.gpus if gpu.key in keys)
