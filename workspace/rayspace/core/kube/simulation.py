"""A namespace of Kubernetes that does not exist: what it would say of a cluster, by the clock.

Only the words of Kubernetes, KubeRay and Kueue are made up here. What rayspace makes of them is
decided by the same functions as for real ones, so that a newcomer sees what they will see there.
The shapes are those of real snapshots, as in tests/golden/snapshots.
"""

from __future__ import annotations

import collections
import datetime as dt
import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rayspace.core.diagnosis.pods import ray_pod
from rayspace.core.diagnosis.quantities import quantities
from rayspace.core.manifests.ray_cluster import GPU, GPU_PRODUCT, QUEUE
from rayspace.model.snapshot import ClusterSnapshot
from rayspace.model.target import SIMULATED

if TYPE_CHECKING:
    from collections.abc import Mapping

#: The namespace that is played.
NAMESPACE = "simulated"
#: Clusters before one in its queue, and how long each of them takes. [1], [s]
_N_BEFORE, _PLACE_S = 2, 5.0
#: From its pods on: when a pod has a node, when its image is there, when Ray answers. [s]
_SCHEDULED_S, _PULLED_S, _READY_S = 1.0, 4.0, 6.0
#: Workers come one after another, so that they can be seen to come. [s]
_WORKER_S = 0.5
#: The registry that is played has Ray's own images, and no others.
_KNOWN_IMAGE = re.compile(r"(?:docker\.io/)?rayproject/ray:\d+\.\d+\.\d+(?:-py3\d+)?(?:-gpu|-cpu)?")
#: The GPU that is played, as nodes of Kubernetes name it, and its figures. [MiB], [W]
GPU_NAME = "NVIDIA-L4"
_GPU_MIB, _GPU_IDLE_W, _GPU_BUSY_W = 23_034, 16.0, 72.0
#: What nodes have: name, CPUs [1], memory [GiB], GPUs [1].
_MACHINES = (("cpu-1", 16, 64, 0), ("cpu-2", 16, 64, 0), ("gpu-1", 16, 64, 4), ("gpu-2", 16, 64, 4))


@dataclass(frozen=True)
class SimulatedCluster:
    """One cluster on record.

    Parameters
    ----------
    manifest
        Its RayCluster, as it is asked for now.
    uid
        Random id of it.
    made_ms
        When it was made. [ms since 1970-01-01 UTC]
    asked_ms
        When it was asked for last: then it was made or resumed. [ms since 1970-01-01 UTC]
    """

    manifest: dict[str, Any]
    uid: str
    made_ms: int
    asked_ms: int

    @property
    def name(self) -> str:
        """Its name."""
        return str(self.manifest["metadata"]["name"])

    @property
    def is_suspended(self) -> bool:
        """Whether somebody suspended it."""
        return bool(self.manifest["spec"].get("suspend"))

    @property
    def queue(self) -> str:
        """The queue in which it waits at first; empty for none."""
        return str(self.manifest["metadata"]["labels"].get(QUEUE, ""))


def snapshot_of(cluster: SimulatedCluster, now_ms: int) -> ClusterSnapshot:
    """Say what Kubernetes would say of a cluster.

    Parameters
    ----------
    cluster
        The cluster.
    now_ms
        The time. [ms since 1970-01-01 UTC]

    Returns
    -------
    ClusterSnapshot
        The objects around it.
    """
    waits_s = _N_BEFORE * _PLACE_S + _PLACE_S if cluster.queue else 0.0
    age_s = (now_ms - cluster.asked_ms) / 1000
    is_queued = age_s < waits_s
    has_pods = not is_queued and not cluster.is_suspended
    began_ms = cluster.asked_ms + round(waits_s * 1000)
    pods = _pods(cluster, began_ms, now_ms) if has_pods else ()
    return ClusterSnapshot(
        name=cluster.name,
        namespace=NAMESPACE,
        target=SIMULATED,
        taken_ms=now_ms,
        ray_cluster=_ray_cluster(cluster, now_ms, is_suspended=not has_pods),
        pods=pods,
        events=_events(pods, now_ms),
        nodes=kube_nodes(),
        workload=_workload(cluster, is_admitted=not is_queued) if cluster.queue else None,
        queue_position=_N_BEFORE - math.floor(age_s / _PLACE_S) if is_queued else None,
    )


def kube_nodes() -> tuple[dict[str, Any], ...]:
    """Return the machines that are played, as nodes of Kubernetes."""
    nodes = []
    for name, cpus, memory_gib, gpus in _MACHINES:
        amounts = {"cpu": str(cpus), "memory": f"{memory_gib}Gi", "pods": "110", GPU: str(gpus)}
        labels = {GPU_PRODUCT: GPU_NAME} if gpus else {}
        ready = {"type": "Ready", "status": "True", "reason": "KubeletReady"}
        nodes.append(
            {
                "metadata": {"name": name, "labels": labels},
                "spec": {"taints": []},
                "status": {"allocatable": amounts, "capacity": amounts, "conditions": [ready]},
            }
        )
    return tuple(nodes)


def ray_answers(cluster: SimulatedCluster, now_ms: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """Say what the head would say of its nodes, if it is there.

    Parameters
    ----------
    cluster
        The cluster.
    now_ms
        The time. [ms since 1970-01-01 UTC]

    Returns
    -------
    tuple of dict and dict
        Answers of the state API and of the node summary, as `rayspace.core.nodes.listing` has them.
    """
    members, summary = [], []
    for index, pod in enumerate(snapshot_of(cluster, now_ms).pods):
        if not ray_pod(pod, cluster.name).ready.is_true:
            continue
        is_head = pod["metadata"]["labels"]["ray.io/node-type"] == "head"
        name = pod["metadata"]["name"]
        # A raw setting may write them in any unit, or take them away.
        resources = pod["spec"]["containers"][0].get("resources") or {}
        limits = collections.defaultdict(float, quantities(resources.get("limits") or {}))
        gpus, memory = int(limits[GPU]), int(limits["memory"])
        # Slow waves, each node its own: what a training loop looks like from outside.
        wave = 0.5 + 0.5 * math.sin(now_ms / 9000 + index)
        used = round(memory * (0.3 + 0.2 * wave))
        total: dict[str, float] = {"memory": memory, "CPU": limits["cpu"]}
        if gpus:
            total["GPU"] = gpus
        node = {"node_id": name, "node_ip": f"10.0.0.{index + 1}", "state": "ALIVE"}
        members.append({**node, "is_head_node": is_head, "resources_total": total})
        summary.append(
            {
                "hostname": name,
                "cpu": round(20 + 60 * wave, 1),
                "mem": [memory, memory - used, 0, used],
                "gpus": [_gpu(number, wave) for number in range(gpus)],
                "raylet": {"nodeId": name, "state": "ALIVE", "isHeadNode": is_head},
            }
        )
    return {"data": {"result": {"result": members}}}, {"data": {"summary": summary}}


def _gpu(index: int, wave: float) -> dict[str, Any]:
    busy = min(1.0, 0.55 + 0.4 * wave + 0.02 * index)
    return {
        "index": index,
        "name": f"{GPU_NAME} (simulated)",
        "utilizationGpu": round(100 * busy),
        "memoryUsed": round(_GPU_MIB * 0.62),
        "memoryTotal": _GPU_MIB,
        "powerMw": round(1000 * (_GPU_IDLE_W + (_GPU_BUSY_W - _GPU_IDLE_W) * busy)),
        "temperatureC": round(38 + 30 * busy),
    }


def _ray_cluster(cluster: SimulatedCluster, now_ms: int, *, is_suspended: bool) -> dict[str, Any]:
    metadata = {
        **cluster.manifest["metadata"],
        "uid": cluster.uid,
        "generation": 1,
        "creationTimestamp": _time(cluster.made_ms),
    }
    suspended = {"type": "RayClusterSuspended", "status": str(is_suspended)}
    return {
        **cluster.manifest,
        "metadata": metadata,
        "spec": {**cluster.manifest["spec"], "suspend": is_suspended},
        "status": {
            "observedGeneration": 1,
            "conditions": [{**suspended, "lastTransitionTime": _time(now_ms)}],
        },
    }


def _workload(cluster: SimulatedCluster, *, is_admitted: bool) -> dict[str, Any]:
    reserved = {
        "type": "QuotaReserved",
        "status": str(is_admitted),
        "reason": "QuotaReserved" if is_admitted else "Pending",
        "message": "Quota reserved in the ClusterQueue simulated"
        if is_admitted
        else "couldn't assign flavors to pod set head: insufficient unused quota for cpu in flavor"
        " default-flavor, 2 more needed",
    }
    conditions = [reserved]
    if is_admitted:
        conditions.append({**reserved, "type": "Admitted", "reason": "Admitted"})
    return {
        "metadata": {"name": f"raycluster-{cluster.name}"},
        "spec": {"queueName": cluster.queue, "active": not cluster.is_suspended},
        "status": {"conditions": conditions},
    }


def _pods(cluster: SimulatedCluster, began_ms: int, now_ms: int) -> tuple[dict[str, Any], ...]:
    spec = cluster.manifest["spec"]
    wanted = [("head", "", spec["headGroupSpec"]["template"]["spec"])]
    for group in spec.get("workerGroupSpecs") or []:
        pod_spec = group["template"]["spec"]
        wanted += [("worker", str(group["groupName"]), pod_spec)] * int(group["replicas"])
    free = {
        name: {"cpu": float(cpus), "memory": memory_gib * 2.0**30, GPU: float(gpus)}
        for name, cpus, memory_gib, gpus in _MACHINES
    }
    made: list[dict[str, Any]] = []
    for index, (kind, group, pod_spec) in enumerate(wanted):
        name = f"{cluster.name}-{group or 'head'}-{index}"
        labels = {"ray.io/cluster": cluster.name, "ray.io/node-type": kind}
        labels["ray.io/group"] = group or "headgroup"
        created_ms = began_ms + round(1000 * _WORKER_S * index)
        metadata = {"name": name, "namespace": NAMESPACE, "labels": labels}
        pod = {
            "metadata": {**metadata, "creationTimestamp": _time(created_ms)},
            "spec": dict(pod_spec),
        }
        node, lacking = _place(ray_pod(pod, cluster.name).requests, pod_spec, free)
        pod["status"] = _status(
            pod_spec, lacking, created_ms, now_ms, has_head=kind == "head" or _is_up(made)
        )
        if node and now_ms - created_ms >= _SCHEDULED_S * 1000:
            pod["spec"]["nodeName"] = node
        made.append(pod)
    return tuple(made)


def _is_up(made: list[dict[str, Any]]) -> bool:
    """Whether the head answers, which workers wait for."""
    return bool(made) and made[0]["status"]["phase"] == "Running"


def _place(
    requests: Mapping[str, float], pod_spec: Mapping[str, Any], free: dict[str, dict[str, float]]
) -> tuple[str, str]:
    """Take what a pod needs from the first machine that has it, or say what they all lack."""
    product = (pod_spec.get("nodeSelector") or {}).get(GPU_PRODUCT, "")
    if product not in {"", GPU_NAME}:
        return "", f"{len(free)} node(s) didn't match Pod's node affinity/selector"
    lacks: collections.Counter[str] = collections.Counter()
    for name, left in free.items():
        lacking = [key for key, amount in requests.items() if left.get(key, math.inf) < amount]
        if not lacking:
            left.update({key: left[key] - requests.get(key, 0.0) for key in left})
            return name, ""
        lacks.update(lacking)
    return "", ", ".join(f"{count} Insufficient {key}" for key, count in sorted(lacks.items()))


def _status(
    pod_spec: Mapping[str, Any], lacking: str, created_ms: int, now_ms: int, *, has_head: bool
) -> dict[str, Any]:
    age_s = (now_ms - created_ms) / 1000
    moment = {"lastTransitionTime": _time(now_ms)}
    unready = {"type": "Ready", "status": "False", **moment}
    if lacking:
        words = f"0/{len(_MACHINES)} nodes are available: {lacking}."
        said = {"reason": "Unschedulable", "message": words}
        scheduled = {"type": "PodScheduled", "status": "False", **said, **moment}
        return {"phase": "Pending", "conditions": [scheduled]}
    if age_s < _SCHEDULED_S:
        return {"phase": "Pending", "conditions": []}
    scheduled = {"type": "PodScheduled", "status": "True", **moment}
    containers = []
    is_running = age_s >= _READY_S and has_head
    for container in pod_spec["containers"]:
        image, state = container["image"], {}
        if age_s < _SCHEDULED_S + 1 or (_KNOWN_IMAGE.fullmatch(image) and age_s < _PULLED_S):
            state = {"waiting": {"reason": "ContainerCreating"}}
        elif not _KNOWN_IMAGE.fullmatch(image):
            words = f'failed to resolve reference "{image}": {image}: not found'
            state = {"waiting": {"reason": "ErrImagePull", "message": words}}
            is_running = False
        else:
            state = {"running": {"startedAt": _time(now_ms)}}
        containers.append({"name": container["name"], "ready": False, "restartCount": 0})
        containers[-1]["state"] = state
    if not is_running:
        conditions = [scheduled, unready]
        return {"phase": "Pending", "conditions": conditions, "containerStatuses": containers}
    return {
        "phase": "Running",
        "conditions": [scheduled, {**unready, "status": "True"}],
        "containerStatuses": [
            {**item, "ready": True, "imageID": "sha256:0"} for item in containers
        ],
    }


def _events(pods: tuple[dict[str, Any], ...], now_ms: int) -> tuple[dict[str, Any], ...]:
    """Tell of the images that are being pulled."""
    found = []
    for pod in pods:
        statuses = pod["status"].get("containerStatuses") or []
        if statuses and (statuses[0]["state"].get("waiting") or {}).get("reason"):
            about = {"kind": "Pod", "name": pod["metadata"]["name"], "namespace": NAMESPACE}
            image = pod["spec"]["containers"][0]["image"]
            event = {"type": "Normal", "reason": "Pulling", "involvedObject": about, "count": 1}
            event |= {"message": f'Pulling image "{image}"', "lastTimestamp": _time(now_ms)}
            found.append(event)
    return tuple(found)


def _time(time_ms: int) -> str:
    return dt.datetime.fromtimestamp(time_ms / 1000, dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
