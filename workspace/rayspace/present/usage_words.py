"""What a cluster uses, in words that text and HTML share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rayspace.present.times import clock_time
from rayspace.units import format_bytes, format_count, short_duration

if TYPE_CHECKING:
    from rayspace.model.cluster import GpuSample, Node
    from rayspace.model.cluster_usage import ClusterUsage
    from rayspace.model.tracked_run import TrackedRun

#: Idle for less is not worth a word. [s]
_IDLE_TOLD_AFTER_S = 60.0


@dataclass(frozen=True)
class UsageRow:
    """One node, or one GPU of it.

    Parameters
    ----------
    node
        Name of the node.
    device
        What is told of: its CPUs, or one of its GPUs.
    busy_fraction
        Share of it in use; None where nobody knows. [1]
    course
        The same before, the oldest first. Shape ``(n_looks,)``. [1]
    cells
        The other columns: text by name.
    is_gpu
        Whether it is a GPU.
    """

    node: str
    device: str
    busy_fraction: float | None
    course: tuple[float | None, ...]
    cells: dict[str, str]
    is_gpu: bool


def usage_rows(usage: ClusterUsage) -> list[UsageRow]:
    """Describe each node in a row, and each of its GPUs below it."""
    courses = {course.node_id: course for course in usage.courses}
    rows = []
    for node in usage.nodes:
        course = courses.get(node.node_id)
        is_told = node.memory_total_bytes > 0
        rows.append(
            UsageRow(
                node.name or node.ip,
                format_count(node.cpus, "CPU"),
                node.cpu_used_fraction if is_told else None,
                course.cpu_fractions if course else (),
                {
                    "memory": _memory(
                        node.memory_used_bytes if is_told else None, node.memory_total_bytes
                    ),
                    "power": "",
                    "heat": "",
                    "processes": "",
                    "idle": "",
                },
                is_gpu=False,
            )
        )
        of_gpus = {gpu.key: gpu for gpu in course.gpus} if course else {}
        for gpu in node.gpu_samples:
            before = of_gpus.get(gpu.key)
            idle_s = before.idle_s if before else 0.0
            rows.append(
                UsageRow(
                    node.name or node.ip,
                    gpu_title(gpu),
                    gpu.busy_fraction,
                    before.busy_fractions if before else (),
                    _gpu_cells(gpu, idle_s),
                    is_gpu=True,
                )
            )
    return rows


def gpu_title(gpu: GpuSample) -> str:
    """Name a GPU as people do: ``GPU 0 NVIDIA H200``; a slice of one with its number."""
    number = gpu.key.removeprefix("gpu_").replace("_mig_", " slice ") or str(gpu.gpu_index)
    return f"GPU {number} {gpu.name}".rstrip()


def _gpu_cells(gpu: GpuSample, idle_s: float) -> dict[str, str]:
    return {
        "memory": _memory(gpu.memory_used_bytes, gpu.memory_total_bytes),
        "power": "" if gpu.power_w is None else f"{gpu.power_w:.0f} W",
        "heat": "" if gpu.temperature_c is None else f"{gpu.temperature_c:.0f} °C",
        "processes": "" if gpu.n_processes is None else str(gpu.n_processes),
        "idle": f"for {short_duration(idle_s)}" if idle_s >= _IDLE_TOLD_AFTER_S else "",
    }


def headline(usage: ClusterUsage) -> str:
    """Say in a sentence what there is, and how busy it is."""
    gpus = [gpu for node in usage.nodes for gpu in node.gpu_samples]
    text = f"{usage.name} on {usage.target}: {format_count(len(usage.nodes), 'node')}"
    if not gpus:
        return text
    text += f", {format_count(len(gpus), 'GPU')}"
    known = [gpu.busy_fraction for gpu in gpus if gpu.busy_fraction is not None]
    return text + (f", {sum(known) / len(known):.0%} busy on average" if known else "")


def remarks(usage: ClusterUsage) -> list[str]:
    """Say what the table does not: no GPUs, GPUs that tell nothing, nodes without figures yet."""
    found = []
    silent = [node for node in usage.nodes if node.gpus and not node.gpu_samples and _told(node)]
    if silent:
        n_gpus = sum(node.gpus for node in silent)
        found.append(
            f"Ray has {format_count(n_gpus, 'GPU')} to give on {_named(silent)}, but no driver"
            " there tells of one."
        )
    has_gpus = any(node.gpus or node.gpu_samples for node in usage.nodes)
    new = [node for node in usage.nodes if not _told(node)]
    if usage.nodes and not has_gpus and len(new) < len(usage.nodes):
        found.append("There are no GPUs: this cluster runs on CPUs only.")
    if new:
        found.append(f"No figures yet of {_named(new)}: they come some seconds after a start.")
    return found


def _told(node: Node) -> bool:
    return node.memory_total_bytes > 0


def _named(nodes: list[Node]) -> str:
    return ", ".join(node.name or node.ip for node in nodes)


def _memory(used_bytes: float | None, total_bytes: float | None) -> str:
    if not total_bytes:
        return "" if used_bytes is None else format_bytes(used_bytes)
    total = format_bytes(total_bytes)
    used = "?" if used_bytes is None else format_bytes(used_bytes)
    # A table has little room: the unit once is enough where it is the same.
    return f"{used.removesuffix(total.rpartition(' ')[2]).rstrip()} of {total}"


def tracked_facts(tracked: TrackedRun) -> list[tuple[str, str]]:
    """Describe the run of a session: while it goes on, and at its end."""
    pairs = [
        ("run", tracked.name),
        ("experiment", tracked.experiment),
        ("cluster", f"{tracked.cluster} on {tracked.target}"),
        ("tracking", tracked.tracking_uri),
        ("since", clock_time(tracked.started_ms)),
    ]
    if not tracked.ended_ms:
        return [*pairs, ("end it with", "%ray_cluster untrack")]
    seconds = (tracked.ended_ms - tracked.started_ms) / 1000
    pairs[-1] = ("tracked for", short_duration(seconds))
    pairs.append(("samples", str(tracked.n_samples)))
    if tracked.gpu_hours_held:
        text = f"{tracked.gpu_hours_held:.2f} held, {tracked.gpu_hours_used:.2f} used"
        pairs.append(("GPU-hours", text))
    return [*pairs, ("nodes", "\n".join(tracked.sentences))]
