"""Containers that do not come up, or do not stay up.

Sources: kubernetes/pkg/kubelet/kuberuntime/kuberuntime_container.go and kubelet_pods.go of 1.35 for
the reasons and messages; ray/_private/utils.py of Ray 2.60 for the mismatch of versions.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from rayspace.core.diagnosis.commands import anew, command
from rayspace.core.diagnosis.fields import items, mapping, text
from rayspace.core.diagnosis.finding import Finding, pod_evidence, role_of
from rayspace.core.diagnosis.quantities import quantities
from rayspace.model.problem import Owner
from rayspace.units import format_bytes

if TYPE_CHECKING:
    from rayspace.core.diagnosis.pods import PodContainer, RayPod
    from rayspace.core.diagnosis.view import ClusterView

#: A Secret that a program makes beside the cluster comes within this time. [ms]
_PATIENCE_MS = 60_000
#: A container that ended so often will end again. [1]
_MANY_RESTARTS = 3
#: What was killed for its memory longer ago than this is no news. [ms]
_RECENT_MS = 600_000
#: The last words of a program; more would hide them. [1]
_LAST_LINES = 8
_MISSING = re.compile(
    r'(?P<kind>secret|configmap) "(?P<name>[^"]+)" not found'
    r"|couldn't find key (?P<key>\S+) in (?P<of>Secret|ConfigMap) \S+?/(?P<owner>\S+)"
    r"|references non-existent (?P<bare>secret|config) key: (?P<item>\S+)",
    re.IGNORECASE,
)
_MISMATCH = re.compile(
    r"\bVersion mismatch: The cluster was started with:"
    r"\s*Ray: (?P<ray>\S+)\s*Python: (?P<python>\S+)"
    r"\s*This process on [^\n]* was started with:"
    r"\s*Ray: (?P<own_ray>\S+)\s*Python: (?P<own_python>\S+)"
)
#: What KubeRay's init container prints, which asks first; only after two minutes, and for ever.
#: Source: _check_ray_version of ray/scripts/scripts.py, and pod.go of KubeRay 1.6.
_OTHER_RAY = re.compile(
    r"\bRay version mismatch: cluster has Ray version (?P<ray>\S+)"
    r"\s+but local Ray version is (?P<own_ray>\S+)"
)


def missing_finding(view: ClusterView, pod: RayPod, words: str) -> Finding | None:
    """Say which Secret or ConfigMap a pod waits for.

    Parameters
    ----------
    view
        The cluster.
    pod
        The pod.
    words
        What Kubernetes says of it.

    Returns
    -------
    Finding or None
        Which; None if the words do not speak of one.
    """
    match = _MISSING.search(words)
    if match is None:
        return None
    kind = (match["kind"] or match["of"] or match["bare"]).lower()
    thing = "Secret" if kind == "secret" else "ConfigMap"
    name = match["name"] or (match["owner"] or "").rstrip(",.")
    namespace = view.snapshot.namespace
    if match["name"]:
        what = f"the {thing} {name} does not exist in the namespace {namespace}"
    elif match["key"]:
        what = f"the {thing} {name} has no key {match['key']}"
    else:
        what = f"a {thing} has no key {match['item']}"
    if name == view.snapshot.name and thing == "Secret":
        what += "; it would hold the cluster's token, which KubeRay makes"
        hint = f"Start the cluster anew, so that KubeRay makes it: {command(view, 'down')}"
    else:
        hint = (
            f"Make it, or take it out of the profile: kubectl get {thing.lower()}s -n {namespace}"
        )
    return Finding(
        "secret_missing",
        f"can't start: {what}.",
        hint,
        Owner.YOU,
        pod_evidence(pod, words),
        view.age_ms(pod.created_ms) > _PATIENCE_MS,
        (role_of(pod),),
    )


def container_finding(view: ClusterView, pod: RayPod, container: PodContainer) -> Finding | None:
    """Say why a container does not run, its image aside.

    Parameters
    ----------
    view
        The cluster.
    pod
        A pod.
    container
        One of its containers.

    Returns
    -------
    Finding or None
        Why; None if it runs, has done its work, or waits for another container.
    """
    if container.waiting == "CreateContainerConfigError":
        missing = missing_finding(view, pod, container.message)
        return missing or _not_made(
            view, pod, container, is_final="runAsNonRoot" in container.message
        )
    if container.waiting in {"CreateContainerError", "RunContainerError", "PreCreateHookError"}:
        return _not_made(view, pod, container, is_final=False)
    if "OOMKilled" in {container.ended, container.last_ended}:
        return _out_of_memory(view, pod, container)
    if container.is_ready:
        return None
    mismatch = version_finding(view, pod)
    if mismatch is not None:
        return mismatch
    failed = container.ended and container.exit_code != 0
    if failed or container.waiting == "CrashLoopBackOff":
        return _crash(view, pod, container)
    return None


def version_finding(view: ClusterView, pod: RayPod) -> Finding | None:
    """Say which versions differ, where the log of a pod tells that they do."""
    log = view.log(pod)
    match = _MISMATCH.search(log) or _OTHER_RAY.search(log)
    if match is None:
        return None
    pythons = match.groupdict()
    own = f" with Python {pythons['own_python']}" if "own_python" in pythons else ""
    heads = f" with Python {pythons['python']}" if "python" in pythons else ""
    return Finding(
        "version_mismatch",
        f"can't join: Ray {match['own_ray']}{own} is in the image, the head has Ray"
        f" {match['ray']}{heads}.",
        f"Give head and workers the same image: {anew(view, '--image IMAGE')}",
        Owner.YOU,
        pod_evidence(pod, match[0]),
        is_final=True,
        roles=(role_of(pod),),
    )


def _not_made(
    view: ClusterView, pod: RayPod, container: PodContainer, *, is_final: bool
) -> Finding:
    words = container.message or container.waiting
    return Finding(
        "container_failing",
        f"can't start: the container {container.name} could not be made:"
        f" {words.splitlines()[0].rstrip('.')}.",
        f"Look for it in the profile: kubectl describe pod {pod.name} -n {view.snapshot.namespace}",
        Owner.YOU,
        pod_evidence(pod, words),
        is_final,
        (role_of(pod),),
    )


def _out_of_memory(view: ClusterView, pod: RayPod, container: PodContainer) -> Finding | None:
    if container.is_ready and view.age_ms(container.last_ended_ms) > _RECENT_MS:
        return None
    limit_bytes = _memory_limit(pod, container.name)
    limit = f"its {format_bytes(limit_bytes)} of memory" if limit_bytes else "the memory it has"
    if pod.is_head:
        hint = "Give the head more memory in the profile (head: memory: ...), then start it anew:"
        hint += f" {anew(view)}"
    else:
        hint = f"Give each worker more memory: {anew(view, '--memory SIZE')}"
    # A program may need more than it has only once; one that ends so again and again needs it.
    is_final = not container.is_ready and container.n_restarts >= _MANY_RESTARTS
    code = container.exit_code
    words = f"{container.name}: OOMKilled" + ("" if code is None else f", exit code {code}")
    if container.n_restarts:
        words += f", {container.n_restarts} restarts"
    return Finding(
        "oom_killed",
        f"was killed because it used more than {limit}.",
        hint,
        Owner.YOU,
        pod_evidence(pod, words),
        is_final,
        (role_of(pod),),
        is_aside=container.is_ready,
    )


def _memory_limit(pod: RayPod, name: str) -> float:
    for kind in ("containers", "initContainers"):
        for container in items(pod.manifest, "spec", kind):
            if text(container, "name") == name:
                return quantities(mapping(container, "resources", "limits")).get("memory", 0)
    return 0


def _crash(view: ClusterView, pod: RayPod, container: PodContainer) -> Finding:
    lines = [line for line in view.log(pod).splitlines() if line.strip()][-_LAST_LINES:]
    last = f" Its last words: {lines[-1].strip()[:300]}" if lines else ""
    code = "" if container.exit_code is None else f" with exit code {container.exit_code}"
    # A worker that ends because there is no head yet comes up with the head.
    is_final = container.n_restarts >= _MANY_RESTARTS and (pod.is_head or view.is_head_ready)
    words = "\n".join(lines) or container.message or container.ended or container.waiting
    logs = f"kubectl logs {pod.name} -c {container.name} --previous -n {view.snapshot.namespace}"
    if pod.is_head:
        logs = command(view, "logs")
    again = ", again and again" if container.n_restarts > 1 else ""
    return Finding(
        "crash_loop",
        f"ended{code}{again}.{last}",
        f"Read its log: {logs}",
        Owner.YOU,
        pod_evidence(pod, words),
        is_final,
        (role_of(pod),),
    )
