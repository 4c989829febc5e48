"""What a job made of the nodes that it had, over its whole time."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class GpuUsage:
    """One GPU, or one slice of a GPU, over the time in which it was there.

    Parameters
    ----------
    node, gpu
        Names of its node and of itself.
    name
        As the driver names it.
    is_slice
        Whether it is a slice (MIG).
    n_samples
        How often it was read. [1]
    held_s, known_s
        For how long it was there, and was known to work or not. [s]
    idle_s
        For how long it was known to be idle. [s]
    used_s
        For how long it would have worked without a pause. [s]
    busy_mean_fraction, busy_p95_fraction, busy_peak_fraction
        How much it worked; None when the driver never told.
    memory_peak_bytes, memory_total_bytes
        Its memory; None when unknown.
    power_mean_w, temperature_peak_c
        Draw and temperature; None when unknown.
    vanished
        Whether it was told no more while its node lived on.
    """

    node: str
    gpu: str
    name: str
    is_slice: bool
    n_samples: int
    held_s: float
    known_s: float
    idle_s: float
    used_s: float
    busy_mean_fraction: float | None
    busy_p95_fraction: float | None
    busy_peak_fraction: float | None
    memory_peak_bytes: float | None
    memory_total_bytes: float | None
    power_mean_w: float | None
    temperature_peak_c: float | None
    vanished: bool


@dataclass(frozen=True)
class NodeUsage:
    """One node, over the time in which it was there.

    Parameters
    ----------
    node
        Its name.
    hostname, ip, node_id
        Which one it was.
    is_head
        Whether the head ran there.
    n_samples, n_silent
        How often it was read, and how often it was listed but did not measure. [1]
    held_s
        For how long it was there. [s]
    first_ms, last_ms
        When it was seen first and last. [ms since 1970-01-01 UTC]
    cpu_mean_fraction, cpu_p95_fraction, cpu_peak_fraction
        How much its CPUs worked; None when unknown.
    memory_peak_bytes, memory_total_bytes
        Its memory; None when unknown.
    clock_skew_s
        How far its clock was ahead of the head's, to about 5 s; None when unknown. [s]
    """

    node: str
    hostname: str
    ip: str
    node_id: str
    is_head: bool
    n_samples: int
    n_silent: int
    held_s: float
    first_ms: int
    last_ms: int
    cpu_mean_fraction: float | None
    cpu_p95_fraction: float | None
    cpu_peak_fraction: float | None
    memory_peak_bytes: float | None
    memory_total_bytes: float | None
    clock_skew_s: float | None


@dataclass(frozen=True)
class OddValue:
    """A value that can't be true and was told, once or more.

    Parameters
    ----------
    node, field
        Who told it, and of what.
    value
        The first of them, shortened.
    n_times
        How often one like it was told. [1]
    """

    node: str
    field: str
    value: str
    n_times: int


@dataclass(frozen=True)
class UsageSummary:
    """All of it.

    Parameters
    ----------
    first_ms, last_ms
        Time of the first and of the last sample; 0 without any. [ms since 1970-01-01 UTC]
    observed_s
        Time that samples tell of, without gaps. [s]
    n_samples, n_missed
        How often the nodes were read, and how often that failed. [1]
    gpu_choice
        ``all`` for all GPUs of the cluster, ``mine`` for those that the job held.
    gpu_hours_held, gpu_hours_used
        Sums over GPUs, a slice counting as one; 0 without GPUs. [1]
    gpu_idle_fraction
        Share of the known time in which GPUs were idle; None when unknown.
    price_per_hour, cost
        What one worker costs an hour, and all of them did for as long as they were there; None
        where nobody set a price. [1]
    sentences
        What people should know.
    gpus, nodes
        Each of them.
    odd_values
        What was told and can't be true.
    """

    first_ms: int
    last_ms: int
    observed_s: float
    n_samples: int
    n_missed: int
    gpu_choice: str
    gpu_hours_held: float
    gpu_hours_used: float
    gpu_idle_fraction: float | None
    price_per_hour: float | None
    cost: float | None
    sentences: tuple[str, ...]
    gpus: tuple[GpuUsage, ...]
    nodes: tuple[NodeUsage, ...]
    odd_values: tuple[OddValue, ...]
