"""Keep how nodes went in the last minutes, and since when each GPU has been idle.

A GPU is idle as in the summary of a run: it works less than 5 %. Where nobody looked for a while,
or the driver refused, nobody knows, and it counts from the next look on.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from rayspace.core.nodes.usage_meter import IDLE_BELOW_PERCENT
from rayspace.model.cluster_usage import GpuCourse, NodeCourse

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rayspace.model.cluster import Node

#: As many looks are kept as a small picture shows. [1]
N_LOOKS = 90
#: Looks that are less apart are one, of which the last counts: two tabs look at once. [s]
_APART_S = 0.8
#: So long without a look, and nobody knows what happened between. [s]
GAP_S = 120.0


def idle_since(
    before_s: float | None, looked_s: float | None, busy_fraction: float | None, now_s: float
) -> float | None:
    """Tell since when a GPU has been idle.

    Parameters
    ----------
    before_s
        Since when it was idle at the look before; None when it was not. [s]
    looked_s
        When that look was; None for none. [s]
    busy_fraction
        Share of time in which it works now; None where nobody knows. [1]
    now_s
        The time, on the same clock as the others. [s]

    Returns
    -------
    float or None
        Since when; None when it works, or nobody knows. [s]
    """
    if busy_fraction is None or 100 * busy_fraction >= IDLE_BELOW_PERCENT:
        return None
    if before_s is None or looked_s is None or not 0 <= now_s - looked_s <= GAP_S:
        return now_s
    return before_s


class NodeHistory:
    """Keeps the last looks at the nodes of one cluster."""

    def __init__(self) -> None:
        #: When each look that is kept began, and when the last one was.
        self._times_s: deque[float] = deque(maxlen=N_LOOKS)
        self._looked_s: float | None = None
        self._cpus: dict[str, deque[float | None]] = {}
        self._gpus: dict[str, dict[str, deque[float | None]]] = {}
        self._idle_since_s: dict[tuple[str, str], float | None] = {}

    def add(self, nodes: Iterable[Node], now_s: float) -> tuple[NodeCourse, ...]:
        """Take a look at all nodes.

        Parameters
        ----------
        nodes
            The nodes; those that are dead, or gone, are forgotten.
        now_s
            The time, on a clock that never goes back. [s]

        Returns
        -------
        tuple of NodeCourse
            How each of them went, up to now.
        """
        looked_s, self._looked_s = self._looked_s, now_s
        if self._times_s and now_s - self._times_s[-1] < _APART_S:
            for course in (*self._cpus.values(), *self._all_gpus()):
                course.pop()
        else:
            self._times_s.append(now_s)
        n_before = len(self._times_s) - 1
        living = [node for node in nodes if node.is_alive]
        cpus, gpus, idle = self._cpus, self._gpus, self._idle_since_s
        self._cpus, self._gpus, self._idle_since_s = {}, {}, {}
        for node in living:
            is_told = node.memory_total_bytes > 0
            course = cpus.get(node.node_id) or _unknown(n_before)
            course.append(node.cpu_used_fraction if is_told else None)
            self._cpus[node.node_id] = course
            of_node = self._gpus[node.node_id] = {}
            for gpu in node.gpu_samples:
                course = gpus.get(node.node_id, {}).get(gpu.key) or _unknown(n_before)
                course.append(gpu.busy_fraction)
                of_node[gpu.key] = course
                key = (node.node_id, gpu.key)
                since = idle_since(idle.get(key), looked_s, gpu.busy_fraction, now_s)
                self._idle_since_s[key] = since
        return tuple(self._course(node, now_s) for node in living)

    def _all_gpus(self) -> list[deque[float | None]]:
        return [course for of_node in self._gpus.values() for course in of_node.values()]

    def _course(self, node: Node, now_s: float) -> NodeCourse:
        gpus = []
        for key, course in self._gpus[node.node_id].items():
            since_s = self._idle_since_s[node.node_id, key]
            idle_s = 0.0 if since_s is None else now_s - since_s
            gpus.append(GpuCourse(key, tuple(course), round(idle_s, 1)))
        span_s = round(now_s - self._times_s[0], 1)
        return NodeCourse(node.node_id, span_s, tuple(self._cpus[node.node_id]), tuple(gpus))


def _unknown(n_looks: int) -> deque[float | None]:
    """Begin the course of what was not there before; it is as long as all others."""
    return deque([None] * n_looks, maxlen=N_LOOKS)
