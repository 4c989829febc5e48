"""Say why a Ray cluster on Kubernetes is not as wanted.

Everything is read from one snapshot, and nothing in a snapshot is trusted to be there or to be what
it should: this never raises. Each module beside this one reads one kind of object; here the
findings are put together and in order.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rayspace.core.diagnosis.containers import container_finding
from rayspace.core.diagnosis.finding import Finding, as_problem, joined
from rayspace.core.diagnosis.images import image_finding
from rayspace.core.diagnosis.kube_nodes import lost_finding, pressure_finding
from rayspace.core.diagnosis.queue import queue_findings
from rayspace.core.diagnosis.ray_cluster import end_finding, missing_workers, operator_findings
from rayspace.core.diagnosis.readiness import (
    ended_finding,
    past_findings,
    readiness_finding,
    start_finding,
)
from rayspace.core.diagnosis.scheduling import scheduling_finding
from rayspace.core.diagnosis.view import ClusterView, read_snapshot

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rayspace.core.diagnosis.pods import RayPod
    from rayspace.model.problem import Problem
    from rayspace.model.snapshot import ClusterSnapshot

#: All codes; of two findings that are equally decisive the earlier is told first.
CODES = (
    "cluster_missing",
    "deleting",
    "spec_invalid",
    "no_operator",
    "suspended",
    "queue_missing",
    "queue_never_fits",
    "queue_stopped",
    "queue_not_admitted",
    "queue_waiting",
    "quota_needs_limits",
    "limit_range",
    "admission_refused",
    "service_account_missing",
    "forbidden",
    "quota_exceeded",
    "node_lost",
    "image_name_invalid",
    "image_not_found",
    "pull_refused",
    "secret_missing",
    "claim_missing",
    "version_mismatch",
    "oom_killed",
    "crash_loop",
    "container_failing",
    "unschedulable_gpu",
    "unschedulable_memory",
    "unschedulable_cpu",
    "unschedulable_selector",
    "unschedulable_taint",
    "unschedulable_other",
    "claim_pending",
    "mount_failing",
    "sandbox_failing",
    "pull_failing",
    "gcs_unreachable",
    "readiness_failing",
    "operator_failing",
    "worker_missing",
    "evicted",
    "node_pressure",
)
#: Of these a snapshot without nodes, volume claims and logs tells only half.
_HALF_KNOWN = ("unschedulable_", "claim_pending", "crash_loop")


def is_half_known(problem: Problem) -> bool:
    """Tell whether nodes, volume claims and logs may say more of a problem, or of another cause.

    Parameters
    ----------
    problem
        Found in a snapshot without them.
    """
    return problem.code.startswith(_HALF_KNOWN)


def diagnose(snapshot: ClusterSnapshot) -> tuple[Problem, ...]:
    """Say why a cluster is not as wanted.

    Parameters
    ----------
    snapshot
        What Kubernetes says of it.

    Returns
    -------
    tuple of Problem
        One for each cause, the most decisive first: what waiting can't mend, then what keeps back
        all of the cluster, then some workers. Empty if nothing is known to be wrong.
    """
    return problems_of(read_snapshot(snapshot))


def problems_of(view: ClusterView) -> tuple[Problem, ...]:
    """Say why a cluster is not as wanted, from a snapshot that was read.

    Parameters
    ----------
    view
        What Kubernetes says of it.

    Returns
    -------
    tuple of Problem
        As of `diagnose`.
    """
    end = end_finding(view)
    if end is not None:
        return (as_problem(end),)
    found = [*queue_findings(view), *operator_findings(view)]
    # Who refused the pods is known; that they are missing says nothing new.
    if not found:
        found += missing_workers(view)
    for pod in view.pods:
        found += _of_pod(view, pod)
    found += past_findings(view)
    return tuple(map(as_problem, sorted(joined(found), key=_decisiveness)))


def _of_pod(view: ClusterView, pod: RayPod) -> Iterator[Finding]:
    """Yield what keeps back one pod, and what may end it."""
    # All that a lost node said of its pods is old.
    lost = lost_finding(view, pod)
    if lost is not None:
        yield lost
        return
    pressure = pressure_finding(view, pod)
    if pressure is not None:
        yield pressure
    cause = ended_finding(view, pod) or scheduling_finding(view, pod) or _of_containers(view, pod)
    cause = cause or start_finding(view, pod) or readiness_finding(view, pod)
    if cause is not None:
        yield cause


def _of_containers(view: ClusterView, pod: RayPod) -> Finding | None:
    for container in pod.containers:
        finding = image_finding(view, pod, container) or container_finding(view, pod, container)
        if finding is not None:
            return finding
    return None


def _decisiveness(finding: Finding) -> tuple[bool, bool, bool, int]:
    return (
        finding.is_aside,
        not finding.is_final,
        finding.is_about_workers,
        CODES.index(finding.code),
    )
