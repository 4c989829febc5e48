"""List the nodes of a cluster, with what they use as a job's run would be told.

Source: ``GET /api/v0/nodes`` of Ray 2.60 (ray/util/state/common.py, NodeState). What is measured is
read, named and doubted by the same functions as for runs, so that both tell the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rayspace.core.manifests.driver_slots import RESOURCE
from rayspace.core.nodes.gpu_holding import each_gpu_once
from rayspace.core.nodes.names import node_names
from rayspace.core.nodes.readings import read_nodes
from rayspace.model.cluster import GpuSample, Node
from rayspace.model.measurement import NodeReading

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rayspace.model.measurement import GpuReading


def nodes_from_answers(members: Mapping[str, Any], summary: Mapping[str, Any]) -> list[Node]:
    """Join who belongs to the cluster with what is measured there, the head first.

    Parameters
    ----------
    members
        Answer of the state API; it knows a node at once.
    summary
        Answer of the node summary; it learns of a node some seconds later.

    Returns
    -------
    list of Node
        All members, dead ones too; unmeasured ones with zeros.
    """
    rows = ((members.get("data") or {}).get("result") or {}).get("result") or []
    reading = each_gpu_once(read_nodes(summary))
    measured = {node.node_id: node for node in reading.nodes}
    # One that the summary has not learned of yet is named after those that it has.
    newcomers = [
        NodeReading(row["node_id"], is_head=bool(row.get("is_head_node")), ip=_text(row, "node_ip"))
        for row in rows
        if row["node_id"] not in measured and row.get("state") == "ALIVE"
    ]
    names = node_names(newcomers, node_names(reading.nodes, {}))
    nodes = [_node(row, measured.get(row["node_id"]), names) for row in rows]
    return sorted(nodes, key=lambda node: (not node.is_head, node.ip, node.node_id))


def _node(row: Mapping[str, Any], reading: NodeReading | None, names: Mapping[str, str]) -> Node:
    total = row.get("resources_total") or {}
    node_id = str(row["node_id"])
    told = reading or NodeReading(node_id)
    return Node(
        node_id=node_id,
        ip=_text(row, "node_ip"),
        hostname=told.hostname or _text(row, "node_name"),
        is_head=bool(row.get("is_head_node")),
        is_alive=row.get("state") == "ALIVE",
        cpus=float(total.get("CPU", 0)),
        gpus=float(total.get("GPU", 0)),
        memory_bytes=int(total.get("memory", 0)),
        driver_slots=int(total.get(RESOURCE, 0)),
        cpu_used_fraction=(told.cpu_percent or 0.0) / 100,
        memory_used_bytes=int(told.memory_used_bytes or 0),
        memory_total_bytes=int(told.memory_total_bytes or 0),
        gpu_samples=tuple(_gpu(gpu) for gpu in told.gpus),
        name=names.get(node_id, ""),
    )


def _gpu(gpu: GpuReading) -> GpuSample:
    used, total = gpu.memory_used_bytes, gpu.memory_total_bytes
    return GpuSample(
        gpu_index=gpu.gpu_index,
        name=gpu.name,
        busy_fraction=None if gpu.busy_percent is None else gpu.busy_percent / 100,
        memory_used_bytes=None if used is None else int(used),
        memory_total_bytes=None if total is None else int(total),
        power_w=gpu.power_w,
        temperature_c=gpu.temperature_c,
        key=gpu.key,
        n_processes=None if gpu.pids is None else len(gpu.pids),
    )


def _text(row: Mapping[str, Any], key: str) -> str:
    return str(row.get(key) or "")
