"""Snapshots of a cluster ``c``: a head and a worker of group ``w``; tests change what matters."""

from __future__ import annotations

import dataclasses
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from rayspace.core.diagnosis.diagnose import diagnose
from rayspace.model.snapshot import ClusterSnapshot

if TYPE_CHECKING:
    from rayspace.model.problem import Problem

GOLDEN = Path(__file__).parents[3] / "golden" / "snapshots"
#: When the snapshots were taken. [ms since 1970-01-01 UTC]
TAKEN_MS = 1_795_415_860_000
IMAGE = "docker.io/local/ray:2.60.0"


def ago(seconds: float) -> str:
    """Write the time so long before the snapshot as the API server does."""
    moment = datetime.fromtimestamp(TAKEN_MS / 1000 - seconds, UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def condition(kind: str, status: str, reason: str = "", message: str = "", age: float = 120):
    found = {"type": kind, "status": status, "lastTransitionTime": ago(age)}
    return (
        found | ({"reason": reason} if reason else {}) | ({"message": message} if message else {})
    )


def container_spec(name: str, *, image: str = IMAGE, requests=None, limits=None) -> dict:
    resources = {"requests": requests or {"cpu": "50m", "memory": "300Mi"}}
    if limits:
        resources["limits"] = limits
    return {"name": name, "image": image, "resources": resources}


def running(name: str, *, ready: bool = True, age: float = 120, **more) -> dict:
    state = {"running": {"startedAt": ago(age)}}
    return {
        "name": name, "ready": ready, "restartCount": 0, "imageID": "sha256:1", "state": state,
    } | more  # fmt: skip


def waiting(name: str, reason: str, message: str = "", **more) -> dict:
    state = {"reason": reason} | ({"message": message} if message else {})
    return {"name": name, "ready": False, "restartCount": 0, "state": {"waiting": state}} | more


def a_pod(
    role: str = "head",
    *,
    name: str = "",
    group: str = "w",
    node: str = "node-a",
    ready: bool = True,
    phase: str = "Running",
    statuses=None,
    inits=None,
    conditions=None,
    requests=None,
    limits=None,
    image: str = IMAGE,
    spec=None,
    status=None,
) -> dict:
    """Return a pod that is ready on its node."""
    is_head = role == "head"
    name = name or ("c-head-nbkmp" if is_head else f"c-{group}-worker-vgz4s")
    container = container_spec(f"ray-{role}", image=image, requests=requests, limits=limits)
    default = [condition("PodScheduled", "True")] if node else []
    default.append(condition("Ready", "True" if ready else "False"))
    return {
        "metadata": {
            "name": name,
            "namespace": "team-a",
            "creationTimestamp": ago(130),
            "labels": {
                "ray.io/cluster": "c",
                "ray.io/node-type": role,
                "ray.io/group": "headgroup" if is_head else group,
            },
        },
        "spec": {"containers": [container]} | ({"nodeName": node} if node else {}) | (spec or {}),
        "status": {
            "phase": phase,
            "conditions": default if conditions is None else conditions,
            "containerStatuses": [running(f"ray-{role}", ready=ready)]
            if statuses is None
            else statuses,
            "initContainerStatuses": inits or [],
        }
        | (status or {}),
    }


def pending(role: str = "head", message: str = "", *, age: float = 120, **more) -> dict:
    """Return a pod that has no node."""
    said = condition("PodScheduled", "False", "Unschedulable", message, age)
    more = {"node": "", "ready": False, "phase": "Pending", "statuses": []} | more
    return a_pod(role, conditions=[said], **more)


def a_node(name: str = "node-a", *, cpu="2", memory="16Gi", gpus="", conditions=(), **more) -> dict:
    """Return a node that is ready."""
    size = {"cpu": cpu, "memory": memory, "pods": "110"}
    if gpus:
        size["nvidia.com/gpu"] = gpus
    return {
        "metadata": {"name": name, "labels": more.get("labels", {})},
        "spec": {"taints": more.get("taints", [])},
        "status": {
            "allocatable": size,
            "capacity": size,
            "conditions": [*conditions, condition("Ready", "True", "KubeletReady")],
        },
    }


def an_event(reason: str, message: str, *, on: str = "c", age: float = 5, component="") -> dict:
    """Return an event of the cluster, or of a pod."""
    kind = "RayCluster" if on == "c" else "Pod"
    return {
        "type": "Warning",
        "reason": reason,
        "message": message,
        "involvedObject": {"kind": kind, "name": on, "namespace": "team-a"},
        "source": {"component": component},
        "lastTimestamp": ago(age),
    }


def a_group(name: str = "w", *, replicas: int = 1, least: int = 0, requests=None, **more) -> dict:
    container = container_spec("ray-worker", requests=requests)
    return {
        "groupName": name,
        "replicas": replicas,
        "minReplicas": least,
        "maxReplicas": max(replicas, 3),
        "template": {"spec": {"containers": [container]}},
    } | more


def a_ray_cluster(*, groups=None, conditions=(), spec=None, metadata=None, status=None) -> dict:
    head = {"template": {"spec": {"containers": [container_spec("ray-head")]}}}
    metadata = metadata or {}
    labels = {"rayspace.dev/profile": "p"} | metadata.get("labels", {})
    return {
        "apiVersion": "ray.io/v1",
        "kind": "RayCluster",
        "metadata": {
            "name": "c",
            "namespace": "team-a",
            "generation": 1,
            "creationTimestamp": ago(134),
        }
        | metadata
        | {"labels": labels},
        "spec": {
            "headGroupSpec": head,
            "workerGroupSpecs": [a_group()] if groups is None else groups,
        }
        | (spec or {}),
        "status": {"observedGeneration": 1, "conditions": list(conditions)}
        if status is None
        else status,
    }


def a_workload(*conditions, spec=None, status=None) -> dict:
    return {
        "metadata": {"name": "raycluster-c-4a008", "namespace": "team-a"},
        "spec": {"queueName": "lq", "active": True} | (spec or {}),
        "status": {"conditions": list(conditions)} | (status or {}),
    }


def a_snapshot(**changes) -> ClusterSnapshot:
    """Return a cluster that is as wanted."""
    well = ClusterSnapshot(
        name="c",
        namespace="team-a",
        taken_ms=TAKEN_MS,
        ray_cluster=a_ray_cluster(),
        pods=(a_pod("head"), a_pod("worker")),
        nodes=(a_node(),),
        target="prod",
    )
    return dataclasses.replace(well, **changes)


def queued(workload, **changes) -> ClusterSnapshot:
    """Return a cluster that its queue has not let in."""
    labels = {"labels": {"kueue.x-k8s.io/queue-name": "lq"}}
    cluster = a_ray_cluster(spec={"suspend": True}, metadata=labels)
    return a_snapshot(ray_cluster=cluster, pods=(), workload=workload, **changes)


def codes(snapshot: ClusterSnapshot) -> list[str]:
    return [problem.code for problem in diagnose(snapshot)]


def only(snapshot: ClusterSnapshot, code: str) -> Problem:
    """Return the one problem of a snapshot."""
    (problem,) = diagnose(snapshot)
    assert problem.code == code
    return problem


def golden_names() -> list[str]:
    return sorted(path.stem for path in GOLDEN.glob("*.json"))


def golden(name: str) -> tuple[ClusterSnapshot, list[dict]]:
    """Return a recorded snapshot, and what is to be said of it."""
    recorded = json.loads((GOLDEN / f"{name}.json").read_text("utf-8"))
    fields = {
        key: tuple(value) if isinstance(value, list) else value
        for key, value in recorded["snapshot"].items()
    }
    return ClusterSnapshot(**fields), recorded["expected"]
