"""A snapshot of a cluster, read once for all who judge it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from rayspace.core.diagnosis.events import KubeEvent, read_events
from rayspace.core.diagnosis.fields import Condition, condition, count, field, items, mapping, text
from rayspace.core.diagnosis.pods import NODE_TYPE_LABEL, RayPod, ray_pod

if TYPE_CHECKING:
    from rayspace.model.snapshot import ClusterSnapshot, KubeObject

#: The label by which an object names its queue. Source: Kueue, pkg/controller/constants.
QUEUE_LABEL = "kueue.x-k8s.io/queue-name"
#: An event older than this tells of the past. [ms]
_RECENT_MS = 600_000


@dataclass(frozen=True)
class WantedGroup:
    """A worker group as it is asked for, in pods.

    Parameters
    ----------
    name
        Name of the group.
    n_desired
        How many pods are wanted. [1]
    n_min
        How many it should never have less than. [1]
    n_max
        The most that autoscaling asks for; None without it. [1]
    pod_spec
        What its pods look like.
    """

    name: str
    n_desired: int
    n_min: int
    n_max: int | None
    pod_spec: KubeObject


@dataclass(frozen=True)
class ClusterView:
    """What a snapshot says, read.

    Parameters
    ----------
    snapshot
        The snapshot.
    pods
        The pods that are not being deleted, the head first.
    events
        What happened, the oldest first.
    groups
        The worker groups that the cluster asks for.
    nodes
        Nodes by name; None if they could not be read.
    is_suspended
        Whether the cluster is asked to have no pods.
    queue
        The queue that it names; empty for none.
    """

    snapshot: ClusterSnapshot
    pods: tuple[RayPod, ...]
    events: tuple[KubeEvent, ...]
    groups: tuple[WantedGroup, ...]
    nodes: dict[str, KubeObject] | None
    is_suspended: bool
    queue: str

    @property
    def head(self) -> RayPod | None:
        """The head's pod."""
        return next((pod for pod in self.pods if pod.is_head), None)

    @property
    def is_head_ready(self) -> bool:
        """Whether the head answers, on a node that is there."""
        return self.head is not None and self.is_ready(self.head)

    def is_ready(self, pod: RayPod) -> bool:
        """Tell whether a pod says that it is ready and is on a node that is there."""
        return pod.ready.is_true and not pod.has_ended and not self.is_lost(pod)

    def is_lost(self, pod: RayPod) -> bool:
        """Tell whether the node of a pod is gone or silent."""
        if self.nodes is None:
            # Whoever may not read nodes is told by the event of the node's controller.
            told = self.event("NodeNotReady", pod=pod)
            return told is not None and pod.ready.status == "False" and self.is_recent(told)
        if not pod.node or pod.has_ended:
            return False
        node = self.nodes.get(pod.node)
        return node is None or condition(node, "Ready").status in {"False", "Unknown"}

    def condition(self, kind: str) -> Condition:
        """Return a condition of the RayCluster."""
        return condition(self.snapshot.ray_cluster, kind)

    def age_ms(self, since_ms: int | None) -> int:
        """Return the time since a moment, 0 if the moment is not known. [ms]."""
        return 0 if since_ms is None else max(self.snapshot.taken_ms - since_ms, 0)

    def is_recent(self, event: KubeEvent) -> bool:
        """Tell whether an event is of the last ten minutes."""
        return self.age_ms(event.last_ms) <= _RECENT_MS

    def log(self, pod: RayPod) -> str:
        """Return the last lines of what a container of a pod wrote; empty where nobody looked."""
        return text(self.snapshot.logs, pod.name)

    def event(self, *reasons: str, pod: RayPod | None = None) -> KubeEvent | None:
        """Return the last event of some reasons, of the RayCluster or of one of its pods."""
        kind, name = ("RayCluster", self.snapshot.name) if pod is None else ("Pod", pod.name)
        for event in reversed(self.events):
            if event.reason in reasons and (event.kind, event.name) == (kind, name):
                return event
        return None


def read_snapshot(snapshot: ClusterSnapshot) -> ClusterView:
    """Read a snapshot, whatever its objects hold.

    Parameters
    ----------
    snapshot
        The snapshot.

    Returns
    -------
    ClusterView
        What it says.
    """
    document = snapshot.ray_cluster
    pods = [
        ray_pod(pod, snapshot.name)
        for pod in _objects(snapshot.pods)
        if text(pod, "metadata", "labels", NODE_TYPE_LABEL) in {"", "head", "worker"}
    ]
    nodes = None
    if snapshot.nodes is not None:
        nodes = {text(node, "metadata", "name"): node for node in _objects(snapshot.nodes)}
    is_suspended = field(document, "spec", "suspend") is True
    view = ClusterView(
        snapshot=snapshot,
        pods=tuple(
            sorted(
                (pod for pod in pods if not pod.is_leaving),
                key=lambda pod: (not pod.is_head, pod.group, pod.name),
            )
        ),
        events=read_events(_objects(snapshot.events)),
        groups=tuple(
            _group(group, is_autoscaled=field(document, "spec", "enableInTreeAutoscaling") is True)
            for group in items(document, "spec", "workerGroupSpecs")
        ),
        nodes=nodes,
        is_suspended=is_suspended,
        queue=text(document, "metadata", "labels", QUEUE_LABEL),
    )
    if view.head is not None:
        return view
    # One that is on a lost node never goes, and KubeRay makes no other before it has.
    stuck = (pod for pod in pods if pod.is_head and pod.is_leaving and view.is_lost(pod))
    return replace(view, pods=(*stuck, *view.pods))


def _objects(value: object) -> tuple[KubeObject, ...]:
    return items({"items": value}, "items")


def _group(group: KubeObject, *, is_autoscaled: bool) -> WantedGroup:
    """Read a group as KubeRay does: GetWorkerGroupDesiredReplicas in controllers/ray/utils."""
    n_hosts = max(count(group, "numOfHosts", default=1), 1)
    n_min = max(count(group, "minReplicas"), 0)
    n_max = max(count(group, "maxReplicas", default=2**31 - 1), n_min)
    n_desired = min(max(count(group, "replicas", default=n_min), n_min), n_max)
    if field(group, "suspend") is True:
        n_desired = n_min = 0
    return WantedGroup(
        name=text(group, "groupName"),
        n_desired=n_desired * n_hosts,
        n_min=n_min * n_hosts,
        n_max=n_max * n_hosts if is_autoscaled else None,
        pod_spec=mapping(group, "template", "spec"),
    )
