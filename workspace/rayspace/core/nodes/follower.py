"""Follow the nodes of a job from one reading to the next.

Keeps what a single answer does not tell: the names that nodes were given, where their counters
stood at first, how far their clocks are off, and whether a node still measures. The head goes on
to tell the last figures of a node whose agent died, so figures that stand still are no facts.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from rayspace.core.nodes.names import node_names

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rayspace.model.measurement import ClusterReading, NodeReading

#: A node measures each 5 s (ray/dashboard/modules/reporter/reporter_consts.py); so many missed.
SILENT_AFTER_S = 30.0


class NodeFollower:
    """Follows the nodes of one job."""

    def __init__(self) -> None:
        #: Name by node id, also of nodes that are gone.
        self.names: dict[str, str] = {}
        #: First reading by node id, without its GPUs.
        self.first: dict[str, NodeReading] = {}
        #: How far the clock of a node is ahead of the head's, by node id; right to about 5 s. [s]
        self.skews_s: dict[str, float] = {}
        #: How often a node was listed but did not measure, by node id. [1]
        self.n_silent: dict[str, int] = {}
        #: Id and time of what each node told last, and when that was new. [s]
        self._told: dict[str, tuple[float, float]] = {}

    def follow(self, reading: ClusterReading, head_s: float) -> ClusterReading:
        """Take a reading.

        Parameters
        ----------
        reading
            All nodes that live.
        head_s
            Time of the head at which it was taken. [s since 1970-01-01 UTC]

        Returns
        -------
        ClusterReading
            The same, without the figures of nodes that measure no more.
        """
        self.names = node_names(reading.nodes, self.names)
        silent = self._silent(reading.nodes, head_s)
        for node in reading.nodes:
            if node.node_id in silent:
                self.n_silent[node.node_id] = self.n_silent.get(node.node_id, 0) + 1
            elif node.told_s is not None and node.node_id not in self.first:
                self.first[node.node_id] = replace(node, gpus=(), workers=())
        if not silent:
            return reading
        return replace(
            reading,
            nodes=tuple(
                _without_figures(node) if node.node_id in silent else node for node in reading.nodes
            ),
            oddities=tuple(odd for odd in reading.oddities if odd.node_id not in silent),
        )

    def _silent(self, nodes: Iterable[NodeReading], head_s: float) -> set[str]:
        silent = set()
        for node in nodes:
            if node.told_s is None:
                continue
            told_s, since_s = self._told.get(node.node_id, (None, head_s))
            if told_s != node.told_s:
                self._told[node.node_id] = node.told_s, head_s
                # What arrives is some seconds old: the freshest tells best.
                ahead_s = node.told_s - head_s
                self.skews_s[node.node_id] = max(ahead_s, self.skews_s.get(node.node_id, ahead_s))
            elif head_s - since_s > SILENT_AFTER_S:
                silent.add(node.node_id)
        return silent


def _without_figures(node: NodeReading) -> NodeReading:
    return type(node)(
        node_id=node.node_id,
        is_head=node.is_head,
        group=node.group,
        hostname=node.hostname,
        ip=node.ip,
    )
