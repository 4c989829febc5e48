"""The latest runs of each experiment, with the metrics that people look at."""

from __future__ import annotations

import asyncio
import math
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from rayspace.loop import in_thread

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rayspace.gateways.contracts import Clock
    from rayspace.model.run import RunRecord

#: Metrics of one run that are shown, and points of each. [1]
_METRICS, _POINTS = 6, 100
#: Metrics of the machines, and of a job's progress, begin so: they are shown elsewhere.
_OF_MACHINES = ("system/", "usage/", "rayspace/")
#: A tracking server on its way is asked for so many histories at a time. [1]
_AT_ONCE = 4
#: What one tab was told, others are told for so long. [s]
_SHARED_S = 5.0
#: So many looks, and curves of runs that have ended, are kept. [1]
_LOOKS, _CURVES = 16, 4000


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


class _Look:
    def __init__(self) -> None:
        self.lock = asyncio.Lock()
        self.seen_s = -math.inf
        self.found: tuple[RecentRun, ...] = ()


class RecentRuns:
    """Looks at the latest runs for all who ask: what was seen a moment ago is not asked again.

    Parameters
    ----------
    clock
        Tells the time.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._looks: OrderedDict[tuple[object, ...], _Look] = OrderedDict()
        self._ended: OrderedDict[tuple[object, ...], MetricCurve] = OrderedDict()

    async def find(
        self, runs: RunHistory, uri: str, *, experiment: str | None, limit: int
    ) -> tuple[RecentRun, ...]:
        """List the latest runs, the experiment with the newest one first.

        Parameters
        ----------
        runs, uri
            The tracking server, and its address.
        experiment
            Only this one.
        limit
            Runs of each experiment at most. [1]

        Returns
        -------
        tuple of RecentRun
            The runs.
        """
        look = self._looks.setdefault((uri, experiment, limit), _Look())
        self._looks.move_to_end((uri, experiment, limit))
        while len(self._looks) > _LOOKS:
            self._looks.popitem(last=False)
        async with look.lock:
            if self._clock.monotonic_s() - look.seen_s >= _SHARED_S:
                look.found = await self._look(runs, uri, experiment, limit)
                look.seen_s = self._clock.monotonic_s()
            return look.found

    async def _look(
        self, runs: RunHistory, uri: str, experiment: str | None, limit: int
    ) -> tuple[RecentRun, ...]:
        records = await in_thread(lambda: runs.latest(experiment=experiment, limit=limit))
        newest: dict[str, int] = {}
        for record in records:
            known_ms = newest.get(record.experiment_id, 0)
            newest[record.experiment_id] = max(known_ms, record.started_ms)
        records.sort(key=lambda r: (-newest[r.experiment_id], r.experiment_id, -r.started_ms))
        gate = asyncio.Semaphore(_AT_ONCE)

        async def whole(record: RunRecord) -> RecentRun:
            keys = sorted(key for key in record.metrics if not key.startswith(_OF_MACHINES))
            curves = (self._curve(runs, uri, record, key, gate) for key in keys[:_METRICS])
            return RecentRun(record, tuple(await asyncio.gather(*curves)))

        return tuple(await asyncio.gather(*(whole(record) for record in records)))

    async def _curve(
        self, runs: RunHistory, uri: str, record: RunRecord, key: str, gate: asyncio.Semaphore
    ) -> MetricCurve:
        """Return a curve; that of a run that has ended is read once."""
        value = _finite(record.metrics[key])
        # Who goes on with a run ends it at another time.
        name = (uri, record.run_id, record.ended_ms, key, value)
        if name in self._ended:
            self._ended.move_to_end(name)
            return self._ended[name]
        async with gate:
            points = await in_thread(runs.history, record.run_id, key)
        curve = MetricCurve(key, value, thinned(points))
        if record.status.is_terminal:
            self._ended[name] = curve
            while len(self._ended) > _CURVES:
                self._ended.popitem(last=False)
        return curve


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
