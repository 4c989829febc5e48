"""The pods of a Ray cluster, read from what the API server says of them.

Source of the labels: ray-operator/controllers/ray/utils/constant.go of KubeRay 1.6.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rayspace.core.diagnosis.fields import (
    Condition,
    condition,
    count,
    field,
    items,
    mapping,
    moment_ms,
    text,
)
from rayspace.core.diagnosis.quantities import quantities

if TYPE_CHECKING:
    from rayspace.model.snapshot import KubeObject

#: The init container by which KubeRay lets a worker wait for the head.
WAIT_FOR_HEAD = "wait-gcs-ready"
#: Letters of a name that KubeRay keeps before the kind of a node. [1]
_LONGEST_START = 50
#: Letters at the end of a pod's name that Kubernetes makes up. [1]
_N_RANDOM = 5
NODE_TYPE_LABEL, _GROUP = "ray.io/node-type", "ray.io/group"


@dataclass(frozen=True)
class PodContainer:
    """One container of a pod.

    Parameters
    ----------
    name, image
        As the pod names them.
    is_init
        Whether it runs before the others.
    is_ready
        Whether its readiness probe succeeds.
    n_restarts
        How often it was started again. [1]
    waiting, message
        Why it waits, in one word and in many; empty if it does not.
    started_ms
        When it began to run; None if it does not run. [ms since 1970-01-01 UTC]
    is_running
        Whether it runs.
    ended
        Why it ended, in one word; empty if it has not ended.
    exit_code
        How it ended, or ended the last time; None if it never did. [1]
    last_ended
        Why it ended the last time before it was started again; empty if it was not.
    last_ended_ms
        When that was, or when it ended; None if that is not said. [ms since 1970-01-01 UTC]
    has_image
        Whether its image is on the node.
    """

    name: str
    image: str
    is_init: bool
    is_ready: bool
    n_restarts: int
    waiting: str
    message: str
    started_ms: int | None
    is_running: bool
    ended: str
    exit_code: int | None
    last_ended: str
    last_ended_ms: int | None
    has_image: bool


@dataclass(frozen=True)
class RayPod:
    """One pod of a cluster.

    Parameters
    ----------
    name
        Its name.
    is_head
        Whether it is the head's.
    group
        The worker group; empty for the head.
    node
        The node it was given to; empty while it has none.
    phase, reason, message
        What Kubernetes says of it as a whole.
    is_leaving
        Whether it is being deleted.
    ready, scheduled, disrupted
        Its conditions.
    created_ms
        When it was made; None if that is not said. [ms since 1970-01-01 UTC]
    containers
        Its containers, those that run first come first.
    requests
        What the scheduler counts for it, by resource. [1]
    manifest
        The object.
    """

    name: str
    is_head: bool
    group: str
    node: str
    phase: str
    reason: str
    message: str
    is_leaving: bool
    ready: Condition
    scheduled: Condition
    disrupted: Condition
    created_ms: int | None
    containers: tuple[PodContainer, ...]
    requests: dict[str, float]
    manifest: KubeObject

    @property
    def has_ended(self) -> bool:
        """Whether none of its containers will run again."""
        return self.phase in {"Failed", "Succeeded"}

    @property
    def ray(self) -> PodContainer | None:
        """The container that runs Ray, which KubeRay takes to be the first."""
        return next((item for item in self.containers if not item.is_init), None)


def ray_pod(pod: KubeObject, cluster: str) -> RayPod:
    """Read a pod of a cluster.

    Parameters
    ----------
    pod
        The object.
    cluster
        Name of the cluster.

    Returns
    -------
    RayPod
        The pod; what the object does not say is empty.
    """
    name = text(pod, "metadata", "name")
    kind = text(pod, "metadata", "labels", NODE_TYPE_LABEL)
    is_head, group = role_in_name(name, cluster)
    if kind:
        is_head = kind == "head"
        group = "" if is_head else text(pod, "metadata", "labels", _GROUP) or group
    return RayPod(
        name=name,
        is_head=is_head,
        group=group,
        node=text(pod, "spec", "nodeName"),
        phase=text(pod, "status", "phase"),
        reason=text(pod, "status", "reason"),
        message=text(pod, "status", "message").strip(),
        is_leaving=bool(text(pod, "metadata", "deletionTimestamp")),
        ready=condition(pod, "Ready"),
        scheduled=condition(pod, "PodScheduled"),
        disrupted=condition(pod, "DisruptionTarget"),
        created_ms=moment_ms(pod, "metadata", "creationTimestamp"),
        containers=_containers(pod),
        requests=pod_resources(mapping(pod, "spec"), "requests"),
        manifest=pod,
    )


def pod_name_prefixes(cluster: KubeObject | None) -> dict[str, tuple[bool, str]]:
    """Return how the names of a cluster's pods begin, up to the letters that Kubernetes makes up.

    Where the operator runs with ``ENABLE_DETERMINISTIC_HEAD_POD_NAME``, the head has another name.

    Parameters
    ----------
    cluster
        The RayCluster; None for none.

    Returns
    -------
    dict of str to tuple of bool and str
        For each prefix whether it is the head's, and the group. Source: PodName in
        ray-operator/controllers/ray/utils/util.go of KubeRay 1.5 and 1.6.
    """
    name = text(cluster, "metadata", "name")
    if not name:
        return {}
    groups = [text(group, "groupName") for group in items(cluster, "spec", "workerGroupSpecs")]
    found = {_prefix(f"{name}-{group}", "worker"): (False, group) for group in groups}
    return {_prefix(name, "head"): (True, ""), **found}


def _prefix(start: str, kind: str) -> str:
    return f"{start[:_LONGEST_START]}-{kind}-".lower()


def without_random(pod_name: str) -> str:
    """Return the name of a pod up to the letters that Kubernetes made up."""
    return pod_name[:-_N_RANDOM]


def role_in_name(name: str, cluster: str) -> tuple[bool, str]:
    """Tell from the name of a pod whether it is the head's, and else of which group it is.

    Parameters
    ----------
    name
        Name of the pod, as KubeRay makes it.
    cluster
        Name of the cluster.

    Returns
    -------
    tuple of bool and str
        Whether it is the head's, and the group; empty if the name does not tell.
    """
    rest = name.removeprefix(f"{cluster}-")
    group, is_worker, _ = rest.rpartition("-worker-")
    return (rest.startswith("head-") and not is_worker), group


def pod_resources(spec: KubeObject, kind: str) -> dict[str, float]:
    """Add up what a pod asks for, as the scheduler and quotas count it.

    Parameters
    ----------
    spec
        The pod's spec.
    kind
        ``"requests"`` or ``"limits"``.

    Returns
    -------
    dict
        Amount by resource. [1]

    References
    ----------
    https://kubernetes.io/docs/concepts/workloads/pods/init-containers/#resource-sharing-within-containers:
    the containers together, or the largest init container if that is more; a sidecar counts as a
    container. A request that is left out is the limit.
    """
    total = quantities(mapping(spec, "overhead"))
    sidecars = [c for c in items(spec, "initContainers") if text(c, "restartPolicy") == "Always"]
    for container in (*items(spec, "containers"), *sidecars):
        for name, amount in _amounts(container, kind).items():
            total[name] = total.get(name, 0) + amount
    for container in items(spec, "initContainers"):
        for name, amount in _amounts(container, kind).items():
            total[name] = max(total.get(name, 0), amount)
    return total


def _amounts(container: KubeObject, kind: str) -> dict[str, float]:
    limits = quantities(mapping(container, "resources", "limits"))
    if kind == "limits":
        return limits
    return limits | quantities(mapping(container, "resources", "requests"))


def _containers(pod: KubeObject) -> tuple[PodContainer, ...]:
    images = {
        text(container, "name"): text(container, "image")
        for kind in ("initContainers", "containers")
        for container in items(pod, "spec", kind)
    }
    inits = items(pod, "status", "initContainerStatuses")
    others = items(pod, "status", "containerStatuses")
    read = [_container(status, images, is_init=True) for status in inits]
    read += [_container(status, images, is_init=False) for status in others]
    return tuple(read)


def _container(status: KubeObject, images: dict[str, str], *, is_init: bool) -> PodContainer:
    name = text(status, "name")
    state, last = mapping(status, "state"), mapping(status, "lastState", "terminated")
    ended = mapping(state, "terminated")
    code = field(ended or last, "exitCode")
    return PodContainer(
        name=name,
        image=images.get(name) or text(status, "image"),
        is_init=is_init,
        is_ready=field(status, "ready") is True,
        n_restarts=max(count(status, "restartCount"), 0),
        waiting=text(state, "waiting", "reason"),
        message=text(state, "waiting", "message").strip(),
        started_ms=moment_ms(state, "running", "startedAt"),
        is_running="running" in state,
        ended=text(ended, "reason") or ("Ended" if ended else ""),
        exit_code=code if isinstance(code, int) and not isinstance(code, bool) else None,
        last_ended=text(last, "reason"),
        last_ended_ms=moment_ms(ended or last, "finishedAt"),
        has_image=bool(text(status, "imageID")),
    )
