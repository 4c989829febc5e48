"""Turn a reading of all nodes into metrics, named as MLflow names its own.

MLflow's page of system metrics groups ``system/<node>/<metric>`` by node, whoever logged them. It
is not made for thousands of charts, so a large cluster is told by means per node and by how its
GPUs spread; each single sample then goes to a file.

====================================  ==========  ============================================
name, after ``system/<node>/``        unit        source in the head's answer
====================================  ==========  ============================================
cpu_utilization_percentage            percent     cpu
system_memory_usage_megabytes         10^6 bytes  mem[3]
system_memory_usage_percentage        percent     mem[3] of mem[0]
disk_usage_percentage                 percent     disk["/"].percent
disk_usage_megabytes                  10^6 bytes  disk["/"].used
disk_available_megabytes              10^6 bytes  disk["/"].free
network_receive_megabytes             10^6 bytes  network[1], since the first sample
network_transmit_megabytes            10^6 bytes  network[0], since the first sample
object_store_usage_megabytes          10^6 bytes  raylet.objectStoreUsedMemory
object_store_usage_percentage         percent     the same, of itself + objectStoreAvailableMemory
gpu_<i>_utilization_percentage        percent     gpus[].utilizationGpu
gpu_<i>_memory_usage_megabytes        10^6 bytes  gpus[].memoryUsed [MiB]
gpu_<i>_memory_usage_percentage       percent     gpus[].memoryUsed of memoryTotal
gpu_<i>_memory_total_megabytes        10^6 bytes  gpus[].memoryTotal [MiB]
gpu_<i>_power_usage_watts             W           gpus[].powerMw [mW]
gpu_<i>_temperature_celsius           degrees     gpus[].temperatureC
gpu_<i>_processes                     count       gpus[].processesPids
====================================  ==========  ============================================

A slice (MIG) of GPU i has ``gpu_<i>_mig_<k>`` in place of ``gpu_<i>``. Means and sums over all
nodes are below ``system/cluster/``.

Names: mlflow/system_metrics/metrics/*.py of MLflow 3.17, which say megabytes and mean 10^6 bytes.
MLflow has none for totals, temperature, processes and the object store: those are ours.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rayspace.core.nodes.names import CLUSTER

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from rayspace.model.measurement import ClusterReading, GpuReading, NodeReading

#: With more GPUs than this, none has series of its own. [1]
MAX_GPUS = 64
#: Most metrics of one tick where GPUs or nodes are too many for series of their own. [1]
MAX_KEYS = 500
#: Most metrics of one tick at all: two requests to a tracking server, which takes 1,000 in each,
#: and leave some for the job's own. Source: mlflow/utils/validation.py, MAX_METRICS_PER_BATCH.
_MAX_FULL = 1900
_BYTES_PER_MB = 10**6
#: How figures of many GPUs are told.
_PERCENTILES = (5, 50, 95)
#: Means that a node of a large cluster is told by; where those are too many, the first that it has.
_GPU_BUSY = "gpu_utilization_percentage"
_GPU_MEMORY = "gpu_memory_usage_percentage"
_CPU = "cpu_utilization_percentage"
_MEMORY = "system_memory_usage_percentage"


def node_metrics(
    reading: ClusterReading,
    names: Mapping[str, str],
    first: Mapping[str, NodeReading] | None = None,
) -> dict[str, float]:
    """Turn a reading into metrics.

    Parameters
    ----------
    reading
        All nodes that live.
    names
        Name by node id.
    first
        First reading of each node by its id: traffic is counted from there, as MLflow does.

    Returns
    -------
    dict
        Value by name of metric; percentages are 0..100. What is unknown is left out.
    """
    whole = _of_cluster(reading)
    if sum(len(node.gpus) for node in reading.nodes) <= MAX_GPUS:
        full = dict(whole)
        for node in reading.nodes:
            origin = (first or {}).get(node.node_id, node)
            _put(full, names[node.node_id], _of_node(node, origin))
        if len(full) <= _MAX_FULL:
            return full
    whole |= _spread(reading)
    means = {names[node.node_id]: _means(node) for node in reading.nodes}
    for wanted in ((_GPU_BUSY, _GPU_MEMORY, _CPU, _MEMORY), (_GPU_BUSY, _CPU), ()):
        told = dict(whole)
        for name, figures in means.items():
            chosen = {key: figures[key] for key in wanted if key in figures}
            if len(wanted) == 2:
                chosen = dict(list(chosen.items())[:1])
            _put(told, name, chosen)
        if len(told) <= MAX_KEYS:
            return told
    return whole


def gpu_figures(gpu: GpuReading) -> dict[str, float]:
    """Return what is known of one GPU, by names without the GPU's own; percentages are 0..100."""
    used, total = gpu.memory_used_bytes, gpu.memory_total_bytes
    figures = {
        "utilization_percentage": gpu.busy_percent,
        "memory_usage_megabytes": None if used is None else used / _BYTES_PER_MB,
        "memory_usage_percentage": _percent(used, total),
        "memory_total_megabytes": None if total is None else total / _BYTES_PER_MB,
        "power_usage_watts": gpu.power_w,
        "temperature_celsius": gpu.temperature_c,
        "processes": None if gpu.pids is None else float(len(gpu.pids)),
    }
    return {name: value for name, value in figures.items() if value is not None}


def percentile(ordered: Sequence[float], percent: float) -> float:
    """Return a percentile as the nearest rank: always a value that was measured.

    Parameters
    ----------
    ordered
        Values in ascending order, at least one. Shape ``(n_values,)``. [1]
    percent
        Which one, 0..100.

    Returns
    -------
    float
        The value. [1]
    """
    rank = -(-len(ordered) * percent // 100)
    return ordered[max(0, min(len(ordered), int(rank)) - 1)]


def _put(metrics: dict[str, float], name: str, figures: Mapping[str, float]) -> None:
    metrics.update({f"system/{name}/{key}": value for key, value in figures.items()})


def _of_node(node: NodeReading, origin: NodeReading) -> dict[str, float]:
    megabytes = {
        "system_memory_usage_megabytes": node.memory_used_bytes,
        "disk_usage_megabytes": node.disk_used_bytes,
        "disk_available_megabytes": node.disk_free_bytes,
        "network_receive_megabytes": _since(node.received_bytes, origin.received_bytes),
        "network_transmit_megabytes": _since(node.sent_bytes, origin.sent_bytes),
        "object_store_usage_megabytes": node.object_store_used_bytes,
    }
    percentages = {
        _CPU: node.cpu_percent,
        _MEMORY: _percent(node.memory_used_bytes, node.memory_total_bytes),
        "disk_usage_percentage": node.disk_percent,
        "object_store_usage_percentage": _percent(
            node.object_store_used_bytes, node.object_store_total_bytes
        ),
    }
    figures = {key: value for key, value in percentages.items() if value is not None}
    figures |= {k: value / _BYTES_PER_MB for k, value in megabytes.items() if value is not None}
    for gpu in node.gpus:
        figures |= {f"{gpu.key}_{key}": value for key, value in gpu_figures(gpu).items()}
    return figures


def _means(node: NodeReading) -> dict[str, float]:
    figures = {
        _GPU_BUSY: _mean(gpu.busy_percent for gpu in node.gpus),
        _GPU_MEMORY: _mean(_memory_percents([node])),
        _CPU: node.cpu_percent,
        _MEMORY: _percent(node.memory_used_bytes, node.memory_total_bytes),
    }
    return {key: value for key, value in figures.items() if value is not None}


def _of_cluster(reading: ClusterReading) -> dict[str, float]:
    """Return means and sums over all nodes, of what is known."""
    nodes = reading.nodes
    gpus = [gpu for node in nodes for gpu in node.gpus]
    # Nodes on one machine share its memory; pods are machines of their own.
    machines = {node.hostname or node.node_id: node for node in nodes}.values()
    known = {
        "nodes": float(len(nodes)),
        "gpus": float(len(gpus)) if gpus else None,
        _CPU: _mean(node.cpu_percent for node in nodes),
        "system_memory_usage_megabytes": _megabytes(node.memory_used_bytes for node in machines),
        "object_store_usage_megabytes": _megabytes(node.object_store_used_bytes for node in nodes),
        _GPU_BUSY: _mean(gpu.busy_percent for gpu in gpus),
        "gpu_memory_usage_megabytes": _megabytes(gpu.memory_used_bytes for gpu in gpus),
        "gpu_power_usage_watts": _sum(gpu.power_w for gpu in gpus),
    }
    return {f"system/{CLUSTER}/{key}": value for key, value in known.items() if value is not None}


def _spread(reading: ClusterReading) -> dict[str, float]:
    gpus = [gpu for node in reading.nodes for gpu in node.gpus]
    figures = {
        _GPU_BUSY: [gpu.busy_percent for gpu in gpus],
        _GPU_MEMORY: _memory_percents(reading.nodes),
        "gpu_temperature_celsius": [gpu.temperature_c for gpu in gpus],
        _CPU: [node.cpu_percent for node in reading.nodes],
        _MEMORY: [_percent(n.memory_used_bytes, n.memory_total_bytes) for n in reading.nodes],
    }
    spread: dict[str, float] = {}
    for key, values in figures.items():
        ordered = sorted(value for value in values if value is not None)
        if ordered:
            ranks = {f"p{percent}": percentile(ordered, percent) for percent in _PERCENTILES}
            ranks |= {"min": ordered[0], "max": ordered[-1]}
            spread |= {f"system/{CLUSTER}/{key}_{rank}": value for rank, value in ranks.items()}
    return spread


def _memory_percents(nodes: Iterable[NodeReading]) -> list[float | None]:
    return [
        _percent(gpu.memory_used_bytes, gpu.memory_total_bytes)
        for node in nodes
        for gpu in node.gpus
    ]


def _since(now: float | None, then: float | None) -> float | None:
    # A counter that fell was set back, and says nothing of this job.
    return None if now is None or then is None or now < then else now - then


def _percent(used: float | None, total: float | None) -> float | None:
    # Used may be more than the total only where both were believed, as of a store that spills.
    return None if used is None or not total else 100 * used / total


def _mean(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None


def _sum(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) if known else None


def _megabytes(values: Iterable[float | None]) -> float | None:
    total = _sum(values)
    return None if total is None else total / _BYTES_PER_MB
