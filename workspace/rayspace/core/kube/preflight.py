"""Say before a cluster is made what would keep it from coming up: never, or not now.

Only what is known counts: of nodes, quotas or queues that may not be read that alone is said.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rayspace.core.diagnosis.fields import count, field, items, mapping, text
from rayspace.core.diagnosis.node_fit import (
    bears_labels,
    is_large_enough,
    is_of_pool,
    largest,
    lasting_taints,
    passing_reasons,
    wanted_labels,
)
from rayspace.core.diagnosis.quantities import amount_text, bare_amount, quantities, quantity
from rayspace.core.manifests.ray_cluster import GPU_PRODUCT, QUEUE
from rayspace.model.problem import Evidence, Owner, Problem

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from rayspace.model.limits import Excess
    from rayspace.model.snapshot import KubeObject

#: KubeRay gives every worker an init container that asks for this much; a pod counts with the
#: larger of both. Source: ray-operator/controllers/ray/common/pod.go of KubeRay 1.6. [1], [bytes]
_INIT_REQUESTS = {"cpu": 0.2, "memory": 256 * 2.0**20}


@dataclass(frozen=True)
class PreflightFacts:
    """What is known of a namespace. None: may not be read, so unknown.

    Parameters
    ----------
    nodes, quotas, queues
        Nodes; ResourceQuotas and LocalQueues of the namespace.
    excesses
        What goes beyond the administrator's limits.
    has_head_account
        Whether the ServiceAccount of heads that watch themselves is there.
    mismatch
        How the image differs from this machine; empty where it fits.
    """

    nodes: tuple[KubeObject, ...] | None = None
    quotas: tuple[KubeObject, ...] | None = None
    queues: tuple[KubeObject, ...] | None = None
    excesses: tuple[Excess, ...] = ()
    has_head_account: bool | None = None
    mismatch: str = ""


@dataclass(frozen=True)
class _Group:
    label: str
    pod: KubeObject
    requests: dict[str, float]
    n_pods: int


def preflight(manifest: Mapping[str, Any], facts: PreflightFacts) -> tuple[Problem, ...]:
    """Say what would keep a cluster from coming up.

    Parameters
    ----------
    manifest
        The RayCluster.
    facts
        What is known of the namespace.

    Returns
    -------
    tuple of Problem
        Those that could never be mended by waiting first; of the others it may yet wait.
    """
    groups = _groups(manifest)
    found = [
        *_beyond_limits(facts),
        *_no_account(manifest, facts),
        *_no_queue(manifest, facts),
        *_no_node(groups, facts),
        *_no_quota(groups, facts),
        *_other_versions(facts),
    ]
    return tuple(sorted(found, key=lambda problem: not problem.is_final))


def unjudged(manifest: Mapping[str, Any], facts: PreflightFacts) -> tuple[str, ...]:
    """Say of what nothing is known, so that it may yet keep a cluster from coming up.

    Parameters
    ----------
    manifest
        The RayCluster.
    facts
        What is known of the namespace.

    Returns
    -------
    tuple of str
        A sentence for each, without its full stop.
    """
    found = []
    if facts.nodes is None:
        found.append("Whether a node could hold it is unknown: you may not read the nodes")
    if facts.quotas is None:
        found.append("Whether a quota has room for it is unknown: you may not read the quotas")
    queue = (manifest["metadata"].get("labels") or {}).get(QUEUE)
    if queue and facts.queues is None:
        found.append(
            f"Whether there is a queue {queue!r} is unknown: you may not read the queues, or Kueue"
            " is not installed"
        )
    return tuple(found)


def _groups(manifest: Mapping[str, Any]) -> list[_Group]:
    # What can't be read is the API server's to say, which names the field.
    head = mapping(manifest, "spec", "headGroupSpec", "template")
    groups = [_Group("the head", head, _requests(head, is_worker=False), 1)]
    for group in items(manifest, "spec", "workerGroupSpecs"):
        template = mapping(group, "template")
        n_pods = count(group, "replicas")
        # Of an autoscaled group at least one must fit, or it is of no use.
        if n_pods or field(manifest, "spec", "enableInTreeAutoscaling"):
            label = f"a worker of the group {text(group, 'groupName')!r}"
            requests = _requests(template, is_worker=True)
            groups.append(_Group(label, template, requests, n_pods))
    return groups


def _requests(template: Mapping[str, Any], *, is_worker: bool) -> dict[str, float]:
    total: dict[str, float] = {}
    for container in items(template, "spec", "containers"):
        limits, requests = (mapping(container, "resources", key) for key in ("limits", "requests"))
        asked = quantities({**limits, **requests})
        for name, amount in asked.items():
            total[name] = total.get(name, 0.0) + amount
    if is_worker:
        return {**total, **{k: max(total.get(k, 0.0), v) for k, v in _INIT_REQUESTS.items()}}
    return total


def _beyond_limits(facts: PreflightFacts) -> Iterator[Problem]:
    for excess in facts.excesses:
        yield Problem(
            "beyond_limits",
            excess.summary,
            excess.hint,
            Owner.ADMIN,
            (Evidence("ConfigMap", "rayspace-profiles", f"{excess.key}: {excess.allowed}"),),
            is_final=True,
        )


def _no_account(manifest: Mapping[str, Any], facts: PreflightFacts) -> Iterator[Problem]:
    account = text(manifest, "spec", "headGroupSpec", "template", "spec", "serviceAccountName")
    if account and facts.has_head_account is False:
        yield Problem(
            "account_missing",
            f"The namespace has no ServiceAccount {account!r}, with which the head would run.",
            "Ask an administrator to apply templates/kubernetes/rbac.yaml, or start it without"
            " idle and max_lifetime.",
            Owner.ADMIN,
            is_final=True,
        )


def _no_queue(manifest: Mapping[str, Any], facts: PreflightFacts) -> Iterator[Problem]:
    queue = text(manifest, "metadata", "labels", QUEUE)
    if not queue or facts.queues is None:
        return
    known = sorted(str(item["metadata"]["name"]) for item in facts.queues)
    if queue not in known:
        listed = f"Queues: {', '.join(known)}." if known else "The namespace has no queue."
        yield Problem(
            "queue_missing",
            f"There is no queue {queue!r} in this namespace.",
            f"{listed} Name one with --queue.",
            Owner.YOU,
            is_final=True,
        )


def _no_node(groups: list[_Group], facts: PreflightFacts) -> Iterator[Problem]:
    """Say which pods no node could hold: ever, were it empty, or as nodes are just now."""
    nodes = facts.nodes
    if not nodes:
        return
    # A pool may have no node at present, and grow by one of a kind that is not there yet.
    may_grow = any(is_of_pool(node) for node in nodes)
    for group in groups:
        fitting = [node for node in nodes if bears_labels(node, group.pod)]
        open_to_it = [node for node in fitting if not lasting_taints(node, group.pod)]
        large = [node for node in open_to_it if is_large_enough(node, group.requests)]
        if not fitting:
            yield _no_such_label(group, nodes, may_grow=may_grow)
        elif not open_to_it:
            yield _tainted(group, fitting, may_grow=may_grow)
        elif not large:
            yield _too_small(group, open_to_it, may_grow=may_grow)
        elif all(passing_reasons(node, group.pod) for node in large):
            yield _closed_for_now(group, large)


def _closed_for_now(group: _Group, nodes: list[KubeObject]) -> Problem:
    reasons = sorted({reason for node in nodes for reason in passing_reasons(node, group.pod)})
    return Problem(
        "unschedulable_other",
        f"Each node that could hold {group.label} takes no new pods for now: {', '.join(reasons)}.",
        "It waits until one of them does again; ask an administrator of the nodes when.",
        Owner.ADMIN,
    )


def _tainted(group: _Group, nodes: list[KubeObject], *, may_grow: bool) -> Problem:
    taints = sorted({taint for node in nodes for taint in lasting_taints(node, group.pod)})
    return Problem(
        "unschedulable_taint",
        f"No node would take {group.label}: all are tainted with {', '.join(taints)}"
        f"{_hope(may_grow)}.",
        "Add the taint to tolerations in the profile, if you may use these nodes.",
        Owner.YOU,
        is_final=not may_grow,
    )


def _too_small(group: _Group, nodes: list[KubeObject], *, may_grow: bool) -> Problem:
    too_much = {
        name: amount for name, amount in group.requests.items() if amount > largest(nodes, name)
    }
    told = (
        "; ".join(
            f"it asks for {amount_text(name, amount)}, the largest node has"
            f" {bare_amount(name, largest(nodes, name))}"
            for name, amount in too_much.items()
        )
        or "none has enough of everything at once"
    )
    kinds = {"cpu": "cpu", "memory": "memory"}
    kind = kinds.get(next(iter(too_much), "cpu"), "gpu")
    could = "that is there could" if may_grow else "could ever"
    return Problem(
        f"unschedulable_{kind}",
        f"No node {could} hold {group.label}: {told}{_hope(may_grow)}.",
        "Ask for less with --cpus, --memory or --gpus.",
        Owner.YOU,
        is_final=not may_grow,
    )


def _no_such_label(group: _Group, nodes: tuple[KubeObject, ...], *, may_grow: bool) -> Problem:
    wanted = wanted_labels(group.pod)
    hint = "Change node_selector in the profile."
    product = wanted.get(GPU_PRODUCT)
    if product:
        labels = ((node["metadata"].get("labels") or {}) for node in nodes)
        known = sorted({found[GPU_PRODUCT] for found in labels if GPU_PRODUCT in found})
        hint = f"GPUs here: {', '.join(known)}." if known else "No node here names its GPUs."
    told = ", ".join(f"{name}={value}" for name, value in sorted(wanted.items()))
    return Problem(
        "unschedulable_selector",
        f"No node bears the labels that {group.label} asks for: {told}{_hope(may_grow)}.",
        hint,
        Owner.YOU,
        is_final=not may_grow,
    )


def _hope(may_grow: bool) -> str:
    return "; a pool of nodes may grow by one that does" if may_grow else ""


def _no_quota(groups: list[_Group], facts: PreflightFacts) -> Iterator[Problem]:
    for quota in facts.quotas or ():
        status = quota.get("status") or {}
        hard = status.get("hard") or (quota.get("spec") or {}).get("hard") or {}
        used = status.get("used") or {}
        name = str(quota["metadata"]["name"])
        for resource, amount in hard.items():
            limit = quantity(amount)
            plain = resource.removeprefix("requests.").removeprefix("limits.")
            if limit is None or resource not in {plain, f"requests.{plain}", f"limits.{plain}"}:
                continue
            if plain == "pods":
                asked: float = sum(group.n_pods for group in groups)
            else:
                asked = sum(group.n_pods * group.requests.get(plain, 0.0) for group in groups)
            left = limit - (quantity(used.get(resource, 0)) or 0.0)
            if asked > left:
                yield _quota_problem(name, resource, asked, limit, left, str(amount))


def _quota_problem(
    name: str, resource: str, asked: float, limit: float, left: float, text: str
) -> Problem:
    is_never = asked > limit
    there_is = (
        f"allows {bare_amount(resource, limit)} in all"
        if is_never
        else (f"has {bare_amount(resource, max(0.0, left))} of {bare_amount(resource, limit)} left")
    )
    return Problem(
        "quota_exceeded",
        f"The cluster asks for {amount_text(resource, asked)}; the quota {name!r} {there_is}.",
        "Ask for less with --workers, --cpus or --memory, or ask an administrator for more."
        if is_never
        else "It waits until others end; or ask for less with --workers, --cpus or --memory.",
        Owner.YOU,
        (Evidence("ResourceQuota", name, f"{resource}: {text}"),),
        is_final=is_never,
    )


def _other_versions(facts: PreflightFacts) -> Iterator[Problem]:
    if facts.mismatch:
        yield Problem(
            "version_mismatch",
            f"{facts.mismatch}: Ray Client and jobs from here would be refused.",
            "Name another --image, or leave it out for the one that fits.",
            Owner.YOU,
        )
