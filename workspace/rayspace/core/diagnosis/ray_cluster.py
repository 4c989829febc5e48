"""What the RayCluster says of itself, and what KubeRay says of it.

``status.state`` and the condition RayClusterProvisioned are not read: the one is empty while a
cluster starts and stays ``ready`` when it fails, the other is true with no worker at all where a
quota keeps them away. Source of reasons and messages: ray-operator/controllers/ray of KubeRay 1.6
(raycluster_controller.go, utils/validation.go, utils/constant.go).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rayspace.core.diagnosis.commands import anew, command, on_target, start
from rayspace.core.diagnosis.fields import count, field, mapping, moment_ms, text
from rayspace.core.diagnosis.finding import Finding, Role
from rayspace.core.diagnosis.pods import role_in_name
from rayspace.core.diagnosis.queue import is_queued
from rayspace.core.diagnosis.refusals import Refusal, refusal_finding
from rayspace.model.problem import Evidence, Owner

if TYPE_CHECKING:
    from rayspace.core.diagnosis.view import ClusterView

#: An operator takes notice of a cluster within a second, unless it just starts itself. [ms]
_PATIENCE_MS = 30_000
_INVALID = ("InvalidRayClusterSpec", "InvalidRayClusterMetadata", "InvalidRayClusterStatus")
_FAILED_PODS = ("FailedToCreateHeadPod", "FailedToCreateWorkerPod")
#: What has to exist before the head's pod is made, by the event that says that it could not be.
_FAILED_PARTS = {
    "FailedToCreateService": "the cluster's Service",
    "FailedToUpdateService": "the cluster's Service",
    "FailedToCreateServiceAccount": "the autoscaler's service account",
    "AutoscalerServiceAccountNotFound": "the autoscaler's service account",
    "FailedToCreateRole": "the autoscaler's Role",
    "FailedToCreateRoleBinding": "the autoscaler's RoleBinding",
    "FailedToCreateIngress": "the cluster's Ingress",
    "FailedToCreateRoute": "the cluster's Route",
}


def end_finding(view: ClusterView) -> Finding | None:
    """Say that there is no cluster, or soon none or none on purpose.

    Parameters
    ----------
    view
        The cluster.

    Returns
    -------
    Finding or None
        What ends all other questions; None if the cluster is wanted.
    """
    name, namespace = view.snapshot.name, view.snapshot.namespace
    document = view.snapshot.ray_cluster
    if document is None:
        return Finding(
            "cluster_missing",
            f"There is no RayCluster {name} in the namespace {namespace}.",
            f"rayspace cluster list {on_target(view)}".rstrip(),
            Owner.YOU,
            is_final=True,
        )
    deleted = text(document, "metadata", "deletionTimestamp")
    if deleted:
        holds = _texts_of(field(document, "metadata", "finalizers"))
        waits = f", and waits for {', '.join(holds)}" if holds else ""
        return Finding(
            "deleting",
            f"The cluster is being deleted{waits}.",
            f"Wait until it is gone, then start it anew: {start(view)}",
            Owner.YOU,
            (Evidence("RayCluster", name, f"metadata.deletionTimestamp: {deleted}"),),
            is_final=True,
        )
    if view.is_suspended and not is_queued(view):
        return Finding(
            "suspended",
            "The cluster is suspended: it has no pods, and keeps what was asked for.",
            command(view, "resume"),
            Owner.YOU,
            (Evidence("RayCluster", name, "spec.suspend: true"),),
            is_final=True,
        )
    return None


def operator_findings(view: ClusterView) -> list[Finding]:
    """Say what keeps KubeRay from making the pods of a cluster.

    Parameters
    ----------
    view
        The cluster.

    Returns
    -------
    list of Finding
        Nothing if KubeRay made what it could.
    """
    found = [_invalid(view), _no_operator(view), *_refusals(view)]
    return [finding for finding in found if finding is not None]


def missing_workers(view: ClusterView) -> list[Finding]:
    """Say of which groups there are fewer pods than wanted, for no reason that was told.

    Parameters
    ----------
    view
        The cluster.

    Returns
    -------
    list of Finding
        Nothing before the head is ready: KubeRay may still be at work.
    """
    if not view.is_head_ready or view.is_suspended:
        return []
    found = []
    for group in view.groups:
        n_pods = sum(not pod.is_head and pod.group == group.name for pod in view.pods)
        if n_pods < group.n_desired:
            said = view.condition("RayClusterProvisioned")
            finding = Finding(
                "worker_missing",
                f"Of {group.n_desired} workers of group {group.name} only {n_pods} were made, and"
                " KubeRay does not say why.",
                "Wait a minute; if it stays so, an admin finds the reason in the log of the KubeRay"
                " operator.",
                Owner.ADMIN,
                (
                    Evidence(
                        "RayCluster",
                        view.snapshot.name,
                        f"RayClusterProvisioned={said.status} {said.words}".strip(),
                    ),
                ),
                groups=(group.name,),
            )
            found.append(finding)
    return found


def is_accepted(view: ClusterView) -> bool:
    """Tell whether KubeRay works on the cluster as it is asked for now."""
    if view.pods:
        return True
    return bool(mapping(view.snapshot.ray_cluster, "status")) and _invalid(view) is None


def _invalid(view: ClusterView) -> Finding | None:
    event = view.event(*_INVALID)
    if event is None:
        return None
    document = view.snapshot.ray_cluster
    # KubeRay writes this after all checks have passed, and stops at the first that does not.
    passed = count(document, "status", "observedGeneration", default=-1)
    if passed == count(document, "metadata", "generation", default=0):
        return None
    name = view.snapshot.name
    whole = f"{view.snapshot.namespace}/{name}"
    said = event.message.partition(whole)[2].lstrip(":, ") or event.message
    return Finding(
        "spec_invalid",
        f"KubeRay does not accept the cluster: {said.rstrip('.')}.",
        f"Mend the profile or its overlay, then: {anew(view)}",
        Owner.YOU,
        (Evidence("RayCluster", name, event.message),),
        is_final=event.reason != "InvalidRayClusterStatus",
    )


def _no_operator(view: ClusterView) -> Finding | None:
    document = view.snapshot.ray_cluster
    age_ms = view.age_ms(moment_ms(document, "metadata", "creationTimestamp"))
    if view.snapshot.has_operator or view.pods or age_ms < _PATIENCE_MS:
        return None
    return Finding(
        "no_operator",
        "No KubeRay operator has taken notice of the cluster: it is not installed, it is down, or"
        f" it does not watch the namespace {view.snapshot.namespace}.",
        "Ask an admin to look after it: kubectl get deployments -A -l"
        " app.kubernetes.io/name=kuberay",
        Owner.ADMIN,
        (Evidence("RayCluster", view.snapshot.name, "status: {}"),),
    )


def _refusals(view: ClusterView) -> list[Finding]:
    name = view.snapshot.name
    failure = view.condition("ReplicaFailure")
    if failure.is_true:
        # The first line repeats the reason.
        message = failure.message.removeprefix(failure.reason).strip()
        what = {
            "FailedCreateHeadPod": "the head's pod",
            "FailedCreateWorkerPod": "the pod of a worker",
        }.get(failure.reason, "a pod")
        role = _refused_role(view, failure.reason, message)
        evidence = Evidence("RayCluster", name, failure.words)
        return [refusal_finding(view, Refusal(message, what, evidence, role))]
    if view.head is not None or not is_accepted(view):
        return []
    # Older operators write no conditions; what must exist before the head only has events.
    event = view.event(*_FAILED_PARTS, *_FAILED_PODS)
    if event is None or not view.is_recent(event):
        return []
    role = _refused_role(view, event.reason, event.message)
    what = _FAILED_PARTS.get(event.reason, "a pod")
    evidence = Evidence("RayCluster", name, event.message)
    return [refusal_finding(view, Refusal(event.message, what, evidence, role))]


def _refused_role(view: ClusterView, reason: str, message: str) -> Role | None:
    """Tell what a pod would have been, from the name that the API server refused."""
    if reason in {"FailedCreateHeadPod", "FailedToCreateHeadPod"}:
        return Role(is_head=True)
    if reason not in {"FailedCreateWorkerPod", "FailedToCreateWorkerPod"}:
        return None
    pod = message.partition('pods "')[2].partition('"')[0]
    _, group = role_in_name(pod, view.snapshot.name)
    return Role(is_head=False, group=group)


def _texts_of(value: object) -> list[str]:
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []
