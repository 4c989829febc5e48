"""What the nodes of a cluster use now, and used in the last minutes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rayspace.model.cluster import Node


@dataclass(frozen=True)
class GpuCourse:
    """How one GPU went in the last minutes.

    Parameters
    ----------
    key
        Its short name on its node.
    busy_fractions
        Share of time in which kernels ran, the oldest first; None where nobody knows. Shape
        ``(n_looks,)``. [1]
    idle_s
        For how long it has been known to be idle, without a break; 0 when it works, or nobody
        knows. [s]
    """

    key: str
    busy_fractions: tuple[float | None, ...]
    idle_s: float


@dataclass(frozen=True)
class NodeCourse:
    """How one node went in the last minutes.

    Parameters
    ----------
    node_id
        Ray's id of it.
    span_s
        Time between the first look that is kept and the last. [s]
    cpu_fractions
        Share of its CPUs in use, the oldest first; None where nobody knows. Shape
        ``(n_looks,)``. [1]
    gpus
        Its GPUs.
    """

    node_id: str
    span_s: float
    cpu_fractions: tuple[float | None, ...]
    gpus: tuple[GpuCourse, ...] = ()


@dataclass(frozen=True)
class ClusterUsage:
    """What the nodes of a cluster use.

    Parameters
    ----------
    name, target
        Which cluster.
    read_ms
        When they were read. [ms since 1970-01-01 UTC]
    nodes
        The nodes that live, the head first.
    courses
        How they went before, where somebody looked.
    """

    name: str
    target: str
    read_ms: int
    nodes: tuple[Node, ...]
    courses: tuple[NodeCourse, ...] = ()
