"""Objects as KubeRay's own samples have them, small enough for this machine."""

from __future__ import annotations

from typing import Any

from tests.cluster.images import RAY

RAY_VERSION = "2.60.0"
#: Ray's own answer to "how are you", asked every second: KubeRay's probes begin after ten.
_HEAD_PROBE = {"path": "/api/gcs_healthz", "port": 8265}
_WORKER_PROBE = {"path": "/api/local_raylet_healthz", "port": 52365}


def raycluster(
    name: str,
    *,
    workers: int = 1,
    image: str = RAY,
    worker_image: str = "",
    head_limits: dict[str, str] | None = None,
    worker_limits: dict[str, str] | None = None,
    node: str = "",
) -> dict[str, Any]:
    """Return a RayCluster with token authentication.

    Parameters
    ----------
    name
        Its name.
    workers
        Workers beside the head. [1]
    image, worker_image
        Images of head and workers.
    head_limits, worker_limits
        Limits on top of the usual ones.
    node
        Node on which the workers shall run.
    """
    return {
        "apiVersion": "ray.io/v1",
        "kind": "RayCluster",
        "metadata": {"name": name},
        "spec": cluster_spec(
            workers=workers,
            image=image,
            worker_image=worker_image,
            head_limits=head_limits,
            worker_limits=worker_limits,
            node=node,
        ),
    }


def cluster_spec(
    *,
    workers: int = 0,
    image: str = RAY,
    worker_image: str = "",
    head_limits: dict[str, str] | None = None,
    worker_limits: dict[str, str] | None = None,
    node: str = "",
) -> dict[str, Any]:
    """Return the spec of a RayCluster; parameters as for `raycluster`."""
    ports = [
        {"containerPort": port, "name": port_name}
        for port_name, port in (("gcs-server", 6379), ("dashboard", 8265), ("client", 10001))
    ]
    worker = _pod("ray-worker", worker_image or image, worker_limits, _WORKER_PROBE)
    if node:
        worker["spec"]["nodeSelector"] = {"kubernetes.io/hostname": node}
    return {
        "rayVersion": RAY_VERSION,
        "authOptions": {"mode": "token"},
        "headGroupSpec": {
            "rayStartParams": {"dashboard-host": "0.0.0.0", "num-cpus": "1"},
            "template": _pod("ray-head", image, head_limits, _HEAD_PROBE, ports=ports),
        },
        "workerGroupSpecs": [
            {
                "groupName": "workers",
                "replicas": workers,
                "minReplicas": 0,
                "maxReplicas": 4,
                "rayStartParams": {"num-cpus": "1"},
                "template": worker,
            }
        ]
        if workers
        else [],
    }


def rayjob(name: str, entrypoint: str) -> dict[str, Any]:
    """Return a RayJob with a cluster of its own, and one attempt."""
    return {
        "apiVersion": "ray.io/v1",
        "kind": "RayJob",
        "metadata": {"name": name},
        "spec": {
            "submissionMode": "HTTPMode",
            "entrypoint": entrypoint,
            "shutdownAfterJobFinishes": True,
            "ttlSecondsAfterFinished": 60,
            "rayClusterSpec": cluster_spec(),
        },
    }


def _pod(
    name: str, image: str, limits: dict[str, str] | None, probe: dict[str, Any], **container: Any
) -> dict[str, Any]:
    often = {"periodSeconds": 1, "timeoutSeconds": 2, "failureThreshold": 600}
    return {
        "spec": {
            "terminationGracePeriodSeconds": 5,
            "containers": [
                {
                    "name": name,
                    "image": image,
                    "imagePullPolicy": "Never",
                    "resources": {
                        "requests": {"cpu": "100m", "memory": "600Mi"},
                        "limits": {"cpu": "1", "memory": "3Gi", **(limits or {})},
                    },
                    "readinessProbe": {"httpGet": probe, "initialDelaySeconds": 1, **often},
                    **container,
                }
            ],
        }
    }
