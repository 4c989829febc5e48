"""Pods that run and are not ready, mounts that fail, and pods that Kubernetes ended.

Sources: kubernetes/pkg/kubelet/events/event.go, pkg/kubelet/eviction/helpers.go and
pkg/controller/tainteviction of 1.35; the init container of KubeRay 1.6's workers.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from rayspace.core.diagnosis.commands import command
from rayspace.core.diagnosis.containers import missing_finding
from rayspace.core.diagnosis.finding import Finding, Role, pod_evidence, role_of
from rayspace.core.diagnosis.pods import WAIT_FOR_HEAD, role_in_name
from rayspace.model.problem import Evidence, Owner

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rayspace.core.diagnosis.events import KubeEvent
    from rayspace.core.diagnosis.pods import RayPod
    from rayspace.core.diagnosis.view import ClusterView

#: A head that starts is ready within this time. [ms]
_PATIENCE_MS = 60_000
#: What KubeRay's init container says every five seconds.
_WAITS = "seconds elapsed: "
_MOUNTS = ("FailedMount", "FailedAttachVolume", "FailedMapVolume")
_SANDBOX = ("FailedCreatePodSandBox", "NetworkNotReady")
#: In the words of container runtimes and kubelets; a sandbox may also want a handler or a cgroup.
_NETWORK = re.compile(r"network|\bcni\b", re.IGNORECASE)
#: Sources: kubelet's eviction, and the controller that clears nodes of a taint.
_EVICTIONS = ("Evicted", "Preempted", "TaintManagerEviction")
#: What the kubelet says of a pod that used more than it may, whatever its node has left.
_OWN_STORAGE = re.compile(
    r"ephemeral local storage usage exceeds|exceeded its local ephemeral storage limit"
    r"|EmptyDir volume .* exceeds the limit"
)
#: So often within ten minutes for each pod that is wanted it is bad luck, and no more. [1]
_SOME_TIMES = 2


def start_finding(view: ClusterView, pod: RayPod) -> Finding | None:
    """Say why a node does not start the containers of a pod that it was given.

    Parameters
    ----------
    view
        The cluster.
    pod
        One of its pods.

    Returns
    -------
    Finding or None
        Why; None if it has started them, or says nothing.
    """
    if not pod.node or pod.has_ended or any(c.is_running or c.ended for c in pod.containers):
        return None
    event = view.event(*_MOUNTS, *_SANDBOX, pod=pod)
    if event is None or not view.is_recent(event):
        return None
    namespace, role = view.snapshot.namespace, (role_of(pod),)
    first = event.message.splitlines()[0].rstrip(".") if event.message else event.reason
    if event.reason in _SANDBOX:
        is_of_network = _NETWORK.search(event.message) is not None
        wanted = "give it a network" if is_of_network else "make the sandbox of its containers"
        return Finding(
            "sandbox_failing",
            f"can't start yet: its node could not {wanted}: {first}.",
            f"Wait a minute; if it stays so, tell an admin: kubectl describe node {pod.node}",
            Owner.ADMIN,
            pod_evidence(pod, event.message),
            roles=role,
        )
    return missing_finding(view, pod, event.message) or Finding(
        "mount_failing",
        f"can't start yet: a volume could not be mounted: {first}.",
        f"Wait a minute; if it stays so, tell an admin: kubectl describe pod {pod.name}"
        f" -n {namespace}",
        Owner.ADMIN,
        pod_evidence(pod, event.message),
        roles=role,
    )


def readiness_finding(view: ClusterView, pod: RayPod) -> Finding | None:
    """Say why a pod that runs is not ready.

    Parameters
    ----------
    view
        The cluster.
    pod
        One of its pods, of which nothing else was found.

    Returns
    -------
    Finding or None
        Why; None if it is ready, is young, or waits for a head that is not ready either.
    """
    if view.is_ready(pod) or pod.has_ended or not (pod.is_head or view.is_head_ready):
        return None
    for container in pod.containers:
        if container.is_init and container.is_running and container.name == WAIT_FOR_HEAD:
            return _head_unreached(view, pod, container.started_ms)
    running = [c for c in pod.containers if c.is_running and not c.is_init]
    since_ms = max((view.age_ms(c.started_ms) for c in running if not c.is_ready), default=0)
    if since_ms <= _PATIENCE_MS:
        return None
    probe = view.event("Unhealthy", pod=pod)
    words = probe.message if probe else pod.ready.words
    logs = f"kubectl logs {pod.name} -n {view.snapshot.namespace}"
    if pod.is_head:
        logs = command(view, "logs")
    return Finding(
        "readiness_failing",
        "did not become ready within a minute, though the container runs.",
        f"Read what Ray says: {logs}",
        Owner.YOU,
        pod_evidence(pod, words),
        roles=(role_of(pod),),
    )


def ended_finding(view: ClusterView, pod: RayPod) -> Finding | None:
    """Say why Kubernetes ended a pod that is still listed, None if it did not."""
    if pod.phase == "Failed" and pod.reason:
        return _ended(
            role_of(pod), Evidence("Pod", pod.name, pod.message or pod.reason), pod.reason
        )
    if pod.disrupted.is_true:
        words = pod.disrupted.words
        return _ended(role_of(pod), Evidence("Pod", pod.name, words), pod.disrupted.reason)
    return None


def past_findings(view: ClusterView) -> list[Finding]:
    """Say which pods Kubernetes ended in the last minutes that are listed no more."""
    listed = {pod.name for pod in view.pods}
    ended: dict[Role, list[KubeEvent]] = {}
    for event in view.events:
        told = event.kind == "Pod" and event.reason in _EVICTIONS and event.name not in listed
        if told and view.is_recent(event):
            is_head, group = role_in_name(event.name, view.snapshot.name)
            ended.setdefault(Role(is_head, group), []).append(event)
    return [
        finding for role, events in ended.items() for finding in _of_those_ended(role, events, view)
    ]


def _of_those_ended(role: Role, events: list[KubeEvent], view: ClusterView) -> Iterator[Finding]:
    n_wanted = 1
    if not role.is_head:
        n_wanted = sum(group.n_desired for group in view.groups if group.name == role.group)
    if len(events) > _SOME_TIMES * max(n_wanted, 1):
        events, times = events[-1:], len(events)
    else:
        times = 1
    for event in events:
        yield _ended(role, Evidence("Pod", event.name, event.message), event.reason, times)


def _ended(role: Role, evidence: Evidence, reason: str, times: int = 1) -> Finding:
    words = evidence.text
    first = words.splitlines()[0].strip().rstrip(".") if words.strip() else reason
    hint = "Nothing needs to be done: KubeRay makes a new pod; what ran in the old one is lost."
    owner = Owner.ADMIN
    if _OWN_STORAGE.search(first):
        hint = (
            "It wrote more to its disk than it may: write to a volume, or raise ephemeral-storage"
            " in the raw fields of the profile."
        )
        owner = Owner.YOU
    elif "memory" in first.lower():
        hint = "Ask for as much memory as is used, so that the node keeps it free: --memory SIZE"
        owner = Owner.YOU
    elif times > 1:
        hint = "Ask an admin what its nodes lack: a new pod is ended like the one before."
    how = f"{times} times in ten minutes, the last time " if times > 1 else ""
    return Finding(
        "evicted",
        f"was ended by Kubernetes {how}({reason or 'without a reason'}): {first}.",
        hint,
        owner,
        (evidence,),
        roles=(role,),
        # It is no aside that each new pod is ended too.
        is_aside=times == 1,
    )


def _head_unreached(view: ClusterView, pod: RayPod, started_ms: int | None) -> Finding | None:
    head = view.head
    head_ms = None if head is None else head.ready.since_ms
    since_ms = min(view.age_ms(moment) for moment in (started_ms, head_ms or started_ms))
    if since_ms <= _PATIENCE_MS:
        return None
    namespace = view.snapshot.namespace
    said = [line for line in view.log(pod).splitlines() if line.strip() and _WAITS not in line]
    last = f" Its last words: {said[-1].strip()[:300]}" if said else ""
    return Finding(
        "gcs_unreachable",
        f"could not reach the head for over a minute, though the head is ready.{last}",
        "Ask an admin whether a NetworkPolicy or the DNS keeps pods of the namespace apart:"
        f" kubectl logs {pod.name} -c {WAIT_FOR_HEAD} -n {namespace}",
        Owner.ADMIN,
        pod_evidence(pod, f"init container {WAIT_FOR_HEAD} is running"),
        roles=(role_of(pod),),
    )
