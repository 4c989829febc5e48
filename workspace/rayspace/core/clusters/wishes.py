"""What a person asks for on top of a profile."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Wishes:
    """What a person asked for on top of a profile. None: as the profile says.

    Parameters
    ----------
    name
        Name of the cluster.
    workers
        Workers beside the head. [1]
    cpus
        CPUs of each worker, or of the head when there are no workers. Refused where there are
        several groups of workers, as is all else that is asked of them. [1]
    memory
        Memory of the same, with its unit. [bytes]
    gpus
        GPUs of the same. [1]
    env
        Environment variables, added to the profile's.
    dashboard_port
        A fixed port for the dashboard of a local cluster. [1]
    max_workers
        The most workers that autoscaling starts. [1]
    gpu_type
        Product of the GPUs.
    image, queue
        Image of the pods; Kueue's LocalQueue.
    idle_s, max_lifetime_s
        After which time without activity, and after which time at all, it suspends itself. [s]
    settings
        Raw values by their path in a RayCluster.
    """

    name: str | None = None
    workers: int | None = None
    cpus: float | None = None
    memory: str | None = None
    gpus: int | None = None
    env: dict[str, str] = field(default_factory=dict)
    dashboard_port: int | None = None
    max_workers: int | None = None
    gpu_type: str | None = None
    image: str | None = None
    queue: str | None = None
    idle_s: float | None = None
    max_lifetime_s: float | None = None
    settings: dict[str, Any] = field(default_factory=dict)
