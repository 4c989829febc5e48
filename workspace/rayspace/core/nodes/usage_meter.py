"""Add up what a job made of its nodes, in memory that does not grow with time.

Of each GPU and node are kept sums, peaks and how often each whole percent was told; courses are
kept for the picture only, thinned out as they become long. A time counts from the sample before,
so a gap in the samples counts as nothing.
"""

from __future__ import annotations

from array import array
from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rayspace.model.measurement import ClusterReading, GpuReading, NodeReading

#: A GPU that works less than this is idle. [percent]
IDLE_BELOW_PERCENT = 5.0
#: So many intervals without a sample are a gap, of which nothing is known. [1]
_GAP_INTERVALS = 3.0
#: As many courses as a picture bears, each of GPUs and nodes. [1]
MAX_COURSES = 64
_MAX_POINTS = 240
#: As many kinds of odd values are kept, each with its first value. [1]
_MAX_ODD = 200


class Course:
    """How a value went, as a limited number of points, each a mean over equal numbers of samples.

    Points are joined in pairs when there are too many, so that memory stays as it is.
    """

    def __init__(self) -> None:
        #: Times and values. [ms since 1970-01-01 UTC] and [1]
        self.points: list[tuple[float, float]] = []
        self._n_per_point = 1
        self._pending: list[tuple[float, float]] = []

    def add(self, at_ms: int, value: float) -> None:
        """Take a value. [1]

        Parameters
        ----------
        at_ms
            When it was measured. [ms since 1970-01-01 UTC]
        value
            The value. [1]
        """
        self._pending.append((float(at_ms), value))
        if len(self._pending) < self._n_per_point:
            return
        self.points.append(_joined(self._pending))
        self._pending = []
        if len(self.points) > _MAX_POINTS:
            pairs = zip(self.points[::2], self.points[1::2], strict=False)
            odd = self.points[-1:] if len(self.points) % 2 else []
            self._pending = odd * self._n_per_point
            self.points = [_joined(pair) for pair in pairs]
            self._n_per_point *= 2


class Share:
    """How a share in percent was spread: mean, peak and percentiles to a whole percent."""

    __slots__ = ("_counts", "n", "peak_percent", "total_percent")

    def __init__(self) -> None:
        self.n = 0
        self.total_percent = 0.0
        self.peak_percent = 0.0
        self._counts = array("L", bytes(array("L").itemsize * 101))

    def add(self, percent: float) -> None:
        """Take a value, 0..100."""
        self.n += 1
        self.total_percent += percent
        self.peak_percent = max(self.peak_percent, percent)
        self._counts[min(100, max(0, round(percent)))] += 1

    @property
    def mean_fraction(self) -> float | None:
        """The mean; None without a value."""
        return self.total_percent / self.n / 100 if self.n else None

    @property
    def peak_fraction(self) -> float | None:
        """The largest value; None without one."""
        return self.peak_percent / 100 if self.n else None

    def percentile_fraction(self, percent: float) -> float | None:
        """Return the value that so many percent of all do not exceed; None without any."""
        wanted, seen = self.n * percent / 100, 0
        for value, count in enumerate(self._counts):
            seen += count
            if count and seen >= wanted:
                # A whole percent may be above all that was told.
                return min(value, self.peak_percent) / 100
        return None


class GpuMeter:
    """What is kept of one GPU."""

    __slots__ = (
        "busy", "course", "held_s", "idle_s", "known_s", "last", "last_ms", "memory_peak_bytes",
        "memory_total_bytes", "n_power", "n_samples", "power_w", "temperature_peak_c", "used_s",
    )  # fmt: skip

    def __init__(self, *, has_course: bool) -> None:
        self.busy = Share()
        self.course = Course() if has_course else None
        self.last: GpuReading | None = None
        self.last_ms = 0
        self.n_samples = self.n_power = 0
        self.held_s = self.known_s = self.idle_s = self.used_s = self.power_w = 0.0
        self.memory_peak_bytes: float | None = None
        self.memory_total_bytes: float | None = None
        self.temperature_peak_c: float | None = None

    def add(self, gpu: GpuReading, at_ms: int, span_s: float) -> None:
        """Take a reading.

        Parameters
        ----------
        gpu
            The reading.
        at_ms
            When it was taken. [ms since 1970-01-01 UTC]
        span_s
            Time that it tells of: since the sample before, in which it was there too. [s]
        """
        self.last, self.last_ms = gpu, at_ms
        self.n_samples += 1
        self.held_s += span_s
        if gpu.busy_percent is not None:
            self.busy.add(gpu.busy_percent)
            self.known_s += span_s
            self.used_s += span_s * gpu.busy_percent / 100
            if gpu.busy_percent < IDLE_BELOW_PERCENT:
                self.idle_s += span_s
            if self.course is not None:
                self.course.add(at_ms, gpu.busy_percent)
        if gpu.power_w is not None:
            self.power_w += gpu.power_w
            self.n_power += 1
        self.memory_peak_bytes = _larger(self.memory_peak_bytes, gpu.memory_used_bytes)
        self.memory_total_bytes = _larger(self.memory_total_bytes, gpu.memory_total_bytes)
        self.temperature_peak_c = _larger(self.temperature_peak_c, gpu.temperature_c)


class NodeMeter:
    """What is kept of one node."""

    __slots__ = (
        "cpu", "cpu_course", "first_ms", "held_s", "last", "last_ms", "memory_course",
        "memory_peak_bytes", "memory_total_bytes", "n_samples", "told_ms",
    )  # fmt: skip

    def __init__(self, at_ms: int, *, has_course: bool) -> None:
        self.cpu = Share()
        self.cpu_course = Course() if has_course else None
        self.memory_course = Course() if has_course else None
        self.last: NodeReading | None = None
        self.first_ms = self.last_ms = at_ms
        #: When it told figures last.
        self.told_ms = 0
        self.n_samples = 0
        self.held_s = 0.0
        self.memory_peak_bytes: float | None = None
        self.memory_total_bytes: float | None = None

    def add(self, node: NodeReading, at_ms: int, span_s: float) -> None:
        """Take a reading.

        Parameters
        ----------
        node
            The reading.
        at_ms
            When it was taken. [ms since 1970-01-01 UTC]
        span_s
            Time that it tells of: since the sample before, in which it was there too. [s]
        """
        self.last, self.last_ms = node, at_ms
        self.held_s += span_s
        if node.told_s is not None:
            self.told_ms = at_ms
            self.n_samples += 1
        if node.cpu_percent is not None:
            self.cpu.add(node.cpu_percent)
            if self.cpu_course is not None:
                self.cpu_course.add(at_ms, node.cpu_percent)
        used, total = node.memory_used_bytes, node.memory_total_bytes
        self.memory_peak_bytes = _larger(self.memory_peak_bytes, used)
        self.memory_total_bytes = _larger(self.memory_total_bytes, total)
        if self.memory_course is not None and used is not None and total:
            self.memory_course.add(at_ms, 100 * used / total)


class UsageMeter:
    """Adds up the readings of one job.

    Parameters
    ----------
    interval_s
        Time between two samples, as it is meant to be. [s]
    """

    def __init__(self, interval_s: float) -> None:
        self._gap_s = _GAP_INTERVALS * interval_s
        self.first_ms = self.last_ms = 0
        self.observed_s = 0.0
        self.n_samples = self.n_missed = 0
        #: By name of the node, and of the GPU on it; in the order of appearance.
        self.nodes: dict[str, NodeMeter] = {}
        self.gpus: dict[tuple[str, str], GpuMeter] = {}
        self.gpu_course = Course()
        self.cpu_course = Course()
        #: How often a value was odd, and the first of them, by node id and field.
        self.odd: Counter[tuple[str, str]] = Counter()
        self.odd_values: dict[tuple[str, str], str] = {}

    def miss(self) -> None:
        """Count a sample that could not be taken."""
        self.n_missed += 1

    def add(self, reading: ClusterReading, names: Mapping[str, str], at_ms: int) -> None:
        """Take a reading.

        Parameters
        ----------
        reading
            All nodes that live, with the GPUs to tell of.
        names
            Name by node id.
        at_ms
            When it was taken. [ms since 1970-01-01 UTC]
        """
        before_ms = self.last_ms
        since_s = (at_ms - before_ms) / 1000 if self.n_samples else 0.0
        # A clock that was set back, or far ahead, measures no time.
        span_s = since_s if 0 <= since_s <= self._gap_s else 0.0
        self.first_ms = self.first_ms or at_ms
        self.last_ms = at_ms
        self.n_samples += 1
        self.observed_s += span_s
        for odd in reading.oddities:
            kind = (odd.node_id, odd.field)
            if kind in self.odd_values or len(self.odd_values) < _MAX_ODD:
                self.odd_values.setdefault(kind, odd.value)
                self.odd[kind] += 1
        for node in reading.nodes:
            self._add_node(node, names[node.node_id], at_ms, before_ms, span_s)
        self._add_courses(reading, at_ms)

    def _add_node(
        self, node: NodeReading, name: str, at_ms: int, before_ms: int, span_s: float
    ) -> None:
        meter = self.nodes.get(name)
        if meter is None:
            has_course = len(self.nodes) < MAX_COURSES
            meter = self.nodes[name] = NodeMeter(at_ms, has_course=has_course)
        meter.add(node, at_ms, span_s if meter.last_ms == before_ms else 0.0)
        for gpu in node.gpus:
            gpu_meter = self.gpus.get((name, gpu.key))
            if gpu_meter is None:
                has_course = len(self.gpus) < MAX_COURSES
                gpu_meter = self.gpus[name, gpu.key] = GpuMeter(has_course=has_course)
            was_there = gpu_meter.last_ms == before_ms
            gpu_meter.add(gpu, at_ms, span_s if was_there else 0.0)

    def _add_courses(self, reading: ClusterReading, at_ms: int) -> None:
        busy = [
            gpu.busy_percent
            for node in reading.nodes
            for gpu in node.gpus
            if gpu.busy_percent is not None
        ]
        cpus = [node.cpu_percent for node in reading.nodes if node.cpu_percent is not None]
        if busy:
            self.gpu_course.add(at_ms, sum(busy) / len(busy))
        if cpus:
            self.cpu_course.add(at_ms, sum(cpus) / len(cpus))


def _larger(known: float | None, new: float | None) -> float | None:
    if known is None or new is None:
        return new if known is None else known
    return max(known, new)


def _joined(points: Sequence[tuple[float, float]]) -> tuple[float, float]:
    n = len(points)
    return sum(at for at, _ in points) / n, sum(value for _, value in points) / n
