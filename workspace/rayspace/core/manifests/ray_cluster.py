"""The RayCluster of a wish: KubeRay makes pods of it, and nothing here asks anybody anything.

Source: the API of KubeRay 1.5 and 1.6, ray-operator/apis/ray/v1/raycluster_types.go. Readiness
probes are our own: KubeRay's begin after 10 s and come every 5 s, and Ray answers long before.
"""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rayspace.core.manifests.bash_env import with_bash_env
from rayspace.core.manifests.container_env import container_env
from rayspace.core.manifests.driver_slots import RESOURCE, n_driver_slots
from rayspace.core.manifests.head_start import head_cpu_limit, without_cloud_search
from rayspace.core.manifests.head_wait import HEAD_WAIT
from rayspace.core.manifests.shape import require_shape
from rayspace.core.profiles.defaults import CA_DIR, with_defaults, with_registries
from rayspace.core.profiles.overlay import merged
from rayspace.core.profiles.pods import toleration
from rayspace.model.defaults import Defaults
from rayspace.model.wire import to_wire

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rayspace.core.images.choice import ImageChoice
    from rayspace.model.cluster import ClusterSpec
    from rayspace.model.profile import GroupSpec, NodeResources

API_VERSION = "ray.io/v1"
PREFIX = "rayspace.dev"
OWNER = f"{PREFIX}/owner"
OWNER_HASH = f"{PREFIX}/owner-hash"
PROFILE = f"{PREFIX}/profile"
SPEC = f"{PREFIX}/spec"
IDLE_S = f"{PREFIX}/idle-s"
MAX_LIFETIME_S = f"{PREFIX}/max-lifetime-s"
PYTHON = f"{PREFIX}/python"
QUEUE = "kueue.x-k8s.io/queue-name"
GPU = "nvidia.com/gpu"
GPU_PRODUCT = "nvidia.com/gpu.product"
MANAGED_BY = "app.kubernetes.io/managed-by"
HEAD_CONTAINER, WORKER_CONTAINER = "ray-head", "ray-worker"
WATCHER_CONTAINER, WATCHER_FILE = "rayspace-watcher", "watcher.zip"
#: Service account of heads that watch themselves; templates/kubernetes/rbac.yaml gives its rights.
HEAD_ACCOUNT = "rayspace-head"
_WATCHER_DIR = "/opt/rayspace"
#: What Kubernetes itself mounts into every container of a pod that does not say otherwise.
#: Source: https://kubernetes.io/docs/reference/access-authn-authz/service-accounts-admin/
_ACCOUNT_VOLUME = "rayspace-account"
_ACCOUNT_DIR = "/var/run/secrets/kubernetes.io/serviceaccount"
_ACCOUNT_SOURCES = [
    {"serviceAccountToken": {"path": "token"}},
    {
        "configMap": {
            "name": "kube-root-ca.crt",
            "items": [{"key": "ca.crt", "path": "ca.crt"}],
        }
    },
    {
        "downwardAPI": {
            "items": [{"path": "namespace", "fieldRef": {"fieldPath": "metadata.namespace"}}]
        }
    },
]
_ACCOUNT_MOUNT = {"name": _ACCOUNT_VOLUME, "mountPath": _ACCOUNT_DIR, "readOnly": True}
_CA_VOLUME = "rayspace-ca"
DASHBOARD_PORT, CLIENT_PORT, GCS_PORT, METRICS_PORT = 8265, 10001, 6379, 8080
#: For a head that takes no tasks: what Ray itself needs, measured with 2.60. [1]
_LEAST_CPU = 0.5
#: Ray's processes take 0.9 GiB before the first task, measured with 2.60. [bytes]
_DEFAULT_MEMORY_BYTES = 4 * 2**30
#: Ray does not end on SIGTERM inside of KubeRay's shell: the rest of a grace is lost time. [s]
_GRACE_S = 10
_HEAD_PROBE = {"path": "/api/gcs_healthz", "port": DASHBOARD_PORT}
_WORKER_PROBE = {"path": "/api/local_raylet_healthz", "port": 52365}
#: What Pod Security "restricted" asks for, and nothing that Ray would miss.
_POD_SECURITY = {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}
_CONTAINER_SECURITY = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
}


@dataclass(frozen=True)
class ManifestFacts:
    """What a manifest needs beside the wish.

    Parameters
    ----------
    namespace
        Where it goes.
    owner
        The authenticated user, as the API server names them; empty for unknown.
    image
        The image.
    ray_version
        Ray here, which an image that does not tell its own is taken to hold.
    overlay
        Raw fields that an administrator wants in every cluster, merged in last.
    defaults
        What an administrator gives to every cluster that does not say otherwise.
    tracking_secret
        Secret with the credentials of the tracking server, for jobs on a cluster that runs; used
        if it is there. Empty for none.
    head_may_burst
        Whether nobody counts what a head may use beyond what it asks for.
    """

    namespace: str
    owner: str
    image: ImageChoice
    ray_version: str
    overlay: Mapping[str, Any] | None = None
    defaults: Defaults = Defaults()
    tracking_secret: str = ""
    head_may_burst: bool = False


def ray_cluster_manifest(spec: ClusterSpec, facts: ManifestFacts) -> dict[str, Any]:
    """Make the RayCluster of a wish.

    Parameters
    ----------
    spec
        The wish.
    facts
        What it needs beside that.

    Returns
    -------
    dict
        The object to apply.

    Raises
    ------
    ManifestError
        If raw fields made something else of it.
    """
    asked = spec
    spec = with_defaults(asked, facts.defaults)
    pods = spec.pods
    manifest: dict[str, Any] = {
        "apiVersion": API_VERSION,
        "kind": "RayCluster",
        "metadata": {
            "name": spec.name,
            "namespace": facts.namespace,
            "labels": _labels(spec, facts),
            # As it was asked: the defaults may be others when it is asked for again.
            "annotations": {SPEC: _note(asked), **_annotations(spec, facts)},
        },
        "spec": {
            # KubeRay asks for it where there is a token.
            "rayVersion": facts.image.ray_version or facts.ray_version,
            "authOptions": {"mode": "token"},
            "headGroupSpec": {
                "rayStartParams": {
                    # Inside of the pod's own network; behind the token.
                    "dashboard-host": "0.0.0.0",  # noqa: S104
                    "num-cpus": str(_whole(spec.head.cpus, 1)),
                    # KubeRay puts it into the command of a shell as it stands.
                    "resources": f"'{json.dumps({RESOURCE: _n_slots(spec.head)})}'",
                    **_store(spec.head),
                },
                "template": _template(spec, spec.head, facts, is_head=True),
            },
            "workerGroupSpecs": [_group(spec, group, facts) for group in spec.groups],
        },
    }
    if spec.is_autoscaled:
        manifest["spec"]["enableInTreeAutoscaling"] = True
        manifest["spec"]["autoscalerOptions"] = {
            "idleTimeoutSeconds": 60,
            "resources": {
                "requests": {"cpu": "100m", "memory": "256Mi"},
                "limits": {"cpu": "500m", "memory": "512Mi"},
            },
            "securityContext": _CONTAINER_SECURITY,
            "volumeMounts": [_ACCOUNT_MOUNT],
        }
    for overlay in (facts.defaults.pods.overlay, pods.overlay, facts.overlay or {}):
        manifest = merged(manifest, dict(overlay))
    require_shape(manifest, [group.name for group in spec.groups])
    return with_registries(without_cloud_search(manifest), facts.defaults.registries)


def owner_hash(owner: str) -> str:
    """Return what stands for a user in a label: names of users may hold any character."""
    return hashlib.sha256(owner.encode()).hexdigest()[:32]


def _labels(spec: ClusterSpec, facts: ManifestFacts) -> dict[str, str]:
    labels = {MANAGED_BY: "rayspace", PROFILE: spec.profile}
    if facts.owner:
        labels[OWNER_HASH] = owner_hash(facts.owner)
    if spec.pods.queue:
        labels[QUEUE] = spec.pods.queue
    return labels


def _annotations(spec: ClusterSpec, facts: ManifestFacts) -> dict[str, str]:
    annotations = {}
    if facts.owner:
        annotations[OWNER] = facts.owner
    if facts.image.python_version:
        annotations[PYTHON] = facts.image.python_version
    if spec.pods.idle_s is not None:
        annotations[IDLE_S] = _seconds(spec.pods.idle_s)
    if spec.pods.max_lifetime_s is not None:
        annotations[MAX_LIFETIME_S] = _seconds(spec.pods.max_lifetime_s)
    return annotations


def _group(spec: ClusterSpec, group: GroupSpec, facts: ManifestFacts) -> dict[str, Any]:
    is_fixed = group.max_workers is None
    return {
        "groupName": group.name,
        "replicas": group.n_workers,
        "minReplicas": 0 if is_fixed else group.n_workers,
        "maxReplicas": max(group.n_workers, 1) if is_fixed else group.max_workers,
        "rayStartParams": {"num-cpus": str(_whole(group.worker.cpus, 1)), **_store(group.worker)},
        "template": _template(spec, group.worker, facts, is_head=False),
    }


def _template(
    spec: ClusterSpec, node: NodeResources, facts: ManifestFacts, *, is_head: bool
) -> dict[str, Any]:
    pods = spec.pods
    volumes, mounts = _volumes(pods.volumes)
    if facts.defaults.ca_bundle:
        config_map = {"name": facts.defaults.ca_bundle.partition("/")[0]}
        volumes.append({"name": _CA_VOLUME, "configMap": config_map})
        mounts.append({"name": _CA_VOLUME, "mountPath": CA_DIR, "readOnly": True})
    is_watched = is_head and has_watcher(spec)
    has_rights = is_watched or (is_head and spec.is_autoscaled)
    container: dict[str, Any] = {
        "name": HEAD_CONTAINER if is_head else WORKER_CONTAINER,
        "image": facts.image.image,
        "resources": _resources(node, may_burst=facts.head_may_burst and has_rights),
        "env": container_env(spec, is_head=is_head),
        "readinessProbe": {
            "httpGet": _HEAD_PROBE if is_head else _WORKER_PROBE,
            "initialDelaySeconds": 1,
            "periodSeconds": 1,
            "timeoutSeconds": 2,
            "failureThreshold": 10,
        },
        # As KubeRay 1.6 has it; that of 1.5 runs wget, which an image need not have.
        "livenessProbe": {
            "httpGet": _HEAD_PROBE if is_head else _WORKER_PROBE,
            "initialDelaySeconds": 30,
            "periodSeconds": 5,
            "timeoutSeconds": 5 if is_head else 2,
            "failureThreshold": 120,
        },
        "securityContext": _CONTAINER_SECURITY,
    }
    if is_head:
        container["ports"] = [
            {"containerPort": port, "name": name}
            for name, port in (
                ("gcs-server", GCS_PORT),
                ("dashboard", DASHBOARD_PORT),
                ("client", CLIENT_PORT),
                ("metrics", METRICS_PORT),
            )
        ]
    if facts.tracking_secret:
        source = {"name": facts.tracking_secret, "optional": True}
        container["envFrom"] = [{"secretRef": source}]
    if mounts:
        container["volumeMounts"] = mounts
    body: dict[str, Any] = {
        "containers": [container],
        "terminationGracePeriodSeconds": _GRACE_S,
        "securityContext": _POD_SECURITY,
        # A driver of a namespace with thousands of services starts slowly with all their variables.
        "enableServiceLinks": False,
    }
    if is_watched:
        body["containers"].append(_watcher(spec, facts))
        body["serviceAccountName"] = HEAD_ACCOUNT
        secret = {"secretName": watcher_secret(spec.name)}
        volumes.append({"name": WATCHER_CONTAINER, "secret": secret})
    if has_rights:
        # What the account may do is the watcher's and the autoscaler's, whose container KubeRay
        # adds, and not that of the code that people run.
        body["automountServiceAccountToken"] = False
        volumes.append({"name": _ACCOUNT_VOLUME, "projected": {"sources": _ACCOUNT_SOURCES}})
    if volumes:
        body["volumes"] = volumes
    selector = {**pods.node_selector, **({GPU_PRODUCT: node.gpu_type} if node.gpu_type else {})}
    if selector:
        body["nodeSelector"] = selector
    tolerations = [toleration(text) for text in pods.tolerations]
    if node.gpus:
        # Nodes with GPUs are mostly kept for those who ask for one.
        tolerations.append({"key": GPU, "operator": "Exists", "effect": "NoSchedule"})
    if tolerations:
        body["tolerations"] = tolerations
    if pods.priority:
        body["priorityClassName"] = pods.priority
    if pods.service_account and not is_watched:
        body["serviceAccountName"] = pods.service_account
    if pods.image_pull_secrets:
        body["imagePullSecrets"] = [{"name": name} for name in pods.image_pull_secrets]
    template = {"metadata": {"labels": {MANAGED_BY: "rayspace"}}, "spec": body}
    return template if is_head else with_bash_env(template, HEAD_WAIT)


def has_watcher(spec: ClusterSpec) -> bool:
    """Whether something in the head watches for idleness or age."""
    return spec.pods.idle_s is not None or spec.pods.max_lifetime_s is not None


def watcher_secret(name: str) -> str:
    """Return the name of the Secret that holds the watcher's program."""
    return f"{name}-watcher"


def _watcher(spec: ClusterSpec, facts: ManifestFacts) -> dict[str, Any]:
    token = {"secretKeyRef": {"name": spec.name, "key": "auth_token"}}
    values = {"RAY_CLUSTER_NAME": spec.name}
    if spec.pods.idle_s is not None:
        values["RAYSPACE_IDLE_S"] = _seconds(spec.pods.idle_s)
    if spec.pods.max_lifetime_s is not None:
        values["RAYSPACE_MAX_LIFETIME_S"] = _seconds(spec.pods.max_lifetime_s)
    program = {"name": WATCHER_CONTAINER, "mountPath": _WATCHER_DIR, "readOnly": True}
    return {
        "name": WATCHER_CONTAINER,
        "image": facts.image.image,
        "command": ["python", f"{_WATCHER_DIR}/{WATCHER_FILE}"],
        "env": [
            *({"name": name, "value": value} for name, value in values.items()),
            {"name": "RAY_AUTH_TOKEN", "valueFrom": token},
        ],
        "resources": {
            "requests": {"cpu": "10m", "memory": "64Mi"},
            "limits": {"cpu": "200m", "memory": "128Mi"},
        },
        "securityContext": _CONTAINER_SECURITY,
        "volumeMounts": [program, _ACCOUNT_MOUNT],
    }


def _resources(node: NodeResources, *, may_burst: bool) -> dict[str, dict[str, str]]:
    cpus = max(node.cpus if node.cpus is not None else 1.0, 0.0) or _LEAST_CPU
    memory_bytes = node.memory_bytes or _DEFAULT_MEMORY_BYTES
    amounts = {"cpu": _milli(cpus), "memory": str(memory_bytes)}
    if node.gpus:
        amounts[GPU] = str(node.gpus)
    # Others get as much as they ask for, and no more: tasks take as long each time.
    most = {"cpu": _milli(head_cpu_limit(cpus, may_burst=may_burst))}
    return {"requests": amounts, "limits": {**amounts, **most}}


def _milli(cpus: float) -> str:
    return f"{math.ceil(cpus * 1000)}m"


def _n_slots(head: NodeResources) -> int:
    return n_driver_slots(head.cpus or _LEAST_CPU, head.memory_bytes or _DEFAULT_MEMORY_BYTES)


def _volumes(
    claims: Mapping[str, str],
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    volumes, mounts = [], []
    for index, (path, text) in enumerate(sorted(claims.items())):
        claim, _, mode = text.partition(":")
        name = f"volume-{index}"
        source = {"claimName": claim, **({"readOnly": True} if mode else {})}
        volumes.append({"name": name, "persistentVolumeClaim": source})
        mounts.append({"name": name, "mountPath": path, **({"readOnly": True} if mode else {})})
    return volumes, mounts


def _store(node: NodeResources) -> dict[str, str]:
    store = node.object_store_memory_bytes
    return {"object-store-memory": str(store)} if store else {}


def _note(spec: ClusterSpec) -> str:
    return json.dumps(to_wire(spec), sort_keys=True)


def _seconds(duration_s: float) -> str:
    """Write a duration in full: ``1296000`` and not ``1.296e+06``, which loses its last digits."""
    return f"{duration_s:.3f}".rstrip("0").rstrip(".")


def _whole(cpus: float | None, otherwise: int) -> int:
    """Return the tasks of one CPU that run at a time: Ray takes whole CPUs only."""
    return otherwise if cpus is None else math.ceil(cpus)
