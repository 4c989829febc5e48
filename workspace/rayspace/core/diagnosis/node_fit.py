"""Which nodes could hold a pod: by size, by taints, and by the labels that it asks for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rayspace.core.diagnosis.fields import field, items, mapping, text, texts
from rayspace.core.diagnosis.quantities import quantities

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from rayspace.model.snapshot import KubeObject

#: Taints that Kubernetes and autoscalers set and take away themselves, by what a node is like just
#: now. Source: https://kubernetes.io/docs/reference/labels-annotations-taints/, and
#: cluster-autoscaler/utils/taints/taints.go.
_PASSING = ("node.kubernetes.io/", "node.cloudprovider.kubernetes.io/")
_CORDONED = {"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule"}
_LEAVING = {"ToBeDeletedByClusterAutoscaler", "karpenter.sh/disrupted"}
#: What nodes of pools bear that somebody can let grow: Karpenter, Google, Amazon, Azure, and
#: machines of Cluster API and of OpenShift.
_POOLS = {
    "karpenter.sh/nodepool",
    "cloud.google.com/gke-nodepool",
    "eks.amazonaws.com/nodegroup",
    "kubernetes.azure.com/agentpool",
    "cluster.x-k8s.io/machine",
    "machine.openshift.io/machine",
}


def node_size(node: KubeObject) -> dict[str, float]:
    """Return what a node can give to pods, by resource. [1]"""
    size = mapping(node, "status", "allocatable") or mapping(node, "status", "capacity")
    return quantities(size)


def is_large_enough(node: KubeObject, requests: Mapping[str, float]) -> bool:
    """Tell whether an empty node could hold a pod."""
    size = node_size(node)
    return all(size.get(name, 0) >= amount for name, amount in requests.items() if amount > 0)


def largest(nodes: Iterable[KubeObject], resource: str) -> float:
    """Return how much of a resource the largest node has; 0 if none has any. [1]"""
    return max((node_size(node).get(resource, 0) for node in nodes), default=0)


def intolerable_taints(node: KubeObject, pod: KubeObject) -> list[str]:
    """Name the taints of a node that keep a pod away, as kubectl writes them."""
    return [_taint_text(taint) for taint in _intolerable(node, pod)]


def lasting_taints(node: KubeObject, pod: KubeObject) -> list[str]:
    """Name those that keep it away until somebody takes them from the node."""
    return [_taint_text(taint) for taint in _intolerable(node, pod) if not _is_passing(taint)]


def passing_reasons(node: KubeObject, pod: KubeObject) -> list[str]:
    """Name what keeps a pod from a node for now: cordoned, not ready, short of something."""
    keys = [text(taint, "key") for taint in _intolerable(node, pod) if _is_passing(taint)]
    return [
        "cordoned" if key == _CORDONED["key"] else key.rpartition("/")[2].replace("-", " ")
        for key in keys
    ]


def is_of_pool(node: KubeObject) -> bool:
    """Tell whether a node belongs to a pool, so that there may be pools without a node yet."""
    borne = {**texts(node, "metadata", "labels"), **texts(node, "metadata", "annotations")}
    return not _POOLS.isdisjoint(borne)


def wanted_labels(pod: KubeObject) -> dict[str, str]:
    """Return the labels that a pod wants its node to bear."""
    return texts(pod, "spec", "nodeSelector")


def bears_labels(node: KubeObject, pod: KubeObject) -> bool:
    """Tell whether a node bears the labels that a pod asks for by its selector."""
    labels = texts(node, "metadata", "labels")
    return all(labels.get(name) == value for name, value in wanted_labels(pod).items())


def _intolerable(node: KubeObject, pod: KubeObject) -> list[KubeObject]:
    tolerations = items(pod, "spec", "tolerations")
    taints = list(items(node, "spec", "taints"))
    keys = {text(taint, "key") for taint in taints}
    if field(node, "spec", "unschedulable") is True and _CORDONED["key"] not in keys:
        # The scheduler takes the one for the other.
        taints.append(_CORDONED)
    return [
        taint
        for taint in taints
        if text(taint, "effect") in {"NoSchedule", "NoExecute"}
        and not any(_tolerates(toleration, taint) for toleration in tolerations)
    ]


def _is_passing(taint: KubeObject) -> bool:
    key = text(taint, "key")
    return key.startswith(_PASSING) or key in _LEAVING


def _tolerates(toleration: KubeObject, taint: KubeObject) -> bool:
    """Tell whether a toleration covers a taint: core/v1 Toleration.ToleratesTaint."""
    if text(toleration, "effect") not in {"", text(taint, "effect")}:
        return False
    key = text(toleration, "key")
    if key not in {"", text(taint, "key")}:
        return False
    if text(toleration, "operator") == "Exists":
        return True
    return bool(key) and text(toleration, "value") == text(taint, "value")


def _taint_text(taint: KubeObject) -> str:
    value = text(taint, "value")
    return f"{text(taint, 'key')}{'=' if value else ''}{value}:{text(taint, 'effect')}"
