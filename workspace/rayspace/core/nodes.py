"""Read what a head says of its nodes.

Sources: ``GET /api/v0/nodes`` of Ray 2.60 (ray/util/state/common.py, NodeState) and
``GET /nodes?view=summary`` (ray/dashboard/modules/node/node_head.py and reporter_agent.py): memory
in bytes as ``[total, available, percent, used]``, GPU memory in MiB, power in mW, a utilisation of
-1 where the driver does not tell.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rayspace.core.driver_slots import RESOURCE
from rayspace.model.cluster import GpuSample, Node

if TYPE_CHECKING:
    from collections.abc import Mapping

_MIB = 2**20


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
    measured = {
        (item.get("raylet") or {}).get("nodeId"): item
        for item in (summary.get("data") or {}).get("summary") or []
    }
    nodes = [_node(row, measured.get(row["node_id"], {})) for row in rows]
    return sorted(nodes, key=lambda node: (not node.is_head, node.ip, node.node_id))


def _node(row: Mapping[str, Any], item: Mapping[str, Any]) -> Node:
    total = row.get("resources_total") or {}
    memory = [*(item.get("mem") or []), 0, 0, 0, 0][:4]
    return Node(
        node_id=str(row["node_id"]),
        ip=str(row.get("node_ip") or ""),
        hostname=str(item.get("hostname") or row.get("node_name") or ""),
        is_head=bool(row.get("is_head_node")),
        is_alive=row.get("state") == "ALIVE",
        cpus=float(total.get("CPU", 0)),
        gpus=float(total.get("GPU", 0)),
        memory_bytes=int(total.get("memory", 0)),
        driver_slots=int(total.get(RESOURCE, 0)),
        cpu_used_fraction=float(item.get("cpu") or 0) / 100,
        memory_used_bytes=int(memory[3]),
        memory_total_bytes=int(memory[0]),
        gpu_samples=tuple(_gpu(gpu) for gpu in item.get("gpus") or []),
    )


def _gpu(item: Mapping[str, Any]) -> GpuSample:
    busy = item.get("utilizationGpu")
    power_mw, temperature_c = item.get("powerMw"), item.get("temperatureC")
    return GpuSample(
        gpu_index=int(item["index"]),
        name=str(item.get("name", "")),
        busy_fraction=None if busy is None or busy < 0 else busy / 100,
        memory_used_bytes=int(item.get("memoryUsed") or 0) * _MIB,
        memory_total_bytes=int(item.get("memoryTotal") or 0) * _MIB,
        power_w=None if power_mw is None else power_mw / 1000,
        temperature_c=None if temperature_c is None else float(temperature_c),
    )
