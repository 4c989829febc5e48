"""Pods that no node takes: what was asked for, and what there is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rayspace.core.diagnosis.commands import anew
from rayspace.core.diagnosis.fields import items, text
from rayspace.core.diagnosis.finding import ASKS, Finding, pod_evidence, role_of
from rayspace.core.diagnosis.node_fit import (
    bears_labels,
    intolerable_taints,
    is_large_enough,
    largest,
    wanted_labels,
)
from rayspace.core.diagnosis.quantities import amount_text, bare_amount, is_gpu
from rayspace.core.diagnosis.scheduler_words import (
    Reason,
    missing_claim,
    reasons_text,
    scheduler_reasons,
)
from rayspace.model.problem import Evidence, Owner
from rayspace.units import format_count

if TYPE_CHECKING:
    from rayspace.core.diagnosis.events import KubeEvent
    from rayspace.core.diagnosis.pods import RayPod
    from rayspace.core.diagnosis.view import ClusterView

#: An autoscaler of nodes says within this time whether it will help: it looks every 10 s. [ms]
_PATIENCE_MS = 30_000
#: Sources: cluster-autoscaler/processors/status/eventing_scale_up_processor.go, and Karpenter's
#: pkg/controllers/provisioning/scheduling/events.go.
_HELPS, _DOES_NOT_HELP = ("TriggeredScaleUp", "Nominated"), "NotTriggerScaleUp"
_AUTOSCALERS = ("cluster-autoscaler", "karpenter")


def scheduling_finding(view: ClusterView, pod: RayPod) -> Finding | None:
    """Say why a pod has no node.

    Parameters
    ----------
    view
        The cluster.
    pod
        One of its pods.

    Returns
    -------
    Finding or None
        Why; None if it has one, or if the scheduler has not said anything yet.
    """
    if pod.node or pod.has_ended or pod.scheduled.is_true:
        return None
    failed = view.event("FailedScheduling", pod=pod)
    message = pod.scheduled.message or (failed.message if failed else "")
    if not message:
        return None
    claim = missing_claim(message)
    if claim is not None:
        return _claim_missing(view, pod, message, *claim)
    if "unbound immediate PersistentVolumeClaims" in message:
        return _claim_pending(view, pod, message)
    return _Placement(view, pod, message).finding()


class _Placement:
    """One pod that the scheduler could not place."""

    def __init__(self, view: ClusterView, pod: RayPod, message: str) -> None:
        self.view, self.pod, self.message = view, pod, message
        self.reasons = scheduler_reasons(message)
        self.nodes = None if view.nodes is None else list(view.nodes.values())

    def finding(self) -> Finding:
        """Say why, by what stands in the way at the nodes that would be large enough."""
        if self.nodes:
            lacking = self.lacking()
            if lacking:
                return self.too_large(lacking)
            fits = [node for node in self.nodes if is_large_enough(node, self.pod.requests)]
            if not fits and self.pod.requests:
                return self.nowhere_together()
        if not self.reasons:
            first = self.message.splitlines()[0].rstrip(".")
            return self.made("unschedulable_other", f"can't be placed yet: {first}.", self.wait())
        return self.by_reason(self.decisive())

    def lacking(self) -> list[str]:
        """Name the resources of which even the largest node has too little, GPUs first."""
        asked = self.pod.requests
        names = [r for r in asked if asked[r] > largest(self.nodes or (), r)]
        return sorted(names, key=lambda r: (not is_gpu(r), r != "memory", r != "cpu", r))

    def too_large(self, lacking: list[str]) -> Finding:
        parts = []
        for resource in lacking:
            most = largest(self.nodes or (), resource)
            has = (
                f"the largest node has {bare_amount(resource, most)}" if most else "no node has any"
            )
            parts.append(f"{amount_text(resource, self.pod.requests[resource])}; {has}")
        best = largest(self.nodes or (), lacking[0])
        return self.made(
            _code(lacking[0]),
            f"can't be placed: {ASKS} for {', and for '.join(parts)}.",
            self.smaller(lacking[0], best),
            is_final=self.is_final(),
        )

    def nowhere_together(self) -> Finding:
        asked = self.pod.requests
        listing = " and ".join(amount_text(r, asked[r]) for r in sorted(asked) if asked[r])
        by_count = [r.code for r in self.reasons if r.resource] or ["unschedulable_other"]
        return self.made(
            by_count[0],
            f"can't be placed: {ASKS} for {listing}, and no node has all of that together.",
            self.smaller("", 0),
            is_final=self.is_final(),
        )

    def decisive(self) -> Reason:
        """Choose the reason that stands in the way where the pod would fit by size."""
        by_code = {reason.code: reason for reason in reversed(self.reasons)}
        fits = [n for n in self.nodes or () if is_large_enough(n, self.pod.requests)]
        manifest = self.pod.manifest
        if fits and "unschedulable_selector" in by_code:
            fits = [node for node in fits if bears_labels(node, manifest)]
            if not fits:
                return by_code["unschedulable_selector"]
        if fits and "unschedulable_taint" in by_code:
            fits = [node for node in fits if not intolerable_taints(node, manifest)]
            if not fits:
                return by_code["unschedulable_taint"]
        short = [reason for reason in self.reasons if reason.resource]
        if fits and short:
            return next((reason for reason in short if is_gpu(reason.resource)), short[0])
        return self.reasons[0]

    def by_reason(self, reason: Reason) -> Finding:
        told = reasons_text(self.reasons)
        if reason.code == "unschedulable_taint":
            return self.tainted(told)
        if reason.code == "unschedulable_selector":
            wanted = wanted_labels(self.pod.manifest)
            labels = ", ".join(f"{name}={value}" for name, value in wanted.items())
            asked = f" ({labels})" if labels else ""
            return self.made(
                reason.code,
                f"can't be placed: no node that is free is of the kind asked for{asked}. {told}.",
                "Look which kinds there are (`kubectl get nodes --show-labels`), and ask for one of"
                f" them in the profile, or so: {anew(self.view, '--gpu-type T')}",
            )
        if not reason.resource:
            return self.made(reason.code, f"can't be placed yet: {told}.", self.wait())
        amount = self.pod.requests.get(reason.resource)
        asked = f"{ASKS} for " + (
            "more than is free" if amount is None else amount_text(reason.resource, amount)
        )
        free = "" if self.nodes is None else ", and no node has that much free now"
        if amount is None:
            free = ""
        return self.made(reason.code, f"can't be placed yet: {asked}{free}. {told}.", self.wait())

    def tainted(self, told: str) -> Finding:
        found = [
            t for node in self.nodes or () for t in intolerable_taints(node, self.pod.manifest)
        ]
        taints = ", ".join(dict.fromkeys(found))
        named = f" by taints that it does not tolerate ({taints})" if taints else " for others"
        return self.made(
            "unschedulable_taint",
            f"can't be placed: the nodes that could hold it are reserved{named}. {told}.",
            "Ask an admin which toleration you may use, and set it in the profile"
            + (f": tolerations: [{found[0]!r}]" if found else "."),
            owner=Owner.ADMIN,
        )

    def made(
        self, code: str, fact: str, hint: str, *, is_final: bool = False, owner: Owner = Owner.YOU
    ) -> Finding:
        evidence = pod_evidence(self.pod, self.message)
        said = self.autoscaler()
        if said is not None:
            evidence += pod_evidence(self.pod, said.message)
            if said.reason in _HELPS:
                hint = "Wait: a node is being added, which takes some minutes."
            elif said.reason == _DOES_NOT_HELP:
                fact += " The autoscaler of nodes adds none for it."
        return Finding(code, fact, hint, owner, evidence, is_final, (role_of(self.pod),))

    def autoscaler(self) -> KubeEvent | None:
        """Return what an autoscaler of nodes said of this pod last."""
        for event in reversed(self.view.events):
            of_pod = (event.kind, event.name) == ("Pod", self.pod.name)
            if of_pod and (event.reason in (*_HELPS, _DOES_NOT_HELP) or _by_autoscaler(event)):
                return event
        return None

    def is_final(self) -> bool:
        """Tell whether no node will come: nobody adds any, and the scheduler had its time."""
        grows = any(
            event.reason in (*_HELPS, _DOES_NOT_HELP) or _by_autoscaler(event)
            for event in self.view.events
        )
        since_ms = self.pod.scheduled.since_ms
        return not grows and self.view.age_ms(since_ms) >= _PATIENCE_MS

    def smaller(self, resource: str, most: float) -> str:
        if self.pod.is_head or not resource:
            whose = "the head" if self.pod.is_head else "each worker"
            hint = f"Ask for less for {whose} in the profile"
            return hint + f", then start it anew: {anew(self.view)}"
        if not most:
            return "Ask an admin for such nodes, or choose a profile that does without."
        if is_gpu(resource):
            asked, flag = f"at most {format_count(most, 'GPU')}", "--gpus N"
        elif resource in {"cpu", "memory"}:
            # What runs on every node takes its part of them.
            asked = f"less than {amount_text(resource, most)}"
            flag = "--cpus N" if resource == "cpu" else "--memory SIZE"
        else:
            return f"Ask for at most {amount_text(resource, most)} a worker, in the profile."
        return f"Ask for {asked} a worker: {anew(self.view, flag)}"

    def wait(self) -> str:
        return (
            "Wait until others end, ask for less, or end what you do not need: rayspace cluster"
            " list"
        )


def _by_autoscaler(event: KubeEvent) -> bool:
    return any(name in event.component for name in _AUTOSCALERS)


def _code(resource: str) -> str:
    if is_gpu(resource):
        return "unschedulable_gpu"
    return f"unschedulable_{resource if resource in {'cpu', 'memory'} else 'other'}"


def _claim_missing(view: ClusterView, pod: RayPod, message: str, name: str, what: str) -> Finding:
    namespace = view.snapshot.namespace
    said = f"does not exist in the namespace {namespace}" if what == "not found" else what
    return Finding(
        "claim_missing",
        f"can't be placed: the volume claim {name} {said}.",
        f"Name a claim that exists in the profile: kubectl get pvc -n {namespace}",
        Owner.YOU,
        pod_evidence(pod, message),
        view.age_ms(pod.created_ms) >= _PATIENCE_MS,
        (role_of(pod),),
    )


def _claim_pending(view: ClusterView, pod: RayPod, message: str) -> Finding:
    named = [text(volume, "persistentVolumeClaim", "claimName") for volume in _volumes(pod)]
    claims = items({"items": view.snapshot.claims}, "items")
    phases = {text(claim, "metadata", "name"): text(claim, "status", "phase") for claim in claims}
    waiting = [name for name in named if name and phases.get(name, "Pending") != "Bound"]
    which = ", ".join(waiting) or "that it names"
    evidence = tuple(
        Evidence("PersistentVolumeClaim", name, f"status.phase: {phases[name]}")
        for name in waiting
        if phases.get(name)
    )
    return Finding(
        "claim_pending",
        f"can't be placed yet: the volume claim {which} has no volume.",
        "Ask an admin why no volume is made for it: kubectl describe pvc"
        f" {waiting[0] if waiting else ''} -n {view.snapshot.namespace}".replace("  ", " "),
        Owner.ADMIN,
        pod_evidence(pod, message) + evidence,
        roles=(role_of(pod),),
    )


def _volumes(pod: RayPod) -> tuple[object, ...]:
    return items(pod.manifest, "spec", "volumes")
