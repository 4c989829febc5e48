"""Where a cluster stands in its queue, from Kueue's Workload.

Source of the conditions and reasons: apis/kueue/v1beta2/workload_types.go and
pkg/controller/core/workload_controller.go of Kueue 0.15.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from rayspace.core.diagnosis.commands import anew, command
from rayspace.core.diagnosis.fields import Condition, condition, field, items, text
from rayspace.core.diagnosis.finding import Finding
from rayspace.core.diagnosis.queue_words import never_fits, still_needed
from rayspace.model.problem import Evidence, Owner

if TYPE_CHECKING:
    from rayspace.core.diagnosis.view import ClusterView

_MISSING = re.compile(
    r"(?P<kind>LocalQueue|ClusterQueue) (?P<name>\S+)"
    r" (?:doesn't exist|is terminating or missing)"
)
_STOPPED = re.compile(r"(?P<kind>LocalQueue|ClusterQueue) (?P<name>\S+) is (?:inactive|stopped)")
_STOP_REASONS = {"ClusterQueueStopped", "LocalQueueStopped"}


def is_queued(view: ClusterView) -> bool:
    """Tell whether a queue decides when the cluster may have its pods."""
    return bool(view.queue) or bool(view.snapshot.workload)


def is_admitted(view: ClusterView) -> bool:
    """Tell whether the queue has let the cluster in."""
    return condition(view.snapshot.workload, "Admitted").is_true


def queue_findings(view: ClusterView) -> list[Finding]:
    """Say why the queue does not let a cluster in.

    Parameters
    ----------
    view
        The cluster.

    Returns
    -------
    list of Finding
        Nothing if it is in no queue, or was let in.
    """
    workload = view.snapshot.workload
    if not is_queued(view) or is_admitted(view) or condition(workload, "Finished").is_true:
        return []
    if not workload:
        # A cluster that has its pods was let in, whatever Kueue lets us read.
        return [_unknown(view)] if view.is_suspended else []
    evicted = condition(workload, "Evicted")
    if field(workload, "spec", "active") is False:
        return [_inactive(view, evicted)]
    reserved = condition(workload, "QuotaReserved")
    found = [_checks(view)] if reserved.is_true else [_waiting(view, reserved, evicted)]
    if evicted.is_true and evicted.reason not in _STOP_REASONS:
        found.append(_evicted(view, evicted))
    return found


def _queue(view: ClusterView) -> str:
    return text(view.snapshot.workload, "spec", "queueName") or view.queue or "without a name"


def _evidence(view: ClusterView, said: Condition) -> tuple[Evidence, ...]:
    name = text(view.snapshot.workload, "metadata", "name")
    return (Evidence("Workload", name, said.words),)


def _unknown(view: ClusterView) -> Finding:
    return Finding(
        "queue_not_admitted",
        f"The cluster waits in the queue {_queue(view)}; why is not known, as Kueue's record of it"
        " can't be read or is not there yet.",
        "If it stays so, ask an admin whether Kueue runs and whether you may read its records:"
        f" kubectl get workloads -n {view.snapshot.namespace}",
        Owner.ADMIN,
        (Evidence("RayCluster", view.snapshot.name, "spec.suspend: true"),),
    )


def _inactive(view: ClusterView, evicted: Condition) -> Finding:
    why = f": {evicted.message.rstrip('.')}" if evicted.is_true and evicted.message else ""
    return Finding(
        "suspended",
        f"The cluster is suspended; the queue {_queue(view)} leaves it out{why}.",
        command(view, "resume"),
        Owner.YOU,
        _evidence(view, evicted if evicted.is_true else Condition(message="spec.active: false")),
        is_final=True,
    )


def _waiting(view: ClusterView, reserved: Condition, evicted: Condition) -> Finding:
    message, queue = reserved.message, _queue(view)
    evidence = _evidence(view, reserved)
    missing = _MISSING.search(message)
    if missing is not None:
        mine = missing["kind"] == "LocalQueue"
        namespace = view.snapshot.namespace
        return Finding(
            "queue_missing",
            f"The queue {missing['name']} does not exist in the namespace {namespace}."
            if mine
            else f"The queue {queue} leads to the ClusterQueue {missing['name']}, which does not"
            " exist.",
            f"Look which queues there are (`kubectl get localqueues -n {namespace}`), and name one:"
            f" {anew(view, '--queue Q')}"
            if mine
            else f"Ask an admin: kubectl describe localqueue {queue} -n {namespace}",
            Owner.YOU if mine else Owner.ADMIN,
            evidence,
            is_final=True,
        )
    stopped = _STOPPED.search(message)
    if stopped is not None or (evicted.is_true and evicted.reason in _STOP_REASONS):
        return _stopped(view, reserved, evicted)
    never = never_fits(message, _flavors(view))
    if never is not None:
        what = "the head" if never.pod_set == "head" else f"the workers of group {never.pod_set}"
        into, way_out = f"the queue {queue}", "Ask for less or for fewer workers"
        if not never.is_certain:
            # Kueue names the flavors that it tried; whether there are others only the queue says.
            into = f"those flavors of the queue {queue} that were tried"
            way_out = "Wait if the queue has another flavor, ask for less or for fewer workers"
        return Finding(
            "queue_never_fits",
            f"The cluster never fits into {into}: for {what}, {never.text}.",
            f"{way_out}, or name another queue: {anew(view, '--workers N --queue Q')}",
            Owner.YOU,
            evidence,
            is_final=never.is_certain,
        )
    if reserved.status == "False" and reserved.reason not in {"Pending", ""}:
        return _not_admitted(view, reserved)
    return _in_line(view, reserved)


def _in_line(view: ClusterView, reserved: Condition) -> Finding:
    position = view.snapshot.queue_position
    place = ""
    if position is not None:
        place = ", as the next" if position == 0 else f", with {position} before it"
    needed = still_needed(reserved.message)
    free = f"; {needed} more must come free" if needed else ""
    return Finding(
        "queue_waiting",
        f"The cluster waits in the queue {_queue(view)}{place}{free}.",
        "Wait: it starts by itself; or ask for less, or end what you do not need: rayspace cluster"
        " list",
        Owner.YOU,
        _evidence(view, reserved),
    )


def _stopped(view: ClusterView, reserved: Condition, evicted: Condition) -> Finding:
    evidence = _evidence(view, reserved)
    if evicted.is_true:
        evidence += _evidence(view, evicted)
    active = condition(view.snapshot.local_queue, "Active")
    if active.status == "False":
        name = text(view.snapshot.local_queue, "metadata", "name") or _queue(view)
        evidence += (Evidence("LocalQueue", name, active.words),)
    ended = " The cluster was ended for that." if evicted.is_true else ""
    return Finding(
        "queue_stopped",
        f"The queue {_queue(view)} lets nobody in at present.{ended}",
        "Wait until an admin opens it, or name another queue: kubectl get localqueues -n"
        f" {view.snapshot.namespace}",
        Owner.ADMIN,
        tuple(dict.fromkeys(evidence)),
    )


def _not_admitted(view: ClusterView, said: Condition) -> Finding:
    why = (said.message or said.reason or "it does not say why").rstrip(".")
    return Finding(
        "queue_not_admitted",
        f"The queue {_queue(view)} does not let the cluster in: {why}.",
        "Ask an admin of the queue: kubectl describe workload"
        f" {text(view.snapshot.workload, 'metadata', 'name')} -n {view.snapshot.namespace}",
        Owner.ADMIN,
        _evidence(view, said),
    )


def _checks(view: ClusterView) -> Finding:
    open_checks = [
        (text(check, "name"), text(check, "state"), text(check, "message"))
        for check in items(view.snapshot.workload, "status", "admissionChecks")
        if text(check, "state") != "Ready"
    ]
    if not open_checks:
        return _not_admitted(view, Condition(message="it has its quota and is about to start"))
    names = ", ".join(name for name, _, _ in open_checks)
    said = "; ".join(f"{name}: {state} {words}".strip() for name, state, words in open_checks)
    finding = _not_admitted(view, Condition(message=said))
    fact = f"The cluster has its place in the queue {_queue(view)}, and waits for a check: {names}."
    return Finding(finding.code, fact, finding.hint, finding.owner, finding.evidence)


def _evicted(view: ClusterView, evicted: Condition) -> Finding:
    preempted = evicted.reason == "Preempted"
    why = "to make room for another" if preempted else f"({evicted.reason or 'without a reason'})"
    return Finding(
        "evicted",
        f"The queue {_queue(view)} ended the cluster {why}: {evicted.words.rstrip('.')}.",
        "Wait: it starts again when there is room; what ran on it is lost.",
        Owner.ADMIN,
        _evidence(view, evicted),
        is_aside=True,
    )


def _flavors(view: ClusterView) -> dict[str, set[str]]:
    """Read which flavors the queue has for each resource; nothing where it can't be read."""
    found: dict[str, set[str]] = {}
    for flavor in items(view.snapshot.local_queue, "status", "flavorsReservation"):
        for resource in items(flavor, "resources"):
            found.setdefault(text(resource, "name"), set()).add(text(flavor, "name"))
    return found
