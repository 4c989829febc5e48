"""Sum up what a job made of its nodes: figures, and a sentence where something was wasted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rayspace.core.nodes.usage_meter import IDLE_BELOW_PERCENT, MAX_COURSES
from rayspace.model.usage import GpuUsage, NodeUsage, OddValue, UsageSummary
from rayspace.units import format_count, format_duration

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rayspace.core.nodes.follower import NodeFollower
    from rayspace.core.nodes.usage_meter import GpuMeter, NodeMeter, UsageMeter
    from rayspace.model.measurement import GpuChoice

_S_PER_HOUR = 3600.0
#: Under a percentage that matters: a GPU that is idle while data is read is not wasted. [1]
_WASTED_FRACTION = 0.5
#: A job that is shorter wastes nothing to speak of. [s]
_WASTED_AFTER_S = 60.0
#: Clocks that are less apart can't be told from figures that are some seconds old. [s]
_SKEW_S = 10.0
#: As many are named as a sentence bears. [1]
_N_NAMED = 3


def summarise(
    meter: UsageMeter,
    follower: NodeFollower,
    choice: GpuChoice,
    price_per_hour: float | None = None,
) -> UsageSummary:
    """Sum up.

    Parameters
    ----------
    meter
        What was added up.
    follower
        What is known of the nodes beside it.
    choice
        Which GPUs were told of.
    price_per_hour
        What one worker costs an hour; None for unknown. [1]

    Returns
    -------
    UsageSummary
        All of it.
    """
    ids = {name: node_id for node_id, name in follower.names.items()}
    nodes = tuple(_node(name, ids[name], node, follower) for name, node in meter.nodes.items())
    told_ms = {name: node.told_ms for name, node in meter.nodes.items()}
    is_all = choice.value == "all"
    gpus = tuple(
        _gpu(node, key, gpu, vanished=is_all and gpu.last_ms < told_ms[node])
        for (node, key), gpu in meter.gpus.items()
    )
    odd_values = tuple(
        OddValue(follower.names.get(node_id, node_id), field, value, meter.odd[node_id, field])
        for (node_id, field), value in meter.odd_values.items()
    )
    known_s = sum(gpu.known_s for gpu in gpus)
    return UsageSummary(
        first_ms=meter.first_ms,
        last_ms=meter.last_ms,
        observed_s=round(meter.observed_s, 3),
        n_samples=meter.n_samples,
        n_missed=meter.n_missed,
        gpu_choice=choice.value,
        gpu_hours_held=sum(gpu.held_s for gpu in gpus) / _S_PER_HOUR,
        gpu_hours_used=sum(gpu.used_s for gpu in gpus) / _S_PER_HOUR,
        gpu_idle_fraction=sum(gpu.idle_s for gpu in gpus) / known_s if known_s else None,
        price_per_hour=price_per_hour,
        cost=_cost(nodes, price_per_hour),
        sentences=tuple(_sentences(meter, gpus, nodes, odd_values)),
        gpus=gpus,
        nodes=nodes,
        odd_values=odd_values,
    )


def usage_metrics(summary: UsageSummary) -> dict[str, float]:
    """Turn a summary into metrics of the run.

    Returns
    -------
    dict
        Value by name, which begins with ``usage/``; shares are 0..1. Of single GPUs and nodes only
        where there are not too many for charts.
    """
    if not summary.n_samples:
        return {}
    figures: dict[str, float | None] = {
        "usage/samples": float(summary.n_samples),
        "usage/samples_missed": float(summary.n_missed),
    }
    figures["usage/cost"] = summary.cost
    if summary.gpus:
        figures |= {
            "usage/gpu_hours_held": summary.gpu_hours_held,
            "usage/gpu_hours_used": summary.gpu_hours_used,
            "usage/gpu_idle_fraction": summary.gpu_idle_fraction,
        }
    if len(summary.gpus) <= MAX_COURSES:
        for gpu in summary.gpus:
            prefix = f"usage/{gpu.node}/{gpu.gpu}_"
            figures |= {
                f"{prefix}busy_mean_fraction": gpu.busy_mean_fraction,
                f"{prefix}busy_p95_fraction": gpu.busy_p95_fraction,
                f"{prefix}busy_peak_fraction": gpu.busy_peak_fraction,
                f"{prefix}memory_peak_bytes": gpu.memory_peak_bytes,
            }
    if len(summary.nodes) <= MAX_COURSES:
        for node in summary.nodes:
            prefix = f"usage/{node.node}/"
            figures |= {
                f"{prefix}cpu_mean_fraction": node.cpu_mean_fraction,
                f"{prefix}cpu_p95_fraction": node.cpu_p95_fraction,
                f"{prefix}cpu_peak_fraction": node.cpu_peak_fraction,
                f"{prefix}memory_peak_bytes": node.memory_peak_bytes,
            }
    return {name: value for name, value in figures.items() if value is not None}


def wasted(gpus: Sequence[GpuUsage]) -> str:
    """Say that GPUs were idle for most of their time; nothing where they were not.

    Parameters
    ----------
    gpus
        All GPUs that are told of.

    Returns
    -------
    str
        A sentence; empty where nothing was wasted.
    """
    idle = [
        gpu
        for gpu in gpus
        if gpu.idle_s >= _WASTED_AFTER_S and gpu.idle_s >= _WASTED_FRACTION * gpu.held_s
    ]
    if not idle:
        return ""
    # The shortest holds for all of them, and the longest time is what it is a part of.
    least_s = min(gpu.idle_s for gpu in idle)
    whole_s = max(gpu.held_s for gpu in idle)
    within = f"{format_duration(least_s)} of {format_duration(whole_s)}"
    if least_s >= 2 * _WASTED_AFTER_S:
        within = f"{least_s // 60:.0f} of {whole_s / 60:.0f} minutes"
    what = f"of {format_count(len(gpus), 'GPU')}"
    verb = "was" if len(idle) == 1 else "were"
    return f"{len(idle)} {what} {verb} under {IDLE_BELOW_PERCENT:g} % for {within}."


def _sentences(
    meter: UsageMeter,
    gpus: Sequence[GpuUsage],
    nodes: Sequence[NodeUsage],
    odd_values: Sequence[OddValue],
) -> Iterable[str]:
    waste = wasted(gpus)
    if waste:
        yield waste
    silent = [gpu for gpu in gpus if gpu.busy_mean_fraction is None]
    if silent:
        what = f"{len(silent)} of {format_count(len(gpus), 'GPU')}"
        yield f"The driver told no utilisation of {what}."
    vanished = [f"{gpu.gpu} of {gpu.node}" for gpu in gpus if gpu.vanished]
    if vanished:
        yield f"Told no more while the node lived on: {_named(vanished)}."
    if meter.n_missed:
        n_due = meter.n_samples + meter.n_missed
        yield f"{meter.n_missed} of {format_count(n_due, 'sample')} could not be taken."
    quiet = [node.node for node in nodes if node.n_silent]
    if quiet:
        yield f"Listed, but for some time without figures: {_named(quiet)}."
    skewed = [
        f"{node.node} ({node.clock_skew_s:+.0f} s)"
        for node in nodes
        if node.clock_skew_s is not None and abs(node.clock_skew_s) > _SKEW_S
    ]
    if skewed:
        yield f"Clocks that differ from the head's: {_named(skewed)}."
    if odd_values:
        n_odd = sum(odd.n_times for odd in odd_values)
        told = [f"{odd.field} of {odd.node} ({odd.value})" for odd in odd_values]
        what = format_count(n_odd, "value")
        yield f"Left out, since it can't be true: {what}, as {_named(told)}."


def _cost(nodes: Iterable[NodeUsage], price_per_hour: float | None) -> float | None:
    """Return what the workers cost; a price is one of a worker, so a head alone costs nothing."""
    if price_per_hour is None:
        return None
    hours = sum(node.held_s for node in nodes if not node.is_head) / _S_PER_HOUR
    return hours * price_per_hour


def _named(names: Sequence[str]) -> str:
    more = len(names) - _N_NAMED
    return ", ".join(names[:_N_NAMED]) + (f" and {more} more" if more > 0 else "")


def _node(name: str, node_id: str, meter: NodeMeter, follower: NodeFollower) -> NodeUsage:
    last = meter.last
    skew_s = follower.skews_s.get(node_id)
    return NodeUsage(
        node=name,
        hostname=last.hostname if last else "",
        ip=last.ip if last else "",
        node_id=node_id,
        is_head=last.is_head if last else False,
        held_s=round(meter.held_s, 3),
        n_samples=meter.n_samples,
        n_silent=follower.n_silent.get(node_id, 0),
        first_ms=meter.first_ms,
        last_ms=meter.last_ms,
        cpu_mean_fraction=meter.cpu.mean_fraction,
        cpu_p95_fraction=meter.cpu.percentile_fraction(95),
        cpu_peak_fraction=meter.cpu.peak_fraction,
        memory_peak_bytes=meter.memory_peak_bytes,
        memory_total_bytes=meter.memory_total_bytes,
        clock_skew_s=None if skew_s is None else round(skew_s, 1),
    )


def _gpu(node: str, key: str, meter: GpuMeter, *, vanished: bool) -> GpuUsage:
    last = meter.last
    return GpuUsage(
        node=node,
        gpu=key,
        name=last.name if last else "",
        is_slice=last.is_slice if last else False,
        n_samples=meter.n_samples,
        held_s=round(meter.held_s, 3),
        known_s=round(meter.known_s, 3),
        idle_s=round(meter.idle_s, 3),
        used_s=round(meter.used_s, 3),
        busy_mean_fraction=meter.busy.mean_fraction,
        busy_p95_fraction=meter.busy.percentile_fraction(95),
        busy_peak_fraction=meter.busy.peak_fraction,
        memory_peak_bytes=meter.memory_peak_bytes,
        memory_total_bytes=meter.memory_total_bytes,
        power_mean_w=meter.power_w / meter.n_power if meter.n_power else None,
        temperature_peak_c=meter.temperature_peak_c,
        vanished=vanished,
    )
