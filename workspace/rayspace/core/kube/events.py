"""Write Kubernetes' events of a job as lines that people read."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rayspace.model.snapshot import KubeObject


def event_lines(events: Iterable[KubeObject], name: str) -> list[str]:
    """Return the events of a job, its clusters and their pods, sorted by time.

    Parameters
    ----------
    events
        Events of the namespace, as core/v1 events.
    name
        Name of the job, with which the names of all that belongs to it begin.

    Returns
    -------
    list of str
        ``time kind/name reason: message``, with how often where it was more than once.
    """
    told = []
    for event in events:
        subject = event.get("involvedObject") or {}
        who = str(subject.get("name") or "")
        if who != name and not who.startswith(f"{name}-"):
            continue
        count = event.get("count") or (event.get("series") or {}).get("count") or 1
        often = f" ({count} times)" if count > 1 else ""
        message = " ".join(str(event.get("message") or "").split())
        line = f"{subject.get('kind')}/{who} {event.get('reason')}: {message}{often}\n"
        told.append((_time(event), line))
    return [f"{time} {line}" for time, line in sorted(told)]


def _time(event: KubeObject) -> str:
    created = (event.get("metadata") or {}).get("creationTimestamp")
    text = event.get("lastTimestamp") or event.get("eventTime") or created
    return str(text or "")[:19].ljust(19)
