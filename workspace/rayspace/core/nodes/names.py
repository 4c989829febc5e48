"""Name the nodes of a job: short, stable, and never the same for two of them.

Ids of nodes say nothing to people and names of pods change; a chart needs a name that tells what
the node is for. Values in, values out.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from rayspace.model.measurement import NodeReading

HEAD = "head"
#: The name under which figures over all nodes are kept.
CLUSTER = "cluster"
_WORKER = "worker"
#: Ray's word for a node type that nobody named, and KubeRay's for the head's.
_NO_GROUP = {"", "default", "local.cluster.node", "ray.head.default", "ray.worker.default"}
#: What a metric's name may hold, without the slash that parts its levels.
_NOT_ALLOWED = re.compile(r"[^A-Za-z0-9_.\-]+")
#: KubeRay names pods <cluster>-head-<5 characters> and <cluster>-<group>-worker-<5 characters>.
_HEAD_POD = re.compile(r"(.+)-head-[a-z0-9]{5}")
_WORKER_POD = re.compile(r"(.+)-worker-[a-z0-9]{5}")
#: Names of metrics may have 250 characters. [1]
_LONGEST_GROUP = 60


def node_names(nodes: Iterable[NodeReading], known: Mapping[str, str]) -> dict[str, str]:
    """Name nodes by their group, in the order of their appearance.

    Parameters
    ----------
    nodes
        The nodes that live.
    known
        Names given so far, by node id; they stay, also those of nodes that are gone.

    Returns
    -------
    dict
        Name by node id: ``head``; ``worker-0`` and so on for nodes without a group, or with one
        that says no more; ``gpu-worker-0`` and so on for those of the group ``gpu`` or
        ``gpu-worker``.
    """
    names = dict(known)
    nodes = list(nodes)
    new = [node for node in nodes if node.node_id not in names]
    if not new:
        return names
    cluster = _cluster_of(nodes)
    taken = {*names.values(), CLUSTER}
    counters: dict[str, int] = {}
    for node in sorted(new, key=lambda node: (not node.is_head, *_order(node))):
        stem = _stem(_group(node, cluster))
        if node.is_head and HEAD not in taken:
            names[node.node_id] = HEAD
        else:
            number = counters.get(stem, 0)
            while f"{stem}-{number}" in taken:
                number += 1
            counters[stem] = number + 1
            names[node.node_id] = f"{stem}-{number}"
        taken.add(names[node.node_id])
    return names


def _order(node: NodeReading) -> tuple[str, list[int], str, str]:
    """Order nodes that appear at once: 10.0.0.9 comes before 10.0.0.10."""
    return (
        node.hostname,
        [int(n) for n in re.findall(r"[0-9]{1,9}", node.ip)],
        node.ip,
        node.node_id,
    )


def _cluster_of(nodes: Iterable[NodeReading]) -> str:
    """Return the cluster's name that the head's pod tells; empty without one."""
    for node in nodes:
        found = _HEAD_POD.fullmatch(node.hostname) if node.is_head else None
        if found:
            return found[1]
    return ""


def _group(node: NodeReading, cluster: str) -> str:
    if node.group not in _NO_GROUP:
        return node.group
    pod = _WORKER_POD.fullmatch(node.hostname)
    prefix = f"{cluster}-"
    return pod[1][len(prefix) :] if cluster and pod and pod[1].startswith(prefix) else ""


def _stem(group: str) -> str:
    stem = _NOT_ALLOWED.sub("-", group)[:_LONGEST_GROUP].strip("-.")
    if stem in {"", _WORKER, "workers", HEAD, "headgroup"}:
        return _WORKER
    if stem.endswith("workers"):
        return stem[:-1]
    return stem if stem.endswith(_WORKER) else f"{stem}-{_WORKER}"
