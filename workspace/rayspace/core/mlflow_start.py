"""Say why MLflow in a namespace is not ready, from what Kubernetes says of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    Object = Mapping[str, Any]

#: Reasons of containers that wait for something that seldom comes by itself.
_FAILURES = {
    *("ErrImagePull", "ImagePullBackOff", "InvalidImageName", "CrashLoopBackOff"),
    *("CreateContainerConfigError", "CreateContainerError", "RunContainerError"),
}


@dataclass(frozen=True)
class StartState:
    """How far MLflow's start is.

    Parameters
    ----------
    is_ready
        Whether it serves.
    text
        What it waits for, as half a sentence; empty if it is ready.
    is_failure
        Whether that seldom passes by itself.
    """

    is_ready: bool
    text: str = ""
    is_failure: bool = False


def start_state(deployment: Object | None, pods: Sequence[Object]) -> StartState:
    """Read how far MLflow's start is.

    Parameters
    ----------
    deployment
        Its Deployment; None if that may not be read.
    pods
        Its pods.

    Returns
    -------
    StartState
        Of the newest pod.
    """
    living = [pod for pod in pods if not pod["metadata"].get("deletionTimestamp")]
    if any(_condition(pod, "Ready").get("status") == "True" for pod in living):
        return StartState(is_ready=True)
    if not living:
        refusal = _condition(deployment or {}, "ReplicaFailure").get("message", "")
        text = f"no pod could be made: {refusal}" if refusal else "its pod is not there yet"
        return StartState(is_ready=False, text=text, is_failure=bool(refusal))
    return _pod(max(living, key=lambda pod: str(pod["metadata"].get("creationTimestamp"))))


def _pod(pod: Object) -> StartState:
    name = pod["metadata"]["name"]
    scheduled = _condition(pod, "PodScheduled")
    if scheduled.get("status") == "False":
        text = f"{name} has no node: {scheduled.get('message', '')}"
        return StartState(is_ready=False, text=text, is_failure=True)
    for status in (pod.get("status") or {}).get("containerStatuses") or []:
        waiting = (status.get("state") or {}).get("waiting") or {}
        reason = waiting.get("reason", "")
        if reason not in _FAILURES:
            continue
        ended = (status.get("lastState") or {}).get("terminated") or {}
        if reason == "CrashLoopBackOff" and ended:
            words = f"{ended.get('reason', 'ended')}, exit code {ended.get('exitCode')}"
        else:
            words = str(waiting.get("message", ""))
        text = f"{name}: {reason}{f' ({words})' if words else ''}"
        return StartState(is_ready=False, text=text, is_failure=True)
    is_running = (pod.get("status") or {}).get("phase") == "Running"
    text = f"{name} runs, and is not ready yet" if is_running else f"{name} is being started"
    return StartState(is_ready=False, text=text)


def _condition(item: Object, kind: str) -> Object:
    conditions = (item.get("status") or {}).get("conditions") or []
    return next((c for c in conditions if c.get("type") == kind), {})
