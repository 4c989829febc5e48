"""Say why MLflow in a namespace is not ready, from what Kubernetes says of it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    Object = Mapping[str, Any]

#: Kubernetes tells the two in turn, of which the latter is the pause between the former.
_PULL = {"ErrImagePull", "ImagePullBackOff"}
#: A name and a password in an address; SQLAlchemy takes one with a slash as it is.
_LOGIN = re.compile(r"//[^\s/@:]*(?::[^\s@]*)?@")
_LONGEST = 200
#: A container that ended as often comes up no more by itself. [1]
_N_CRASHES = 2
#: Reasons of containers that wait for something that seldom comes by itself.
_FAILURES = {
    *("InvalidImageName", "CrashLoopBackOff", *_PULL),
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
        What it waits for, as half a sentence, and in brackets what changes while it does; empty if
        it is ready.
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


def start_advice(text: str, target: str, namespace: str) -> str:
    """Say what helps a start that fails.

    Parameters
    ----------
    text
        What it waits for.
    target, namespace
        Where.
    """
    if "PersistentVolumeClaim" in text:
        return (
            "The cluster makes no volumes by itself. An administrator sets a default StorageClass,"
            f" or makes a volume for the claim rayspace-mlflow of {namespace}."
        )
    if " image " in text:
        line = f"rayspace doctor --on {target} --fix --mlflow-image IMAGE"
        return f"Name an image that the cluster can pull: {line}"
    kubectl, selector = f"kubectl -n {namespace}", "-l app.kubernetes.io/name=rayspace-mlflow"
    return f"See why: {kubectl} describe pods {selector}\nand: {kubectl} logs {selector} --previous"


def _pod(pod: Object) -> StartState:
    name = pod["metadata"]["name"]
    scheduled = _condition(pod, "PodScheduled")
    if scheduled.get("status") == "False":
        text = f"{name} has no node: {scheduled.get('message', '')}"
        return StartState(is_ready=False, text=text, is_failure=True)
    for status in (pod.get("status") or {}).get("containerStatuses") or []:
        if status.get("ready"):
            continue
        waiting = (status.get("state") or {}).get("waiting") or {}
        reason = waiting.get("reason", "")
        ended = (status.get("lastState") or {}).get("terminated") or {}
        is_running_again = not reason and bool(ended.get("exitCode"))
        if is_running_again:
            # Between two of these pauses.
            reason = "CrashLoopBackOff"
        if reason not in _FAILURES:
            continue
        words = str(waiting.get("message", ""))
        if reason in _PULL:
            reason = f"the image {status.get('image', '')} can't be pulled"
            # What failed stands last, after whatever it made fail.
            words = words.rpartition('": ')[2] if '": ' in words else ""
        elif reason == "CrashLoopBackOff" and ended:
            words = f"{ended.get('reason', 'ended')}, exit code {ended.get('exitCode')}"
            words += _last_words(ended)
        text = f"{name}: {reason}{f' ({words})' if words else ''}"
        # One that ended once may have come before its database.
        is_first = is_running_again and status.get("restartCount", 0) < _N_CRASHES
        return StartState(is_ready=False, text=text, is_failure=not is_first)
    is_running = (pod.get("status") or {}).get("phase") == "Running"
    text = f"{name} runs, and is not ready yet" if is_running else f"{name} is being started"
    return StartState(is_ready=False, text=text)


def _last_words(ended: Object) -> str:
    """Return what a container said when it ended, as far as its pod is told to keep it."""
    lines = [line.strip() for line in str(ended.get("message", "")).splitlines()]
    # SQLAlchemy ends with where more is written.
    said = [line for line in lines if line and not line.startswith("(Background on this error")]
    return f": {_LOGIN.sub('//', said[-1])[:_LONGEST]}" if said else ""


def _condition(item: Object, kind: str) -> Object:
    conditions = (item.get("status") or {}).get("conditions") or []
    return next((c for c in conditions if c.get("type") == kind), {})
