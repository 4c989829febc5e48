"""What a cluster on Kubernetes is like, from what Kubernetes says of it."""

from __future__ import annotations

import datetime as dt
import json
from typing import TYPE_CHECKING, Any

from rayspace.core.clusters.access import client_url, head_url
from rayspace.core.clusters.activity import Annotation, read_activity_note
from rayspace.core.kube.provisioning import ProvisionState, StageName, StageState, provision_stages
from rayspace.core.manifests import ray_cluster as manifest
from rayspace.model.cluster import (
    DEFAULT_GROUP,
    Activity,
    ClusterPhase,
    ClusterSpec,
    ClusterState,
    HeadAddress,
    Origin,
    WorkerGroup,
)
from rayspace.model.profile import NodeResources
from rayspace.model.progress import Stage
from rayspace.model.spec_wire import spec_from_wire

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rayspace.model.snapshot import ClusterSnapshot, KubeObject
    from rayspace.model.target import Target

_STATES = {StageState.WAITING: "doing", StageState.DONE: "done", StageState.FAILED: "failed"}


def cluster_state(
    snapshot: ClusterSnapshot, target: Target, user: str, server: str
) -> ClusterState:
    """Describe a cluster.

    Parameters
    ----------
    snapshot
        What Kubernetes says; holds a RayCluster.
    target
        Where it is.
    user
        Who asks, as the API server names them; empty for unknown.
    server
        Base URL of the API server.

    Returns
    -------
    ClusterState
        The cluster.
    """
    cluster: KubeObject = snapshot.ray_cluster or {}
    metadata = cluster.get("metadata") or {}
    annotations = metadata.get("annotations") or {}
    spec = spec_of(cluster)
    progress = provision_stages(snapshot)
    phase, reason = _phase(cluster, progress)
    proxied = (
        f"{server}/api/v1/namespaces/{snapshot.namespace}/services/"
        f"{snapshot.name}-head-svc:{manifest.DASHBOARD_PORT}/proxy"
    )
    own = head_url(target.url, snapshot.name, snapshot.namespace)
    address = HeadAddress(
        dashboard_url=own or proxied,
        gcs_address="",
        client_url=client_url(snapshot.name, target.name),
        target=target.name,
        namespace=snapshot.namespace,
        cluster=snapshot.name,
    )
    return ClusterState(
        name=snapshot.name,
        uid=str(metadata.get("uid", "")),
        target=target.name,
        phase=phase,
        reason=reason,
        profile=spec.profile,
        origin=_origin(metadata, user),
        project=spec.project,
        address=address,
        groups=progress.groups or (WorkerGroup(DEFAULT_GROUP, 0, 0, 0),),
        started_ms=time_ms(metadata.get("creationTimestamp")),
        pid=0,
        python="python",
        ray_version=str((cluster.get("spec") or {}).get("rayVersion") or ""),
        python_version=str(annotations.get(manifest.PYTHON, "")),
        log_dir="",
        spec=spec,
        namespace=snapshot.namespace,
        owner=str(annotations.get(manifest.OWNER, "")),
        problems=progress.problems,
        activity=activity_of(annotations),
        stages=tuple(
            Stage(stage.name.value, stage.text, _STATES[stage.state])  # type: ignore[arg-type]
            for stage in progress.stages
            if stage.name is not StageName.QUEUED or spec.pods.queue or snapshot.workload
        ),
    )


def spec_of(cluster: KubeObject) -> ClusterSpec:
    """Read what was asked for: our own note, else what the object itself shows."""
    metadata = cluster.get("metadata") or {}
    name = str(metadata.get("name", ""))
    try:
        noted = json.loads((metadata.get("annotations") or {})[manifest.SPEC])
        return spec_from_wire(noted)
    except (KeyError, TypeError, ValueError, AttributeError):
        # Somebody else's cluster, or a note that somebody changed.
        groups = (cluster.get("spec") or {}).get("workerGroupSpecs") or [{}]
        n_workers = groups[0].get("replicas") if isinstance(groups[0], dict) else 0
        return ClusterSpec(
            name=name,
            profile="",
            worker=NodeResources(cpus=1),
            n_workers=n_workers if isinstance(n_workers, int) else 0,
        )


def activity_of(annotations: Mapping[str, Any]) -> Activity | None:
    """Read what the watcher in a head saw last; None where there is none."""
    note = read_activity_note(str(annotations.get(Annotation.ACTIVITY, "")))
    if note is None:
        return None
    return Activity(
        note.seen_ms,
        note.active,
        note.acts_at_ms or None,
        note.action,
        idle_since_ms=note.idle_since_ms or None,
        is_known=note.is_known,
    )


def time_ms(text: object) -> int:
    """Read a time as Kubernetes writes it; 0 for none. [ms since 1970-01-01 UTC]."""
    try:
        return int(dt.datetime.fromisoformat(str(text)).timestamp() * 1000)
    except ValueError:
        return 0


def _phase(cluster: KubeObject, progress: ProvisionState) -> tuple[ClusterPhase, str]:
    """Say where a cluster stands, and why, from its pods and the diagnosis."""
    first = progress.problems[0] if progress.problems else None
    reason = first.summary if first else ""
    codes = {problem.code for problem in progress.problems}
    if (cluster.get("metadata") or {}).get("deletionTimestamp"):
        return ClusterPhase.ENDING, reason or "It is being deleted."
    if any(code.startswith("queue_") for code in codes):
        fatal = first is not None and first.is_final
        return (ClusterPhase.FAILED if fatal else ClusterPhase.QUEUED), reason
    if progress.is_head_ready:
        return ClusterPhase.READY, reason
    if "suspended" in codes or (cluster.get("spec") or {}).get("suspend"):
        return ClusterPhase.SUSPENDED, reason or "It is suspended."
    if any(p.is_final and (p.is_about_head or not p.groups) for p in progress.problems):
        return ClusterPhase.FAILED, reason
    stage = progress.current
    return ClusterPhase.STARTING, reason or stage.text


def _origin(metadata: Mapping[str, Any], user: str) -> Origin:
    labels = metadata.get("labels") or {}
    if labels.get(manifest.MANAGED_BY) != "rayspace":
        return Origin.FOREIGN
    owner = labels.get(manifest.OWNER_HASH, "")
    is_mine = not user or not owner or owner == manifest.owner_hash(user)
    return Origin.STARTED if is_mine else Origin.FOREIGN
