"""Why MLflow in a namespace is not ready."""

from __future__ import annotations

import pytest

from rayspace.core.tracking.mlflow_start import StartState, start_advice, start_state


def pod(name="m", *, conditions=(), status=(), phase="Pending", made="1", deleted=False):
    """Make a pod."""
    metadata = {"name": name, "creationTimestamp": made}
    if deleted:
        metadata["deletionTimestamp"] = "2"
    found = [{"type": kind, "status": value, "message": text} for kind, value, text in conditions]
    return {
        "metadata": metadata,
        "status": {"phase": phase, "conditions": found, "containerStatuses": list(status)},
    }


def waiting(reason, message="", ended=None):
    """Make a container that waits."""
    last = {"terminated": ended} if ended else {}
    return {
        "image": "i",
        "state": {"waiting": {"reason": reason, "message": message}},
        "lastState": last,
    }


def running_again(n_restarts):
    """Make a container that ended, and runs again."""
    last = {"terminated": _ENDED}
    return {"state": {"running": {}}, "lastState": last, "restartCount": n_restarts}


_READY = ("Ready", "True", "")
_ENDED = {"reason": "Error", "exitCode": 3}
_LOG = """\
Traceback
no way to postgresql://me:sec/ret@db/runs
(Background on this error at: somewhere)
"""
_NONE = StartState(is_ready=False, text="its pod is not there yet")
_REFUSED = {"status": {"conditions": [{"type": "ReplicaFailure", "message": "quota"}]}}


@pytest.mark.parametrize(
    ("deployment", "pods", "expected"),
    [
        (None, [], _NONE),
        (_REFUSED, [], StartState(False, "no pod could be made: quota", True)),
        (None, [pod(conditions=[_READY])], StartState(is_ready=True)),
        # One that goes serves nobody.
        (None, [pod(conditions=[_READY], deleted=True)], _NONE),
        (None, [pod(conditions=[("PodScheduled", "False", "no volume")])],
         StartState(False, "m has no node: no volume", True)),
        (None, [pod(status=[waiting("ImagePullBackOff", 'Back-off pulling image "i"')])],
         StartState(False, "m: the image i can't be pulled", True)),
        (None, [pod(status=[waiting("ErrImagePull", 'failed to resolve "i": i: not found')])],
         StartState(False, "m: the image i can't be pulled (i: not found)", True)),
        (None, [pod(status=[waiting("CreateContainerConfigError", "no Secret")])],
         StartState(False, "m: CreateContainerConfigError (no Secret)", True)),
        (None, [pod(status=[waiting("CrashLoopBackOff", "x", _ENDED)])],
         StartState(False, "m: CrashLoopBackOff (Error, exit code 3)", True)),
        (None, [pod(status=[waiting("CrashLoopBackOff", "x", {**_ENDED, "message": _LOG})])],
         StartState(False, "m: CrashLoopBackOff (Error, exit code 3: no way to"
                    " postgresql://db/runs)", True)),
        (None, [pod(phase="Running", status=[running_again(2)])],
         StartState(False, "m: CrashLoopBackOff (Error, exit code 3)", True)),
        # It may have come before its database.
        (None, [pod(phase="Running", status=[running_again(1)])],
         StartState(False, "m: CrashLoopBackOff (Error, exit code 3)", False)),
        # A container beside it that serves is none of its matters.
        (None, [pod(phase="Running", status=[{**running_again(2), "ready": True},
                                             {"state": {"running": {}}}])],
         StartState(False, "m runs, and is not ready yet")),
        (None, [pod(status=[waiting("ContainerCreating")])],
         StartState(False, "m is being started")),
        (None, [pod(phase="Running", status=[{"state": {"running": {}}}])],
         StartState(False, "m runs, and is not ready yet")),
        # Of two the newer counts.
        (None, [pod("b", made="2"), pod("a", made="1")], StartState(False, "b is being started")),
    ],
)  # fmt: skip
def test_the_reason_is_told(deployment, pods, expected):
    """And whether it seldom passes by itself."""
    assert start_state(deployment, pods) == expected


@pytest.mark.parametrize(
    ("text", "advice"),
    [
        ("m has no node: unbound PersistentVolumeClaims", "StorageClass"),
        ("m: the image i can't be pulled", "rayspace doctor --on prod --fix --mlflow-image IMAGE"),
        ("m: CrashLoopBackOff", "kubectl -n team-a logs"),
    ],
)
def test_what_helps_depends_on_the_reason(text, advice):
    """A command where there is one."""
    assert advice in start_advice(text, "prod", "team-a")
