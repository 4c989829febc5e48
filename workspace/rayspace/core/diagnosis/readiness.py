"""Pods that run and are not ready, mounts that fail, and pods that Kubernetes ended.

Sources: kubernetes/pkg/kubelet/events/event.go, pkg/kubelet/eviction/helpers.go and
pkg/controller/tainteviction of 1.35; the init container of KubeRay 1.6's workers.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from rayspace.core.diagnosis.commands import command
from rayspace.core.diagnosis.containers import missing_finding
from rayspace.core.diagnosis.events import EVICTIONS
from rayspace.core.diagnosis.finding import WAS, Finding, Role, pod_evidence, role_of
from rayspace.core.diagnosis.pods import (
    WAIT_FOR_HEAD,
    pod_name_prefixes,
    role_in_name,
    without_random,
)
from rayspace.model.problem import Evidence, Owner

if TYPE_CHECKING:
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
#: How the end of a pod is taken back. Source: pkg/controller/tainteviction/taint_eviction.go.
_TAKEN_BACK = "Cancelling deletion"
#: What the kubelet says of a pod that used more than it may, whatever its node has left.
_OWN_STORAGE = re.compile(
    r"ephemeral local storage usage exceeds|exceeded its local ephemeral storage limit"
    r"|EmptyDir volume .* exceeds the limit"
)
_LESS_STORAGE = (
    "It wrote more to its disk than it may: write to a volume, or raise ephemeral-storage, or the"
    " sizeLimit of the emptyDir that is named, in the raw fields of the profile."
)
_NOTHING = "Nothing needs to be done: KubeRay makes a new pod; what ran in the old one is lost."
#: So many ended pods for each that is wanted are bad luck, and no more. [1]
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
    prefixes = pod_name_prefixes(view.snapshot.ray_cluster)
    # The last event of each pod; the oldest pod first.
    ended: dict[Role, dict[str, KubeEvent]] = {}
    for event in view.events:
        is_end = event.kind == "Pod" and event.reason in EVICTIONS
        if not is_end or event.name in listed or not view.is_recent(event):
            continue
        known = prefixes.get(without_random(event.name))
        role = Role(*(known or role_in_name(event.name, view.snapshot.name)))
        ended.setdefault(role, {})[event.name] = event
        if event.message.startswith(_TAKEN_BACK):
            del ended[role][event.name]
    found = []
    for role, events in ended.items():
        n_before = len(events) - 1 if _is_ended_each_time(view, role, len(events)) else 0
        for event in list(events.values())[-1 if n_before else 0 :]:
            evidence = Evidence("Pod", event.name, event.message)
            found.append(_ended(role, evidence, event.reason, n_before))
    return found


def _is_ended_each_time(view: ClusterView, role: Role, n_ended: int) -> bool:
    """Tell whether pods are missing because each new one is ended, and not after a node's drain."""
    if role.is_head:
        n_wanted, n_ready = 1, int(view.is_head_ready)
    else:
        n_wanted = sum(group.n_desired for group in view.groups if group.name == role.group)
        n_ready = sum(pod.group == role.group and view.is_ready(pod) for pod in view.pods)
    return n_ready < n_wanted and n_ended > _SOME_TIMES * n_wanted


def _ended(role: Role, evidence: Evidence, reason: str, n_before: int = 0) -> Finding:
    words = evidence.text
    first = words.splitlines()[0].strip().rstrip(".") if words.strip() else reason
    hint, owner = _NOTHING, Owner.ADMIN
    if _OWN_STORAGE.search(first):
        hint, owner = _LESS_STORAGE, Owner.YOU
    elif "memory" in first.lower():
        hint = "Ask for as much memory as is used, so that the node keeps it free: --memory SIZE"
        owner = Owner.YOU
    elif n_before:
        hint = "Ask an admin what its nodes lack: a new pod is ended like the one before."
    like = f", as were the {n_before} before it within ten minutes" if n_before else ""
    return Finding(
        "evicted",
        f"{WAS} ended by Kubernetes ({reason or 'without a reason'}){like}: {first}.",
        hint,
        owner,
        (evidence,),
        roles=(role,),
        is_aside=not n_before,
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
