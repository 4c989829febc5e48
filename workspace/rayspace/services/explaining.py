"""Say while a cluster is waited for what `why` would say of it, at the price of few requests."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from rayspace.core.diagnosis.diagnose import is_half_known
from rayspace.errors import GatewayError

if TYPE_CHECKING:
    from rayspace.gateways.contracts import Clock, ClusterGateway
    from rayspace.model.cluster import ClusterPhase, ClusterState

    #: Where a cluster stands, and its problems by code and groups, since counts in their words
    #: change; without problems in words.
    _Seen = tuple[ClusterPhase, tuple[tuple[str, tuple[str, ...]], ...], str]

#: For a second or two a healthy start has pods that no node takes. [s]
_STANDS_S = 3.0
#: Pods on a lost node have no problem of their own, and an image takes minutes. [s]
_SILENT_S = 60.0
#: What is decided by the clock, or mended meanwhile, is seen in so long. [s]
_AGAIN_S = 15.0


class Explainer:
    """Adds to a watched cluster what nodes, volume claims and logs tell, which no watch sees.

    All of it is read when a problem has stood for a while that they may explain, and before such
    a problem ends the waiting; the answer holds until something else is seen, or a while has gone.

    Parameters
    ----------
    gateway
        The cluster's gateway.
    clock
        Tells the time.
    """

    def __init__(self, gateway: ClusterGateway, clock: Clock) -> None:
        self._gateway = gateway
        self._clock = clock
        self._seen: _Seen | None = None
        self._since_s = 0.0
        self._read_s: dict[_Seen, float] = {}
        self._known: dict[_Seen, ClusterState] = {}

    async def look(self, state: ClusterState, *, is_last: bool = False) -> ClusterState:
        """Return a cluster with what is known of why it is as it is.

        Parameters
        ----------
        state
            The cluster as it was seen just now, in a watch.
        is_last
            Whether the waiting ends, so that nothing can be read later.

        Returns
        -------
        ClusterState
            The cluster.
        """
        now_s, seen = self._clock.monotonic_s(), _seen(state)
        if seen != self._seen:
            self._seen, self._since_s = seen, now_s
        if state.problems and state.reason != state.problems[0].summary:
            # The watch itself is in trouble, and says so.
            return state
        patience_s = 0.0 if is_last or state.phase.is_terminal else _patience_s(state)
        age_s = now_s - self._read_s.get(seen, -_SILENT_S)
        again_s = _AGAIN_S if state.problems else _SILENT_S
        if (
            _may_be_explained(state)
            and now_s - self._since_s >= patience_s
            and age_s >= (_AGAIN_S if is_last else again_s)
        ):
            await self._read(state, seen, now_s)
        known = self._known.get(seen)
        if known is None:
            return state
        return replace(state, phase=known.phase, reason=known.reason, problems=known.problems)

    def is_sure(self, state: ClusterState) -> bool:
        """Tell whether what was seen last may be told: it is no passing thing whose cause is open.

        Parameters
        ----------
        state
            The cluster as `look` returned it.
        """
        return self._seen in self._read_s or not _is_half_known(state)

    async def _read(self, state: ClusterState, seen: _Seen, now_s: float) -> None:
        self._read_s[seen] = now_s
        try:
            self._known[seen] = await self._gateway.explain(state.name)
        except GatewayError:
            # What the watch sees is true as well, and tells of an API server that is away.
            self._known.pop(seen, None)


def _seen(state: ClusterState) -> _Seen:
    problems = tuple((p.code, p.groups) for p in state.problems)
    return state.phase, problems, "" if problems else state.reason


def _is_half_known(state: ClusterState) -> bool:
    return bool(state.namespace) and any(map(is_half_known, state.problems))


def _may_be_explained(state: ClusterState) -> bool:
    """Tell whether more is to be read: on Kubernetes, of what is half known or not known at all."""
    return _is_half_known(state) or (bool(state.namespace) and not state.problems)


def _patience_s(state: ClusterState) -> float:
    """Return how long a state of things has to stand before more is read of it. [s]."""
    if not state.problems:
        return _SILENT_S
    return 0.0 if any(p.is_final for p in state.problems) else _STANDS_S
