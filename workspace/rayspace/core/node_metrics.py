"""Turn what a head measures on its nodes into metrics, named as MLflow names its own.

MLflow's page of system metrics groups ``system/<node>/<metric>`` by node, whoever logged them. So
that a large cluster does not drown the tracking server, a tick is held to a number of metrics: what
does not fit is told per node as a mean, then per cluster only.

Sources: ``GET /nodes?view=summary`` of Ray 2.60 (ray/dashboard/modules/reporter/reporter_agent.py):
memory in bytes as ``[total, available, percent, used]``, GPU memory in MiB, power in mW, a
utilisation of -1 where the driver does not tell. Names: mlflow/system_metrics/metrics/*.py of
MLflow 3.17, which say megabytes and mean 10^6 bytes for memory and disk.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

#: Two requests to a tracking server, which takes 1,000 metrics in each.
#: Source: mlflow/utils/validation.py, MAX_METRICS_PER_BATCH.
MAX_METRICS = 2000
#: Label of figures over all nodes.
CLUSTER = "cluster"
_BYTES_PER_MB = 10**6
_BYTES_PER_MIB = 2**20
#: What a metric's name may hold, without the slash that parts its levels.
_NOT_ALLOWED = re.compile(r"[^A-Za-z0-9_.\-]+")
_MEANS = (
    "cpu_utilization_percentage",
    "system_memory_usage_percentage",
    "gpu_utilization_percentage",
    "gpu_memory_usage_percentage",
)


def node_labels(summary: Mapping[str, Any], known: Mapping[str, str]) -> dict[str, str]:
    """Give each node a label that it keeps.

    Parameters
    ----------
    summary
        Answer of the node summary.
    known
        Labels given so far, by node id; they stay.

    Returns
    -------
    dict
        Label by node id: ``head``, else the host's name where that tells nodes apart, else the
        address, else the address with the beginning of the node id.
    """
    labels = dict(known)
    nodes = sorted(_alive(summary), key=lambda node: (not _is_head(node), _node_id(node)))
    hosts = [str(node.get("hostname") or "") for node in nodes]
    for node, host in zip(nodes, hosts, strict=True):
        node_id = _node_id(node)
        if node_id in labels:
            continue
        address = str(node.get("ip") or "") or node_id[:6]
        wanted = [host] if host and hosts.count(host) == 1 else []
        if _is_head(node):
            wanted = ["head"]
        wanted += [address, f"{address}-{node_id[:6]}", node_id]
        taken = {*labels.values(), CLUSTER}
        candidates = [_NOT_ALLOWED.sub("-", label) for label in wanted]
        labels[node_id] = next(label for label in candidates if label not in taken)
    return labels


def node_metrics(
    summary: Mapping[str, Any], labels: Mapping[str, str], limit: int = MAX_METRICS
) -> dict[str, float]:
    """Turn one answer of the node summary into metrics.

    Parameters
    ----------
    summary
        Answer of the node summary.
    labels
        Label by node id.
    limit
        Most metrics to return. [1]

    Returns
    -------
    dict
        Value by name of metric, of nodes that live; percentages are 0..100. What the driver of a
        GPU does not tell is left out.
    """
    by_node = {labels[_node_id(node)]: node for node in _alive(summary)}
    full = {
        f"system/{label}/{name}": value
        for label, node in by_node.items()
        for name, value in _measured(node).items()
    }
    if len(full) <= limit:
        return full
    means = {label: _means(node) for label, node in by_node.items()}
    per_node = {
        f"system/{label}/{name}": value
        for label, figures in means.items()
        for name, value in figures.items()
    }
    whole = _spread(means.values())
    if len(per_node) + len(whole) <= limit:
        return {**whole, **per_node}
    busiest = {
        f"system/{label}/{name}": figures[name]
        for label, figures in means.items()
        for name in ("gpu_utilization_percentage", "cpu_utilization_percentage")
        if name in figures
        and (name.startswith("gpu") or "gpu_utilization_percentage" not in figures)
    }
    if len(busiest) + len(whole) <= limit:
        return {**whole, **busiest}
    return dict(list(whole.items())[:limit])


def _alive(summary: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    nodes = (summary.get("data") or {}).get("summary") or []
    return [node for node in nodes if _raylet(node).get("state") == "ALIVE" and _node_id(node)]


def _raylet(node: Mapping[str, Any]) -> Mapping[str, Any]:
    return node.get("raylet") or {}


def _node_id(node: Mapping[str, Any]) -> str:
    return str(_raylet(node).get("nodeId") or "")


def _is_head(node: Mapping[str, Any]) -> bool:
    return bool(_raylet(node).get("isHeadNode"))


def _measured(node: Mapping[str, Any]) -> dict[str, float]:
    figures: dict[str, float] = {}
    if node.get("cpu") is not None:
        figures["cpu_utilization_percentage"] = float(node["cpu"])
    total, _, percent, used = [*(node.get("mem") or []), 0, 0, 0, 0][:4]
    if total:
        figures["system_memory_usage_megabytes"] = used / _BYTES_PER_MB
        figures["system_memory_usage_percentage"] = float(percent)
    disk = (node.get("disk") or {}).get("/") or {}
    # In a pod Ray gives a disk of one byte instead of none.
    if (disk.get("total") or 0) > 1:
        figures["disk_usage_percentage"] = float(disk.get("percent") or 0)
        figures["disk_usage_megabytes"] = float(disk.get("used") or 0) / _BYTES_PER_MB
        figures["disk_available_megabytes"] = float(disk.get("free") or 0) / _BYTES_PER_MB
    for gpu in node.get("gpus") or []:
        figures.update(_gpu(gpu))
    return figures


def _gpu(gpu: Mapping[str, Any]) -> dict[str, float]:
    prefix = f"gpu_{int(gpu['index'])}_"
    figures: dict[str, float] = {}
    busy = gpu.get("utilizationGpu")
    if busy is not None and busy >= 0:
        figures[prefix + "utilization_percentage"] = float(busy)
    used_mib, total_mib = gpu.get("memoryUsed"), gpu.get("memoryTotal")
    if used_mib is not None and total_mib:
        used_bytes = used_mib * _BYTES_PER_MIB
        figures[prefix + "memory_usage_megabytes"] = used_bytes / _BYTES_PER_MB
        figures[prefix + "memory_usage_percentage"] = 100 * used_mib / total_mib
    if gpu.get("powerMw") is not None:
        figures[prefix + "power_usage_watts"] = gpu["powerMw"] / 1000
    return figures


def _means(node: Mapping[str, Any]) -> dict[str, float]:
    measured = _measured(node)
    figures = {name: measured[name] for name in _MEANS if name in measured}
    for name in ("utilization_percentage", "memory_usage_percentage"):
        values = [v for k, v in measured.items() if k.startswith("gpu_") and k.endswith(name)]
        if values:
            figures[f"gpu_{name}"] = sum(values) / len(values)
    return figures


def _spread(nodes: Iterable[Mapping[str, float]]) -> dict[str, float]:
    nodes = list(nodes)
    figures: dict[str, float] = {f"system/{CLUSTER}/nodes": float(len(nodes))}
    for name in _MEANS:
        values = [node[name] for node in nodes if name in node]
        if values:
            figures[f"system/{CLUSTER}/{name}"] = sum(values) / len(values)
            figures[f"system/{CLUSTER}/{name}_min"] = min(values)
            figures[f"system/{CLUSTER}/{name}_max"] = max(values)
    return figures
