"""Pick what belongs to one cluster out of all that a namespace holds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rayspace.core.diagnosis.events import read_events
from rayspace.core.diagnosis.fields import mapping, moment_ms, text
from rayspace.core.diagnosis.pods import pod_name_starts
from rayspace.model.snapshot import ClusterSnapshot

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from rayspace.model.snapshot import KubeObject
    from rayspace.model.target import Target

#: The label by which KubeRay's pods name their cluster.
CLUSTER_LABEL = "ray.io/cluster"
#: Letters at the end of a pod's name that Kubernetes makes up. [1]
_N_RANDOM = 5


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
    mine = [pod for pod in pods if mapping(pod, "metadata", "labels").get(CLUSTER_LABEL) == name]
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
        events=(*told, *_of_pods_that_are_gone(cluster, events, uids | known)),
        workload=next((item for item in workloads if _is_owned_by(item, uid)), None),
        # An operator that sees a cluster writes its status, or an event about what is wrong.
        has_operator=bool(told or mapping(cluster, "status")),
        **more,
    )


def start_of_pod(event: KubeObject) -> str:
    """Return how the name of the pod begins that an event is about, as `pod_name_starts` has it.

    Parameters
    ----------
    event
        An event.

    Returns
    -------
    str
        Empty for an event about something else.
    """
    if text(event, "involvedObject", "kind") != "Pod":
        return ""
    return text(event, "involvedObject", "name")[:-_N_RANDOM]


def _of_pods_that_are_gone(
    cluster: KubeObject | None, events: Iterable[KubeObject], known: set[str]
) -> list[KubeObject]:
    """Return events of pods that KubeRay has replaced: only their names tell whose they were."""
    if cluster is None:
        return []
    starts = set(pod_name_starts(cluster))
    # An earlier cluster may have had the same name.
    since_ms = moment_ms(cluster, "metadata", "creationTimestamp") or 0
    gone = [e for e in events if start_of_pod(e) in starts and _about(e) not in known]
    return [event for event in gone if (read_events([event])[0].last_ms or 0) >= since_ms]


def _about(event: Mapping[str, Any]) -> str:
    return text(event, "involvedObject", "uid")


def _is_owned_by(item: KubeObject, uid: str) -> bool:
    owners: Any = item["metadata"].get("ownerReferences") or []
    return bool(uid) and any(owner.get("uid") == uid for owner in owners)
