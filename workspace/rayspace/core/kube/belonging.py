"""Pick what belongs to one cluster out of all that a namespace holds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rayspace.core.diagnosis.events import EVICTIONS, read_events
from rayspace.core.diagnosis.fields import items, mapping, moment_ms, text
from rayspace.core.diagnosis.pods import pod_name_prefixes, without_random
from rayspace.model.snapshot import ClusterSnapshot

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from rayspace.model.snapshot import KubeObject
    from rayspace.model.target import Target

#: The label by which KubeRay's pods name their cluster.
CLUSTER_LABEL = "ray.io/cluster"


def assembled(
    name: str,
    target: Target,
    now_ms: int,
    cluster: KubeObject | None,
    pods: Iterable[KubeObject],
    events: Iterable[KubeObject],
    workloads: Iterable[KubeObject],
    **more: Any,
) -> ClusterSnapshot:
    """Pick what belongs to one cluster.

    Parameters
    ----------
    name, target
        The cluster, and where it is.
    now_ms
        The time. [ms since 1970-01-01 UTC]
    cluster
        The RayCluster.
    pods, events, workloads
        All that are known.
    more
        Other fields of the snapshot.
    """
    uid = text(cluster, "metadata", "uid")
    pods, events = list(pods), list(events)
    named = [pod for pod in pods if mapping(pod, "metadata", "labels").get(CLUSTER_LABEL) == name]
    mine = [pod for pod in named if not _is_of_another(pod, uid)]
    uids = {uid, *(text(pod, "metadata", "uid") for pod in mine)} - {""}
    told = [event for event in events if _about(event) in uids]
    known = {text(pod, "metadata", "uid") for pod in pods}
    return ClusterSnapshot(
        name=name,
        namespace=target.namespace,
        target=target.name,
        taken_ms=now_ms,
        ray_cluster=cluster,
        pods=tuple(sorted(mine, key=lambda pod: text(pod, "metadata", "name"))),
        events=(*told, *_ends_of_replaced_pods(cluster, events, uids | known)),
        workload=next((item for item in workloads if _is_owned_by(item, uid)), None),
        # An operator that sees a cluster writes its status, or an event about what is wrong.
        has_operator=bool(told or mapping(cluster, "status")),
        **more,
    )


def prefix_of_ended_pod(event: KubeObject) -> str:
    """Return how the name of the pod begins of which an event tells that Kubernetes ends it.

    Parameters
    ----------
    event
        An event.

    Returns
    -------
    str
        As `pod_name_prefixes` has it; empty for an event of anything else.
    """
    if event.get("reason") not in EVICTIONS or text(event, "involvedObject", "kind") != "Pod":
        return ""
    return without_random(text(event, "involvedObject", "name"))


def _ends_of_replaced_pods(
    cluster: KubeObject | None, events: Iterable[KubeObject], known: set[str]
) -> list[KubeObject]:
    """Return how pods ended that KubeRay has replaced: only their names tell whose they were."""
    prefixes = pod_name_prefixes(cluster)
    # An earlier cluster may have had the same name.
    since_ms = moment_ms(cluster, "metadata", "creationTimestamp") or 0
    ends = [e for e in events if prefix_of_ended_pod(e) in prefixes and _about(e) not in known]
    return [event for event in ends if (read_events([event])[0].last_ms or 0) >= since_ms]


def _about(event: Mapping[str, Any]) -> str:
    return text(event, "involvedObject", "uid")


def _is_of_another(pod: KubeObject, uid: str) -> bool:
    """Whether a pod is of a cluster that had the name before, and goes with it."""
    owners = items(pod, "metadata", "ownerReferences")
    owner = next((text(o, "uid") for o in owners if text(o, "kind") == "RayCluster"), "")
    return bool(uid and owner) and owner != uid


def _is_owned_by(item: KubeObject, uid: str) -> bool:
    owners: Any = item["metadata"].get("ownerReferences") or []
    return bool(uid) and any(owner.get("uid") == uid for owner in owners)
