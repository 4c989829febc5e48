"""What the API server answered when it refused a pod, in its own words.

KubeRay passes the answer on in the condition ReplicaFailure of the RayCluster, and in an event for
each attempt. Sources: apiserver/pkg/admission/plugin/resourcequota/controller.go,
kubernetes/plugin/pkg/admission/limitranger/admission.go, kubernetes/pkg/quota/v1/evaluator/core,
pod-security-admission/admission and apiserver/pkg/admission/plugin/webhook/errors of 1.35.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from rayspace.core.diagnosis.commands import command, start
from rayspace.core.diagnosis.fields import mapping
from rayspace.core.diagnosis.finding import Finding, Role
from rayspace.core.diagnosis.pods import pod_resources
from rayspace.core.diagnosis.quantities import (
    amount_text,
    bare_amount,
    plain_resource,
    quantity,
)
from rayspace.model.problem import Evidence, Owner

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rayspace.core.diagnosis.view import ClusterView

_EXCEEDED = re.compile(
    r"exceeded quota: (?P<quota>[^,]+), requested: (?P<requested>\S+), used: (?P<used>\S+), "
    r"limited: (?P<limited>\S+)"
)
_UNLIMITED = re.compile(r"failed quota: (?P<quota>[^:]+): must specify (?P<what>.+)", re.DOTALL)
_OUT_OF_RANGE = re.compile(
    r"(?:(?:minimum|maximum) \S+ usage per \w+ is|max limit to request ratio per \w+ is)[^\n]*"
)
_POD_SECURITY = re.compile(r'violates PodSecurity "(?P<level>[^":]+)[^"]*": (?P<why>.+)', re.DOTALL)
_WEBHOOK = re.compile(r'admission webhook "(?P<name>[^"]+)" denied the request:?\s*(?P<why>.*)')
_POLICY = re.compile(r"olicy '(?P<name>[^']+)'[^\n]* denied request: (?P<why>.*)")
_NO_WEBHOOK = re.compile(r'failed calling webhook "(?P<name>[^"]+)"')
_NO_ACCOUNT = re.compile(r'serviceaccount "(?P<name>[^"]+)" not found')
_NO_RIGHT = re.compile(r'User "(?P<user>[^"]+)" cannot (?P<what>[^:]+?)(?: in the namespace.*)?$')
#: What KubeRay's init container asks for, whatever the worker does. [CPUs]
#: Source: ray-operator/controllers/ray/common/pod.go, DefaultWorkerPodTemplate.
_INIT_CPUS = 0.2


@dataclass(frozen=True)
class Refusal:
    """One answer of the API server.

    Parameters
    ----------
    message
        Its words.
    what
        What could not be made: ``"the head's pod"``.
    evidence
        Where it was read.
    role
        What the pod would have been; None for another object.
    """

    message: str
    what: str
    evidence: Evidence
    role: Role | None


def refusal_finding(view: ClusterView, refusal: Refusal) -> Finding:
    """Say what a refusal means.

    Parameters
    ----------
    view
        The cluster.
    refusal
        The answer.

    Returns
    -------
    Finding
        What it means.
    """
    for meaning in (_quota, _no_limits, _range, _admission, _rights):
        finding = meaning(view, refusal)
        if finding is not None:
            if refusal.role is None:
                fact = f"{refusal.what} {finding.fact}"
                return replace(finding, fact=fact, evidence=(refusal.evidence,))
            return replace(finding, evidence=(refusal.evidence,), roles=(refusal.role,))
    first = refusal.message.splitlines()[0] if refusal.message else "it gives no reason"
    return Finding(
        "operator_failing",
        f"KubeRay could not make or delete {refusal.what}: {first}.",
        "Wait: KubeRay tries again by itself; if it stays so, an admin finds the reason in the"
        " log of the KubeRay operator.",
        Owner.ADMIN,
        (refusal.evidence,),
    )


def _quota(view: ClusterView, refusal: Refusal) -> Finding | None:
    match = _EXCEEDED.search(refusal.message)
    if match is None:
        return None
    name = match["quota"]
    requested, used = _figures(match["requested"]), _figures(match["used"])
    limited = _figures(match["limited"])
    over = [r for r in limited if r in requested and used.get(r, 0) + requested[r] > limited[r]]
    told = "; ".join(
        f"{amount_text(r, requested[r])} more would be needed,"
        f" {bare_amount(r, limited[r])} are allowed and {bare_amount(r, used.get(r, 0))} in use"
        for r in over
    )
    # What the cluster itself holds does not come free by waiting.
    own = {resource: _own_use(view, resource) for resource in over}
    never = any(own[r] + requested[r] > limited[r] for r in over)
    alone = any(requested[r] > limited[r] for r in over)
    hint = (
        f"Ask for less, or ask an admin to raise the quota {name}:"
        f" kubectl describe quota {name} -n {view.snapshot.namespace}"
    )
    if never and not alone and refusal.role is not None and not refusal.role.is_head:
        hint = f"Ask an admin to raise the quota {name}, or be content with fewer workers:"
        hint += f" {command(view, 'scale', '--workers N')}"
    elif not never:
        hint = (
            f"End what you do not need (`rayspace cluster list`), or ask an admin to raise the"
            f" quota {name}: kubectl describe quota {name} -n {view.snapshot.namespace}"
        )
    if _is_init_container(view, refusal.role, requested):
        hint += " (KubeRay adds an init container that asks for 200m of CPU to every worker.)"
    return Finding(
        "quota_exceeded",
        f"can't be made: the quota {name} of the namespace is too small"
        + (f": {told}." if told else "."),
        hint,
        Owner.YOU,
        is_final=never,
    )


def _is_init_container(
    view: ClusterView, role: Role | None, requested: Mapping[str, float]
) -> bool:
    """Tell whether what was asked for is KubeRay's init container rather than the worker."""
    if role is None or role.is_head:
        return False
    own = [
        pod_resources(group.pod_spec, "requests").get("cpu", 0)
        for group in view.groups
        if role.group in {"", group.name}
    ]
    return requested.get("requests.cpu", requested.get("cpu")) == _INIT_CPUS > max(own, default=1)


def _own_use(view: ClusterView, resource: str) -> float:
    """Return how much of a quota the pods of the cluster use themselves. [1]."""
    name = plain_resource(resource)
    kind = "limits" if resource.startswith("limits.") else "requests"
    pods = [pod for pod in view.pods if not pod.has_ended]
    if name == "pods":
        return len(pods)
    return sum(pod_resources(mapping(pod.manifest, "spec"), kind).get(name, 0) for pod in pods)


def _figures(listing: str) -> dict[str, float]:
    pairs = (item.partition("=") for item in listing.split(","))
    read = {name: quantity(value) for name, _, value in pairs}
    return {name: amount for name, amount in read.items() if amount is not None}


def _no_limits(view: ClusterView, refusal: Refusal) -> Finding | None:
    match = _UNLIMITED.search(refusal.message)
    if match is None:
        return None
    what = match["what"].strip().rstrip(".")
    kind = "limits" if "limits." in what else "requests"
    return Finding(
        "quota_needs_limits",
        f"can't be made: the quota {match['quota']} counts {kind}, so every container has to say"
        f" its own; missing: {what}.",
        "Give CPUs and memory in the profile, for the head and for the workers; or ask an admin for"
        f" defaults in a LimitRange of the namespace {view.snapshot.namespace}.",
        Owner.YOU,
        is_final=True,
    )


def _range(view: ClusterView, refusal: Refusal) -> Finding | None:
    found = _OUT_OF_RANGE.findall(refusal.message)
    if not found:
        return None
    said = "; ".join(item.strip(" ,[].") for item in found)
    return Finding(
        "limit_range",
        f"can't be made: it is outside of what the namespace allows for one pod or container:"
        f" {said}.",
        "Ask for what lies within the limits:"
        f" kubectl describe limitrange -n {view.snapshot.namespace}",
        Owner.YOU,
        is_final=True,
    )


def _admission(view: ClusterView, refusal: Refusal) -> Finding | None:
    message, namespace = refusal.message, view.snapshot.namespace
    security = _POD_SECURITY.search(message)
    if security is not None:
        return Finding(
            "admission_refused",
            f"can't be made: the namespace only takes pods that are"
            f" {security['level']!r}: {security['why'].strip()}.",
            "Set the securityContext that is missing in the profile, or ask an admin for another"
            f" level: kubectl get namespace {namespace} --show-labels",
            Owner.ADMIN,
            is_final=True,
        )
    denied = _WEBHOOK.search(message) or _POLICY.search(message)
    if denied is not None:
        return Finding(
            "admission_refused",
            f"can't be made: a rule of the administrators ({denied['name']}) refused it:"
            f" {denied['why'].strip() or 'without a reason'}.",
            "Change the profile as the rule says, or ask an admin about it.",
            Owner.ADMIN,
            is_final=True,
        )
    away = _NO_WEBHOOK.search(message)
    if away is not None:
        return Finding(
            "admission_refused",
            f"can't be made: the service that has to admit pods ({away['name']}) does not answer.",
            "Wait, or tell an admin:"
            " kubectl get mutatingwebhookconfigurations,validatingwebhookconfigurations",
            Owner.ADMIN,
        )
    return None


def _rights(view: ClusterView, refusal: Refusal) -> Finding | None:
    message, namespace = refusal.message, view.snapshot.namespace
    account = _NO_ACCOUNT.search(message)
    if account is not None:
        return Finding(
            "service_account_missing",
            f"can't be made: the service account {account['name']} does not exist in the namespace"
            f" {namespace}.",
            f"kubectl create serviceaccount {account['name']} -n {namespace}",
            Owner.ADMIN,
            is_final=True,
        )
    if "is forbidden" not in message:
        return None
    if "being terminated" in message:
        why = f"the namespace {namespace} is being deleted"
        return Finding(
            "forbidden",
            f"can't be made: {why}.",
            f"Choose another namespace: {start(view, '-n NAMESPACE')}",
            Owner.YOU,
            is_final=True,
        )
    user = _NO_RIGHT.search(message)
    why = message.partition("is forbidden:")[2].strip().rstrip(".") or "Kubernetes forbids it"
    if user is not None:
        why = f"{user['user']} may not {user['what']}"
    return Finding(
        "forbidden",
        f"can't be made: {why}.",
        f"Ask an admin for the right, or for the reason: kubectl get events -n {namespace}",
        Owner.ADMIN,
        is_final=user is not None,
    )
