"""Which nodes could hold a pod: by size, by taints, and by the labels that it asks for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rayspace.core.diagnosis.fields import items, mapping, text, texts
from rayspace.core.diagnosis.quantities import quantities

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from rayspace.model.snapshot import KubeObject


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
    tolerations = items(pod, "spec", "tolerations")
    return [
        _taint_text(taint)
        for taint in items(node, "spec", "taints")
        if text(taint, "effect") in {"NoSchedule", "NoExecute"}
        and not any(_tolerates(toleration, taint) for toleration in tolerations)
    ]


def wanted_labels(pod: KubeObject) -> dict[str, str]:
    """Return the labels that a pod wants its node to bear."""
    return texts(pod, "spec", "nodeSelector")


def bears_labels(node: KubeObject, pod: KubeObject) -> bool:
    """Tell whether a node bears the labels that a pod asks for by its selector."""
    labels = texts(node, "metadata", "labels")
    return all(labels.get(name) == value for name, value in wanted_labels(pod).items())


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
