"""The latest runs of each experiment, with the metrics that people look at."""

from __future__ import annotations

import asyncio
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from rayspace.loop import in_thread

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rayspace.model.run import RunRecord

#: Metrics of one run that are shown, and points of each. [1]
_METRICS, _POINTS = 6, 100
#: Metrics of the machines, and of a job's progress, begin so: they are shown elsewhere.
_OF_MACHINES = ("system/", "usage/", "rayspace/")
#: A tracking server on its way is asked for so many histories at a time. [1]
_AT_ONCE = 4


class RunHistory(Protocol):
    """What is asked of a tracking server for this. Its calls block."""

    def latest(self, *, experiment: str | None = None, limit: int = 5) -> list[RunRecord]:
        """List the newest runs of each experiment, at most ``limit`` of each. [1]"""
        ...

    def history(self, run_id: str, key: str) -> list[tuple[int, float]]:
        """Return a metric of a run as pairs of step and value, in their order. [1]"""
        ...


@dataclass(frozen=True)
class MetricCurve:
    """One metric of a run.

    Parameters
    ----------
    key
        Its name.
    value
        The latest; None for what is no finite number. [1]
    points
        Pairs of step and value, thinned out. [1]
    """

    key: str
    value: float | None
    points: tuple[tuple[int, float | None], ...]


@dataclass(frozen=True)
class RecentRun:
    """A run, and its key metrics.

    Parameters
    ----------
    record
        The run.
    metrics
        Its key metrics.
    """

    record: RunRecord
    metrics: tuple[MetricCurve, ...]


async def recent_runs(
    runs: RunHistory, *, experiment: str | None, limit: int
) -> tuple[RecentRun, ...]:
    """List the latest runs, the experiment with the newest one first.

    Parameters
    ----------
    runs
        The tracking server.
    experiment
        Only this one.
    limit
        Runs of each experiment at most. [1]

    Returns
    -------
    tuple of RecentRun
        The runs.
    """
    records = await in_thread(lambda: runs.latest(experiment=experiment, limit=limit))
    newest: dict[str, int] = {}
    for record in records:
        newest[record.experiment_id] = max(newest.get(record.experiment_id, 0), record.started_ms)
    records.sort(key=lambda r: (-newest[r.experiment_id], r.experiment_id, -r.started_ms))
    gate = asyncio.Semaphore(_AT_ONCE)

    async def curve(record: RunRecord, key: str) -> MetricCurve:
        async with gate:
            points = await in_thread(runs.history, record.run_id, key)
        return MetricCurve(key, _finite(record.metrics[key]), thinned(points))

    async def whole(record: RunRecord) -> RecentRun:
        keys = sorted(key for key in record.metrics if not key.startswith(_OF_MACHINES))
        curves = await asyncio.gather(*(curve(record, key) for key in keys[:_METRICS]))
        return RecentRun(record, tuple(curves))

    return tuple(await asyncio.gather(*(whole(record) for record in records)))


def thinned(points: Sequence[tuple[int, float]]) -> tuple[tuple[int, float | None], ...]:
    """Leave so many points that a small curve looks the same: evenly, with the first and last.

    Parameters
    ----------
    points
        Pairs of step and value, in their order. [1]
    """
    n_points = len(points)
    if n_points <= _POINTS:
        kept = list(points)
    else:
        step = (n_points - 1) / (_POINTS - 1)
        kept = [points[round(index * step)] for index in range(_POINTS)]
    return tuple((number, _finite(value)) for number, value in kept)


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
