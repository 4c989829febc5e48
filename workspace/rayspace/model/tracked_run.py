"""The run of a session of interactive work."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class TrackedRun:
    """A run that a notebook or an IPython session is tracked in.

    Parameters
    ----------
    run_id, name
        Its id and its name.
    experiment
        The experiment that holds it.
    cluster, target
        The cluster whose nodes are recorded.
    tracking_uri
        Address of the tracking server, without credentials.
    started_ms, ended_ms
        Times; 0 for not ended. [ms since 1970-01-01 UTC]
    n_samples, n_missed
        How often the nodes were read, and how often that failed. [1]
    gpu_hours_held, gpu_hours_used
        Sums over GPUs. [1]
    sentences
        What the end tells of the nodes.
    """

    run_id: str
    name: str
    experiment: str
    cluster: str
    target: str
    tracking_uri: str
    started_ms: int
    ended_ms: int = 0
    n_samples: int = 0
    n_missed: int = 0
    gpu_hours_held: float = 0.0
    gpu_hours_used: float = 0.0
    sentences: tuple[str, ...] = ()
