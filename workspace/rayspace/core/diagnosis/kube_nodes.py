"""Nodes that are lost, or short of something, under the pods of a cluster."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rayspace.core.diagnosis.fields import condition
from rayspace.core.diagnosis.finding import Finding, role_of
from rayspace.model.problem import Evidence, Owner

if TYPE_CHECKING:
    from rayspace.core.diagnosis.pods import RayPod
    from rayspace.core.diagnosis.view import ClusterView

#: Source: core/v1 NodeConditionType.
_PRESSURES = {
    "MemoryPressure": "memory",
    "DiskPressure": "disk space",
    "PIDPressure": "process ids",
}


def lost_finding(view: ClusterView, pod: RayPod) -> Finding | None:
    """Say that the node of a pod is lost, None if it is not.

    Parameters
    ----------
    view
        The cluster.
    pod
        One of its pods.
    """
    if not view.is_lost(pod):
        return None
    name = pod.node or "that it was given to"
    node = (view.nodes or {}).get(pod.node)
    told = view.event("NodeNotReady", pod=pod)
    if node is not None:
        evidence = Evidence("Node", pod.node, condition(node, "Ready").words)
        what = "does not answer any more"
    elif view.nodes is None and told is not None:
        evidence = Evidence("Pod", pod.name, told.message)
        what = "does not answer any more"
    else:
        evidence = Evidence("Pod", pod.name, f"spec.nodeName: {pod.node}")
        what = "is gone"
    return Finding(
        "node_lost",
        f"can't be reached: the node {name} {what}. Kubernetes shows pods of a lost node as Running"
        " for five minutes.",
        "Wait for up to six minutes for another pod, or have it made at once: kubectl delete pod"
        f" {pod.name} -n {view.snapshot.namespace} --force --grace-period=0",
        Owner.ADMIN,
        (evidence,),
        roles=(role_of(pod),),
    )


def pressure_finding(view: ClusterView, pod: RayPod) -> Finding | None:
    """Say what the node of a pod is short of, None if it is not or is lost.

    Parameters
    ----------
    view
        The cluster.
    pod
        One of its pods.
    """
    node = (view.nodes or {}).get(pod.node)
    if node is None or view.is_lost(pod):
        return None
    found = {kind: condition(node, kind) for kind in _PRESSURES}
    short = {kind: said for kind, said in found.items() if said.is_true}
    if not short:
        return None
    what = " and ".join(_PRESSURES[kind] for kind in short)
    return Finding(
        "node_pressure",
        f"may be ended by Kubernetes: the node {pod.node} is short of {what}.",
        f"Save what matters, and tell an admin: kubectl describe node {pod.node}",
        Owner.ADMIN,
        tuple(Evidence("Node", pod.node, said.words) for said in short.values()),
        roles=(role_of(pod),),
        is_aside=True,
    )
