"""Answers of a head, in the shape that Ray 2.60 gives them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

GOLDEN = Path(__file__).parents[3] / "golden" / "nodes"


def recorded() -> dict[str, Any]:
    """Return what a head told whose two GPUs were stand-ins; an actor held the first."""
    answer: dict[str, Any] = json.loads((GOLDEN / "one-node-two-gpus.json").read_text("utf-8"))
    return answer


def node(
    node_id: str = "aa",
    *,
    host: str = "vm",
    ip: str = "10.0.0.1",
    head: bool = False,
    state: str = "ALIVE",
    group: str = "",
    workers: Any = (),
    **changes: Any,
) -> dict[str, Any]:
    """Make a node."""
    return {
        "now": 1_700_000_000.0,
        "hostname": host,
        "ip": ip,
        "cpu": 12.5,
        "cpus": [4, 2],
        "mem": [2_000_000_000, 500_000_000, 75.0, 1_500_000_000],
        "disk": {"/": {"total": 10**10, "used": 4 * 10**9, "free": 5 * 10**9, "percent": 44.4}},
        "network": [3_000_000, 7_000_000],
        "gpus": [],
        "raylet": {
            "nodeId": node_id,
            "isHeadNode": head,
            "state": state,
            "nodeTypeName": group,
            "objectStoreUsedMemory": 25_000_000,
            "objectStoreAvailableMemory": 75_000_000,
            "coreWorkersStats": list(workers),
        },
        **changes,
    }


def gpu(index: Any = 0, **changes: Any) -> dict[str, Any]:
    """Make a GPU."""
    return {
        "index": index,
        "name": "NVIDIA H200",
        "uuid": f"GPU-{index}",
        "utilizationGpu": 30,
        "memoryUsed": 1024,
        "memoryTotal": 4096,
        "processesPids": [{"pid": 77, "gpuMemoryUsage": 1000, "gpuUtilization": None}],
        "powerMw": 350_000,
        "temperatureC": 55,
        **changes,
    }


def worker(pid: int, job: str = "01000000", *slots: int, driver: bool = False) -> dict[str, Any]:
    """Make a process that Ray runs; slots are GPUs that it holds."""
    allocations = [{"slot": str(slot), "allocation": 1.0} for slot in slots]
    return {
        "pid": pid,
        "jobId": job,
        "workerType": "DRIVER" if driver else "WORKER",
        "usedResources": {"GPU": {"resourceSlots": allocations}} if slots else {},
    }


def summary(*nodes: dict[str, Any]) -> dict[str, Any]:
    """Make an answer of these nodes."""
    return {"result": True, "msg": "Node summary fetched.", "data": {"summary": list(nodes)}}
