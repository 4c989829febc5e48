"""What clusters that are only processes answer to verbs of Kubernetes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from rayspace.errors import PhaseError, UsageError
from rayspace.model.cluster import DEFAULT_GROUP

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping

    from rayspace.gateways.contracts import Clock
    from rayspace.model.cluster import ClusterState
    from rayspace.model.limits import NamespaceLimits
    from rayspace.model.profile_entry import ProfileFile
    from rayspace.model.progress import Report

#: Time between two looks at a cluster that starts. [s]
_POLL_S = 0.25
#: Time between two looks at all clusters. [s]
_LOOK_S = 2.0


class _Observing(Protocol):
    async def get(self, name: str) -> ClusterState: ...


class Unsuspendable:
    """Clusters that can't be suspended, and that are watched by looking."""

    _clock: Clock

    async def profile_files(self) -> tuple[ProfileFile, ...]:
        """Return none: those of this machine are in its directories."""
        return ()

    async def limits(self) -> NamespaceLimits:
        """Refuse: no limits are not the same as limits that nobody can set."""
        raise UsageError(
            "This machine has no limits: an administrator sets them for a namespace of Kubernetes.",
            hint="Name one: rayspace cluster limits --on TARGET",
        )

    async def explain(self: _Observing, name: str) -> ClusterState:
        """Observe a cluster: its reason is all there is to say."""
        return await self.get(name)

    async def changes(self, name: str) -> AsyncGenerator[ClusterState, None]:
        """Yield a cluster as it is, again and again."""
        while True:
            yield await self.get(name)  # type: ignore[attr-defined]  # of the class that uses this
            await self._clock.sleep(_POLL_S)

    async def watch(self) -> AsyncGenerator[Mapping[str, ClusterState | None], None]:
        """Yield all clusters by name, then those that changed; None for one that is gone."""
        known: dict[str, ClusterState] = {}
        is_first = True
        while True:
            # Taken before the look: what changes meanwhile is looked at next.
            mark = self._mark()
            now = {state.name: state for state in await self._seen(known)}
            changed: dict[str, ClusterState | None] = {
                name: state for name, state in now.items() if known.get(name) != state
            }
            changed |= dict.fromkeys(known.keys() - now.keys())
            if changed or is_first:
                yield changed
            known, is_first = now, False
            await self._stirred(tuple(now.values()), mark)

    async def _seen(self, known: Mapping[str, ClusterState]) -> list[ClusterState]:
        """Observe all clusters; what is known of them may be old."""
        seen: list[ClusterState] = await self.list()  # type: ignore[attr-defined]  # as above
        return seen

    def _mark(self) -> object:
        """Return a value that changes when it is worth looking again."""
        return None

    async def _stirred(self, known: tuple[ClusterState, ...], mark: object) -> None:
        """Wait until it is worth looking at all clusters again."""
        await self._clock.sleep(_LOOK_S)

    async def suspend(self, name: str, report: Report) -> ClusterState:
        """Refuse."""
        raise _not_here(name, "suspended", f"End it with: rayspace cluster down {name}")

    async def resume(self, name: str, report: Report) -> ClusterState:
        """Refuse."""
        raise _not_here(name, "resumed", "Start it with: rayspace cluster up")

    async def extend(self, name: str, duration_s: float, report: Report) -> ClusterState:
        """Refuse."""
        raise _not_here(name, "extended", "It runs until somebody ends it.")


def _not_here(name: str, what: str, hint: str) -> PhaseError:
    return PhaseError(
        f"The cluster {name!r} is not on Kubernetes, so it can't be {what}.",
        hint=hint,
        details={"name": name},
    )


def require_fixed(name: str, max_workers: int | None, group: str) -> None:
    """Refuse what only Kubernetes can do with workers.

    Parameters
    ----------
    name
        The cluster.
    max_workers
        The most that were asked for; None for a fixed number. [1]
    group
        The group that was named; empty for none.

    Raises
    ------
    PhaseError
        If bounds were given, or a group other than the only one.
    """
    if max_workers is not None:
        raise _not_here(name, "scaled by need", "Give --workers N.")
    if group not in {"", DEFAULT_GROUP}:
        raise _not_here(name, "scaled by groups", "Leave out --group.")
