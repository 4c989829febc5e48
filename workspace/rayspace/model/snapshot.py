"""What Kubernetes says of one cluster at one moment, in its own words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

#: An object as the API server sends it.
KubeObject = Mapping[str, Any]


@dataclass(frozen=True)
class ClusterSnapshot:
    """The objects around one RayCluster. None: could not be read, so nothing is known of it.

    Parameters
    ----------
    name, namespace
        The cluster.
    taken_ms
        When it was taken. [ms since 1970-01-01 UTC]
    ray_cluster
        The RayCluster; None if there is none.
    pods
        Its pods.
    events
        Events of the cluster and of its pods, as core/v1 events.
    nodes
        Nodes of Kubernetes.
    quotas, limit_ranges
        ResourceQuotas and LimitRanges of the namespace.
    claims
        PersistentVolumeClaims that its pods name.
    workload
        Kueue's Workload of the cluster; None if it is in no queue or not known.
    local_queue
        The LocalQueue that the cluster names.
    queue_position
        Its place in that queue, from 0. [1]
    logs
        The last lines of containers that ended, by the name of the pod.
    has_operator
        Whether an operator has taken notice of the cluster.
    target
        Name of the target that it is in; empty where it does not matter.
    """

    name: str
    namespace: str
    taken_ms: int
    ray_cluster: KubeObject | None = None
    pods: tuple[KubeObject, ...] = ()
    events: tuple[KubeObject, ...] = ()
    nodes: tuple[KubeObject, ...] | None = None
    quotas: tuple[KubeObject, ...] | None = None
    limit_ranges: tuple[KubeObject, ...] | None = None
    claims: tuple[KubeObject, ...] | None = None
    workload: KubeObject | None = None
    local_queue: KubeObject | None = None
    queue_position: int | None = None
    logs: Mapping[str, str] = field(default_factory=dict)
    has_operator: bool = True
    target: str = ""
