"""Kueue's account of why a workload has no quota, split into its reasons.

Kueue tells waiting and never fitting apart by the text only. Source: fitsResourceQuota and
checkFlavorForPodSets in pkg/scheduler/flavorassigner/flavorassigner.go of Kueue 0.15.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rayspace.core.diagnosis.quantities import amount_text, bare_amount, quantity

if TYPE_CHECKING:
    from collections.abc import Mapping
    from collections.abc import Set as AbstractSet

_POD_SET = re.compile(r"couldn't assign flavors to pod sets? (?P<name>[^:]+): (?P<reasons>[^;]*)")
_NEVER = re.compile(
    r"insufficient quota for (?P<resource>\S+) in flavor (?P<flavor>[^\s,]+),"
    r"(?P<figures>[^,;]*maximum capacity[^,;]*)"
)
_FIGURES = re.compile(
    r"requests \((?P<others>\S+)\) \+ current podset request \((?P<asked>\S+)\)"
    r" > maximum capacity \((?P<most>\S+)\)"
)
_CLOSED = re.compile(
    r"untolerated taint .*? in flavor (?P<taint>[^\s,]+)"
    r"|flavor (?P<flavor>[^\s,]+) (?:doesn't match node affinity|not found)"
)
_WAITING = re.compile(
    r"insufficient unused quota for (?P<resource>\S+) in flavor (?P<flavor>[^\s,]+),"
    r" (?P<more>\S+?) more needed"
)
_UNKNOWN = re.compile(r"resource (?P<resource>\S+) unavailable in ClusterQueue")


@dataclass(frozen=True)
class QueueReason:
    """Why one pod set gets no quota.

    Parameters
    ----------
    pod_set
        Kueue's name of it: ``"head"``, or the worker group.
    text
        What is asked for and what there is, for people.
    is_certain
        Whether every flavor of the queue is known, so that none is left to hope for.
    """

    pod_set: str
    text: str
    is_certain: bool


def never_fits(message: str, flavors: Mapping[str, AbstractSet[str]]) -> QueueReason | None:
    """Say what can't ever get its quota.

    A pod set may take another flavor: it never fits only if no flavor is left for it.

    Parameters
    ----------
    message
        Of the condition QuotaReserved.
    flavors
        Flavors of the queue by resource, as far as they are known.

    Returns
    -------
    QueueReason or None
        The first pod set that never fits, one that is certain first; None if waiting may help all
        of them.
    """
    found: list[QueueReason] = []
    for pod_set in _POD_SET.finditer(message):
        reasons = pod_set["reasons"]
        unknown = _UNKNOWN.search(reasons)
        if unknown is not None:
            said = f"the queue has no {unknown['resource']} at all"
            found.append(QueueReason(pod_set["name"], said, is_certain=True))
            continue
        hopeless = list(_NEVER.finditer(reasons))
        shut = {match["flavor"] for match in hopeless}
        shut |= {match["taint"] or match["flavor"] for match in _CLOSED.finditer(reasons)}
        mentioned = shut | {match["flavor"] for match in _WAITING.finditer(reasons)}
        for match in hopeless:
            known = flavors.get(match["resource"])
            if (mentioned if known is None else known) <= shut:
                said = _never_text(match)
                found.append(QueueReason(pod_set["name"], said, is_certain=known is not None))
    return min(found, key=lambda reason: not reason.is_certain, default=None)


def still_needed(message: str) -> str:
    """Say how much has to come free, for people; empty if the message does not say."""
    needed: dict[str, float] = {}
    for match in _WAITING.finditer(message):
        more = quantity(match["more"])
        if more is not None:
            resource = match["resource"]
            needed[resource] = max(needed.get(resource, 0), more)
    return " and ".join(amount_text(resource, more) for resource, more in needed.items())


def _never_text(match: re.Match[str]) -> str:
    resource = match["resource"]
    figures = _FIGURES.search(match["figures"])
    asked = quantity(figures["asked"]) if figures else None
    most = quantity(figures["most"]) if figures else None
    if figures is None or asked is None or most is None:
        return f"more {resource} is asked for than flavor {match['flavor']} ever has"
    others = quantity(figures["others"])
    beside = f" beside {bare_amount(resource, others)} for the rest" if others else ""
    return (
        f"{amount_text(resource, asked)} are asked for{beside}, and the queue never has more than"
        f" {bare_amount(resource, most)}"
    )
