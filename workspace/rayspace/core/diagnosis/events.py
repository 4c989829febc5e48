"""Events of Kubernetes: what happened, in the order in which it did."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rayspace.core.diagnosis.fields import moment_ms, text

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rayspace.model.snapshot import KubeObject

_TIMES = (
    ("series", "lastObservedTime"),
    ("lastTimestamp",),
    ("eventTime",),
    ("firstTimestamp",),
    ("metadata", "creationTimestamp"),
)
#: Reasons of events which tell that Kubernetes ends a pod.
#: Sources: kubelet's eviction, and the controller that clears nodes of a taint.
EVICTIONS = ("Evicted", "Preempted", "TaintManagerEviction")


@dataclass(frozen=True)
class KubeEvent:
    """Something that happened to an object.

    Parameters
    ----------
    kind, name
        The object.
    reason, message
        What happened, in one word and in many.
    component
        Who says so.
    last_ms
        When it happened last; None if that is not said. [ms since 1970-01-01 UTC]
    """

    kind: str
    name: str
    reason: str
    message: str
    component: str
    last_ms: int | None


def read_events(objects: Iterable[KubeObject]) -> tuple[KubeEvent, ...]:
    """Read events.

    Parameters
    ----------
    objects
        Events as the API server sends them, in any order.

    Returns
    -------
    tuple of KubeEvent
        The oldest first; those that do not say when come before all others.
    """
    return tuple(sorted(map(_event, objects), key=lambda event: event.last_ms or 0))


def _event(item: KubeObject) -> KubeEvent:
    moments = (moment_ms(item, *path) for path in _TIMES)
    return KubeEvent(
        kind=text(item, "involvedObject", "kind"),
        name=text(item, "involvedObject", "name"),
        reason=text(item, "reason"),
        message=text(item, "message").strip(),
        component=text(item, "reportingComponent") or text(item, "source", "component"),
        last_ms=next((moment for moment in moments if moment is not None), None),
    )
