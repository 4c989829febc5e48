"""Read what a head says of its nodes, and believe only what can be true.

Any answer gives a reading, if an empty one: a head in trouble must not be able to stop what asks
it. What is missing or refused is None; what can't be true is None too, and marked.

Sources: ``GET /nodes?view=summary`` of Ray 2.60 (ray/dashboard/modules/node/datacenter.py,
reporter/reporter_agent.py and reporter/gpu_providers.py): memory in bytes as ``[total, available,
percent, used]``, network as ``[sent, received]``, GPU memory in MiB, power in mW, a utilisation of
-1 where the driver does not tell, slices of GPU g with the index ``1000 * g + i``.
``coreWorkersStats``: CoreWorkerStats in ray/protobuf/common.proto, refreshed each 15 s.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from rayspace.model.measurement import (
    ClusterReading,
    GpuReading,
    NodeReading,
    Oddity,
    WorkerReading,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_MIB = 2**20
#: Slices of GPU g have this times g as their first index. Source: gpu_providers.py.
_SLICES_PER_GPU = 1000
#: More than any machine has: such a number is a mistake. Accelerators draw up to about 1.4 kW.
_MAX_POWER_MW = 10_000_000.0
_MAX_BYTES = 2.0**60
_MAX_CPUS = 100_000.0
#: Sensors of silicon do not tell less or more. [degree Celsius]
_MIN_TEMPERATURE_C, _MAX_TEMPERATURE_C = -60.0, 200.0
#: From 2001 to 2286. [s since 1970-01-01 UTC]
_MIN_TIME_S, _MAX_TIME_S = 1e9, 1e10
_LARGEST_INDEX = 1_000_000
#: Integers of more bits are too large for a float. [1]
_FLOAT_BITS = 1000
_MAX_TEXT = 200
_GROUP_LABEL = "ray.io/node-group"
#: Ray keeps GPUs of a placement group under names that begin so.
_GPU_RESOURCE = re.compile(r"GPU(_group_.*)?")


def read_nodes(answer: object) -> ClusterReading:
    """Turn an answer of the node summary into a reading.

    Parameters
    ----------
    answer
        The document, of whatever shape.

    Returns
    -------
    ClusterReading
        Each node that lives once, with what is known of it.
    """
    reader = _Reader()
    nodes: dict[str, NodeReading] = {}
    for item in map(_dict, _list(_dict(_dict(answer).get("data")).get("summary"))):
        raylet = _dict(item.get("raylet"))
        node_id = _text(raylet.get("nodeId"))
        if raylet.get("state") == "ALIVE" and node_id and node_id not in nodes:
            reader.node_id = node_id
            nodes[node_id] = _node(item, raylet, node_id, reader)
    return ClusterReading(tuple(nodes.values()), tuple(reader.oddities))


@dataclass
class _Reader:
    """Takes numbers that can be true, and marks those that can't."""

    node_id: str = ""
    prefix: str = ""
    oddities: list[Oddity] = field(default_factory=list)

    def number(
        self, value: Any, name: str, low: float = 0.0, high: float = _MAX_BYTES
    ) -> float | None:
        if value is None:
            return None
        # A bool is an int to Python, and no measurement. An integer may be too large for a float,
        # so it is compared as it is.
        is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
        if is_number and low <= value <= high:
            return float(value)
        self.mark(name, value)
        return None

    def mark(self, name: str, value: object) -> None:
        self.oddities.append(Oddity(self.node_id, self.prefix + name, _shown(value)))

    def part(self, used: float | None, total: float | None, name: str) -> float | None:
        """Return what is used, where it is no more than there is."""
        if used is not None and total is not None and used > total:
            self.mark(name, f"{used:g} of {total:g}")
            return None
        return used


def _node(
    item: Mapping[str, Any], raylet: Mapping[str, Any], node_id: str, reader: _Reader
) -> NodeReading:
    reader.prefix = ""
    number = reader.number
    memory = _list(item.get("mem"))
    memory_total = _positive(number(_at(memory, 0), "mem.total"))
    disk = _dict(_dict(item.get("disk")).get("/"))
    # In a pod Ray gives a disk of one byte instead of none.
    disk_total = _positive(number(disk.get("total"), "disk.total"), above=1)
    has_disk = disk_total is not None
    network = _list(item.get("network"))
    store_used = number(raylet.get("objectStoreUsedMemory"), "objectStoreUsedMemory")
    # Ray shows what is free as less than nothing while objects wait to be spilled.
    free = raylet.get("objectStoreAvailableMemory")
    store_free = number(free, "objectStoreAvailableMemory", low=-_MAX_BYTES)
    store_total = None
    if store_used is not None and store_free is not None:
        store_total = _positive(store_used + store_free)
    return NodeReading(
        node_id=node_id,
        is_head=raylet.get("isHeadNode") is True,
        group=_group(raylet),
        hostname=_text(item.get("hostname")) or _text(raylet.get("nodeManagerHostname")),
        ip=_text(item.get("ip")) or _text(raylet.get("nodeManagerAddress")),
        told_s=number(item.get("now"), "now", _MIN_TIME_S, _MAX_TIME_S),
        cpu_percent=number(item.get("cpu"), "cpu", high=100),
        n_cpus=number(_at(_list(item.get("cpus")), 0), "cpus", high=_MAX_CPUS),
        memory_used_bytes=reader.part(number(_at(memory, 3), "mem.used"), memory_total, "mem.used"),
        memory_total_bytes=memory_total,
        disk_used_bytes=reader.part(
            number(disk.get("used"), "disk.used") if has_disk else None, disk_total, "disk.used"
        ),
        disk_free_bytes=reader.part(
            number(disk.get("free"), "disk.free") if has_disk else None, disk_total, "disk.free"
        ),
        disk_percent=number(disk.get("percent"), "disk.percent", high=100) if has_disk else None,
        sent_bytes=number(_at(network, 0), "network.sent"),
        received_bytes=number(_at(network, 1), "network.received"),
        object_store_used_bytes=store_used,
        object_store_total_bytes=store_total,
        gpus=_gpus(item.get("gpus"), reader),
        workers=_workers(raylet.get("coreWorkersStats")),
    )


def _gpus(items: object, reader: _Reader) -> tuple[GpuReading, ...]:
    gpus: dict[str, GpuReading] = {}
    for item in _list(items):
        if not isinstance(item, dict):
            continue
        reader.prefix = ""
        index = item.get("index")
        if not isinstance(index, int) or isinstance(index, bool) or index < 0:
            reader.mark("gpus.index", index)
            continue
        gpu = _gpu(item, min(index, _LARGEST_INDEX), reader)
        if gpu.key in gpus:
            reader.prefix = ""
            reader.mark("gpus.index", f"{index} twice")
        else:
            gpus[gpu.key] = gpu
    return tuple(gpus.values())


def _gpu(item: Mapping[str, Any], index: int, reader: _Reader) -> GpuReading:
    name, uuid = _text(item.get("name")), _text(item.get("uuid"))
    # The slices of the first GPU have indices as whole GPUs do: only their names tell.
    is_slice = index >= _SLICES_PER_GPU or uuid.startswith("MIG") or " MIG " in f" {name} "
    key = f"gpu_{index}"
    if is_slice:
        index, number_of_slice = divmod(index, _SLICES_PER_GPU)
        key = f"gpu_{index}_mig_{number_of_slice}"
    reader.prefix = f"{key}."
    number = reader.number
    busy = item.get("utilizationGpu")
    total_mib = _positive(number(item.get("memoryTotal"), "memoryTotal", high=_MAX_BYTES / _MIB))
    used_mib = number(item.get("memoryUsed"), "memoryUsed", high=_MAX_BYTES / _MIB)
    used_mib = reader.part(used_mib, total_mib, "memoryUsed")
    power_mw = number(item.get("powerMw"), "powerMw", high=_MAX_POWER_MW)
    processes = item.get("processesPids")
    return GpuReading(
        key=key,
        name=name,
        uuid=uuid,
        gpu_index=index,
        is_slice=is_slice,
        busy_percent=None if busy == -1 else number(busy, "utilizationGpu", high=100),
        memory_used_bytes=None if used_mib is None else used_mib * _MIB,
        memory_total_bytes=None if total_mib is None else total_mib * _MIB,
        power_w=None if power_mw is None else power_mw / 1000,
        temperature_c=number(
            item.get("temperatureC"), "temperatureC", _MIN_TEMPERATURE_C, _MAX_TEMPERATURE_C
        ),
        pids=None if processes is None else _pids(processes),
    )


def _pids(processes: object) -> tuple[int, ...]:
    """List processes, which Ray gives as a list; older ones by their ids."""
    items = processes.values() if isinstance(processes, dict) else _list(processes)
    found = [item.get("pid") if isinstance(item, dict) else item for item in items]
    return tuple(sorted({pid for pid in found if isinstance(pid, int) and pid > 0}))


def _workers(items: object) -> tuple[WorkerReading, ...]:
    workers = []
    for item in _list(items):
        pid = _dict(item).get("pid")
        if not isinstance(pid, int) or isinstance(pid, bool):
            continue
        workers.append(
            WorkerReading(
                pid=pid,
                ray_job=_text(item.get("jobId")),
                is_driver=item.get("workerType") == "DRIVER",
                gpu_slots=_gpu_slots(_dict(item.get("usedResources"))),
            )
        )
    return tuple(workers)


def _gpu_slots(used: Mapping[str, Any]) -> tuple[int, ...]:
    slots = set()
    for name, allocations in used.items():
        if not _GPU_RESOURCE.fullmatch(name):
            continue
        for slot in _list(_dict(allocations).get("resourceSlots")):
            # A slot of number 0 is left out by what turns the message into JSON.
            number = _whole(_dict(slot).get("slot", 0))
            share = _dict(slot).get("allocation")
            if number is not None and isinstance(share, (int, float)) and share > 0:
                slots.add(number)
    return tuple(sorted(slots))


def _group(raylet: Mapping[str, Any]) -> str:
    label = _text(_dict(raylet.get("labels")).get(_GROUP_LABEL))
    return label or _text(raylet.get("nodeTypeName"))


def _whole(value: object) -> int | None:
    """Return a whole number; messages turned into JSON give large ones as texts."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 10:
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _positive(value: float | None, above: float = 0.0) -> float | None:
    return value if value is not None and value > above else None


def _dict(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: object) -> Sequence[Any]:
    return value if isinstance(value, (list, tuple)) else ()


def _at(values: Sequence[Any], index: int) -> object:
    return values[index] if index < len(values) else None


def _text(value: object) -> str:
    return value[:_MAX_TEXT] if isinstance(value, str) else ""


def _shown(value: object) -> str:
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) > _MAX_BYTES:
        # Python refuses to write out integers of thousands of digits, or to make them floats.
        infinity = math.inf if value > 0 else -math.inf
        value = infinity if value.bit_length() > _FLOAT_BITS else float(value)
    return str(value)[:40] if isinstance(value, (str, int, float)) else type(value).__name__
