"""The RayJob of a notebook, and what KubeRay says of one.

The job is submitted by the operator itself (HTTPMode): a submitter pod would cost seconds, and may
submit a second time. Which fields exclude each other: validation.go of KubeRay 1.6.
"""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

from rayspace.core.diagnosis.fields import text
from rayspace.core.kube.state import time_ms
from rayspace.core.manifests import ray_cluster as manifests
from rayspace.model.job import LivePhase
from rayspace.model.limits import Limits
from rayspace.model.ray_job import DEADLINE_S, NO_SHELL, POD_ENDS, RayJobStage, RayJobState

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rayspace.model.ray_job import Launch
    from rayspace.model.snapshot import KubeObject

RUN_ID = f"{manifests.PREFIX}/run-id"
#: Finds the runs of a cluster that KubeRay names itself. Source: utils/constant.go of KubeRay 1.6.
ORIGIN_LABEL = "ray.io/originated-from-cr-name"
RUNNER_FILE = "runner.zip"
#: Service account of jobs that keep what happened to their pods; templates/kubernetes/rbac.yaml.
ACCOUNT = "rayspace-job"
#: Where nobody asks for an end.
NO_LIMITS = Limits()
_RUNNER_VOLUME = "rayspace-runner"
#: How often Ray looks at the memory of a node; 0 for never. [ms]
_MEMORY_MONITOR = "RAY_memory_monitor_refresh_ms"
_RUNNER_DIR = "/opt/rayspace-job"
RUNNER_PATH = f"{_RUNNER_DIR}/{RUNNER_FILE}"
#: What the runner may take after its own deadline: to interrupt, to save and to say so. [s]
_BACKSTOP_S = 300.0
#: How long the object itself stays, as a record for kubectl: seven days. [s]
_RECORD_S = 7 * 24 * 3600
#: An admitted queue counts what stands still, and so does an administrator who sets limits; longer
#: than to fetch a log makes no sense. [s]
_SHORT_TTL_S = 30
#: Ray kills what has not ended so long after a stop; its default is 3 s. [s]
_STOP_WAIT_S = 60
#: A pod that ends gives the runner time to save. [s]
_GRACE_S = 60


def runner_secret(name: str) -> str:
    """Return the name of the Secret that holds the runner of a job."""
    return f"{name}-runner"


def ray_job_manifest(
    launch: Launch,
    cluster: Mapping[str, Any],
    *,
    has_deletion_rules: bool = True,
    has_account: bool = False,
    limits: Limits = NO_LIMITS,
) -> dict[str, Any]:
    """Make the RayJob of a notebook.

    Parameters
    ----------
    launch
        What is to be started.
    cluster
        The RayCluster that would be made of its spec alone.
    has_deletion_rules
        Whether KubeRay knows rules for what it deletes when, and a deadline for the start.
    has_account
        Whether the namespace has the service account `ACCOUNT`.
    limits
        What the namespace allows. Where clusters must have an end, so has that of the job.

    Returns
    -------
    dict
        The object to apply.
    """
    metadata = cluster["metadata"]
    spec = json.loads(json.dumps(cluster["spec"]))
    for template in _templates(spec):
        _mount_runner(template, runner_secret(launch.spec.name), launch.secret)
        # A profile may have named another; the autoscaler's has rights that are not for notebooks.
        if has_account and not launch.spec.is_autoscaled:
            template["spec"].setdefault("serviceAccountName", ACCOUNT)
    _leave_memory_to_the_system(spec["headGroupSpec"]["template"])
    env = {
        **launch.env,
        "RAYSPACE_RUNNER_PATH": RUNNER_PATH,
        "RAY_JOB_STOP_WAIT_TIME_S": str(_STOP_WAIT_S),
        # Ray would take a driver started by uv for a wish to do so everywhere.
        "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0",
    }
    # Of the object and not of the wish: an administrator's defaults and overlays name queues too.
    is_queued = bool(metadata["labels"].get(manifests.QUEUE))
    ttl_s = _ttl_s(launch, limits, is_queued=is_queued, has_deletion_rules=has_deletion_rules)
    deadline_s = _backstop_s(launch, limits, ttl_s or 0)
    if deadline_s and launch.deadline_s is None:
        # Its runner saves what there is before KubeRay takes the pods away.
        before_s = deadline_s - launch.start_deadline_s - _BACKSTOP_S
        env[DEADLINE_S] = str(math.floor(before_s if before_s > 0 else deadline_s / 2))
    job: dict[str, Any] = {
        "submissionMode": "HTTPMode",
        "jobId": launch.spec.name,
        "entrypoint": f"{NO_SHELL} python {RUNNER_PATH}",
        # JSON is YAML.
        "runtimeEnvYAML": json.dumps({"env_vars": env}, sort_keys=True),
        "metadata": {"rayspace.run_id": launch.run_id},
        "backoffLimit": launch.retries,
        "rayClusterSpec": spec,
    }
    if launch.driver_cpus:
        job["entrypointNumCpus"] = launch.driver_cpus
    if launch.driver_gpus:
        job["entrypointNumGpus"] = launch.driver_gpus
    if deadline_s is not None:
        job["activeDeadlineSeconds"] = deadline_s
    if has_deletion_rules:
        job["preRunningDeadlineSeconds"] = math.ceil(launch.start_deadline_s)
    if ttl_s is None:
        rules = _deletion_rules(math.ceil(launch.keep_failed_s))
        job["deletionStrategy"] = {"deletionRules": rules}
    else:
        job["shutdownAfterJobFinishes"] = True
        job["ttlSecondsAfterFinished"] = ttl_s
    labels = {**metadata["labels"], RUN_ID: launch.run_id}
    return {
        "apiVersion": manifests.API_VERSION,
        "kind": "RayJob",
        "metadata": {
            "name": launch.spec.name,
            "namespace": metadata["namespace"],
            "labels": labels,
            "annotations": dict(metadata["annotations"]),
        },
        "spec": job,
    }


def _ttl_s(
    launch: Launch, limits: Limits, *, is_queued: bool, has_deletion_rules: bool
) -> int | None:
    """Return how long its cluster stays after its end; None where rules say so."""
    if limits.max_idle_s is not None or limits.max_lifetime_s is not None:
        # No rule ends the cluster of a job that Ray stopped: such an end is none.
        return min(_SHORT_TTL_S, int(limits.max_idle_s or _SHORT_TTL_S))
    if is_queued:
        # A queue suspends, and what can be suspended may have no rules.
        return _SHORT_TTL_S
    return None if has_deletion_rules else math.ceil(launch.keep_failed_s)


def _backstop_s(launch: Launch, limits: Limits, ttl_s: int) -> int | None:
    """Return after which time KubeRay ends it, from the start of its cluster on; None for never.

    It is for a runner that does not keep its own deadline.
    """
    longest_s = None if limits.max_lifetime_s is None else int(limits.max_lifetime_s) - ttl_s
    if launch.deadline_s is None:
        return longest_s
    asked_s = math.ceil(launch.start_deadline_s + launch.deadline_s + _BACKSTOP_S)
    # Beyond the limit is a wish, and not what is added to it.
    is_allowed = longest_s is not None and launch.deadline_s <= longest_s
    return min(asked_s, longest_s) if longest_s is not None and is_allowed else asked_s


def _deletion_rules(keep_failed_s: int) -> list[dict[str, Any]]:
    def rule(policy: str, condition: dict[str, str], ttl_s: int) -> dict[str, Any]:
        return {"policy": policy, "condition": {**condition, "ttlSeconds": ttl_s}}

    succeeded, failed = {"jobStatus": "SUCCEEDED"}, {"jobStatus": "FAILED"}
    # After a deadline Ray's word is still RUNNING: only KubeRay's own tells.
    gave_up = {"jobDeploymentStatus": "Failed"}
    record_s = max(_RECORD_S, 2 * keep_failed_s)
    return [
        rule("DeleteCluster", succeeded, 0),
        rule("DeleteCluster", failed, keep_failed_s),
        rule("DeleteCluster", gave_up, keep_failed_s),
        rule("DeleteSelf", succeeded, record_s),
        rule("DeleteSelf", failed, record_s),
        rule("DeleteSelf", gave_up, record_s),
    ]


def changes_for_a_stop(job: KubeObject) -> dict[str, Any]:
    """Return what makes KubeRay end the cluster of a job that is being stopped.

    No rule matches what Ray stopped, and what has rules may have no time after which it ends.

    Parameters
    ----------
    job
        The RayJob.

    Returns
    -------
    dict
        The changes of its fields; none where KubeRay ends its cluster after any end.
    """
    if not job["spec"].get("deletionStrategy"):
        return {}
    changes = {
        "deletionStrategy": None,
        "shutdownAfterJobFinishes": True,
        "ttlSecondsAfterFinished": _SHORT_TTL_S,
    }
    return {"spec": changes}


def _templates(spec: Mapping[str, Any]) -> list[dict[str, Any]]:
    groups = [spec["headGroupSpec"], *(spec.get("workerGroupSpecs") or [])]
    return [group["template"] for group in groups]


def _mount_runner(template: dict[str, Any], secret: str, tracking_secret: str) -> None:
    """Give every group the runner: the driver may sit on a worker."""
    pod = template["spec"]
    pod.setdefault("volumes", []).append(
        {"name": _RUNNER_VOLUME, "secret": {"secretName": secret, "defaultMode": 0o444}}
    )
    pod["terminationGracePeriodSeconds"] = _GRACE_S
    container = pod["containers"][0]
    # Ray's first process, the only one that Kubernetes tells, passes nothing on.
    last = {"exec": {"command": ["python", RUNNER_PATH, POD_ENDS]}}
    container["lifecycle"] = {"preStop": last, **container.get("lifecycle", {})}
    container.setdefault("volumeMounts", []).append(
        {"name": _RUNNER_VOLUME, "mountPath": _RUNNER_DIR, "readOnly": True}
    )
    if tracking_secret:
        # Without it the job could not even say that it failed.
        source = {"secretRef": {"name": tracking_secret, "optional": False}}
        container["envFrom"] = [*_others(container.get("envFrom"), tracking_secret), source]


def _leave_memory_to_the_system(template: dict[str, Any]) -> None:
    """Keep Ray from ending the job's driver when the memory of its pod runs out.

    Where no task runs, the driver's own actor is all that Ray could end, and the runner with it,
    with a second's notice at most. The system ends what takes the most: the kernel, of whose end
    the runner tells.
    """
    env = template["spec"]["containers"][0].setdefault("env", [])
    if all(variable.get("name") != _MEMORY_MONITOR for variable in env):
        env.append({"name": _MEMORY_MONITOR, "value": "0"})


def _others(sources: list[dict[str, Any]] | None, secret: str) -> list[dict[str, Any]]:
    return [item for item in sources or [] if text(item, "secretRef", "name") != secret]


def ray_job_state(job: KubeObject) -> RayJobState:
    """Read a RayJob.

    Parameters
    ----------
    job
        The object.

    Returns
    -------
    RayJobState
        What KubeRay says of it.
    """
    metadata, status = job["metadata"], job.get("status") or {}
    return RayJobState(
        name=str(metadata["name"]),
        uid=str(metadata.get("uid", "")),
        stage=_stage(status.get("jobDeploymentStatus")),
        status=_live_phase(status.get("jobStatus")),
        why=str(status.get("reason") or ""),
        message=str(status.get("message") or ""),
        cluster=str(status.get("rayClusterName") or ""),
        run_id=str((metadata.get("labels") or {}).get(RUN_ID, "")),
        is_ending=bool(metadata.get("deletionTimestamp")),
        created_ms=time_ms(metadata.get("creationTimestamp")),
    )


def _stage(word: object) -> RayJobStage:
    try:
        return RayJobStage(word or "")
    except ValueError:
        # A later KubeRay's: whatever it means, the job has neither ended nor been forgotten.
        return RayJobStage.INITIALIZING


def _live_phase(word: object) -> LivePhase | None:
    try:
        return LivePhase(word)
    except ValueError:
        return None
