"""What the API server answered when it refused a pod."""

from __future__ import annotations

import pytest

from rayspace.model.problem import Owner
from tests.unit.core.diagnosis.snapshots import (
    a_group,
    a_pod,
    a_ray_cluster,
    a_snapshot,
    an_event,
    codes,
    condition,
    only,
)


def refused(answer: str, *, of: str = "Worker", pods=None, groups=None):
    """Return a cluster of which the API server refused a pod."""
    reason = f"FailedCreate{of}Pod"
    failure = condition("ReplicaFailure", "True", reason, f"{reason}\n{answer}")
    cluster = a_ray_cluster(conditions=[failure], groups=groups)
    pods = ((a_pod(),) if of == "Worker" else ()) if pods is None else pods
    return a_snapshot(ray_cluster=cluster, pods=pods)


def over(requested: str, used: str, limited: str) -> str:
    return (
        'pods "c-w-worker-6gqfn" is forbidden: exceeded quota: team-quota, requested:'
        f" {requested}, used: {used}, limited: {limited}"
    )


@pytest.mark.parametrize(
    ("used", "limited", "is_final", "hint"),
    [
        # One worker asks for 1 CPU, and the cluster's own head and worker hold 50m each.
        ("0", "500m", True, "Ask for less"),
        ("4", "4", False, "End what you do not need"),
        ("1050m", "1050m", True, "rayspace cluster scale c --workers N"),
    ],
)
def test_a_quota_that_others_use_comes_free(used, limited, is_final: bool, hint: str) -> None:
    """One that the cluster itself uses, or that is too small alone, does not."""
    answer = over("requests.cpu=1", f"requests.cpu={used}", f"requests.cpu={limited}")
    pods = (a_pod(), a_pod("worker", name="c-w-worker-a", requests={"cpu": "50m"}))
    problem = only(refused(answer, pods=pods), "quota_exceeded")
    assert problem.is_final is is_final
    assert hint in problem.hint
    assert "1 CPU more would be needed" in problem.summary


def test_every_resource_that_is_short_is_told() -> None:
    """And none that is not; pods are counted as pods, limits as limits."""
    answer = over(
        "limits.memory=8Gi,pods=1,requests.cpu=1",
        "limits.memory=4Gi,pods=10,requests.cpu=1",
        "limits.memory=10Gi,pods=10,requests.cpu=8",
    )
    problem = only(refused(answer), "quota_exceeded")
    assert "8.0 GiB of memory more would be needed, 10.0 GiB are allowed" in problem.summary
    assert "1 pods more would be needed, 10 are allowed and 10 in use" in problem.summary
    assert "CPU" not in problem.summary
    assert not problem.is_final
    own = over("pods=1", "pods=1", "pods=1")
    assert only(refused(own), "quota_exceeded").is_final


@pytest.mark.parametrize(("cpu", "is_told"), [("50m", True), ("200m", False)])
def test_the_init_container_is_named_where_it_is_the_cause(cpu: str, is_told: bool) -> None:
    """It asks for 200m whatever the worker asks for."""
    answer = over("requests.cpu=200m", "requests.cpu=50m", "requests.cpu=80m")
    groups = [a_group("v", requests={"cpu": "2"}), a_group(requests={"cpu": cpu})]
    problem = only(refused(answer, groups=groups), "quota_exceeded")
    assert ("init container" in problem.hint) is is_told


@pytest.mark.parametrize(
    ("answer", "code", "words", "is_final"),
    [
        (('pods "x" is forbidden: failed quota: q: must specify limits.cpu for: ray-worker;'
         " limits.memory for: ray-worker"),
         "quota_needs_limits", "limits.cpu for: ray-worker; limits.memory for: ray-worker", True),
        ('pods "x" is forbidden: failed quota: q: must specify requests.cpu for: ray-worker',
         "quota_needs_limits", "counts requests", True),
        (('pods "x" is forbidden: [minimum cpu usage per Pod is 1, but request is 300m, maximum'
         " memory usage per Container is 1Gi, but limit is 4Gi]"),
         "limit_range", "minimum cpu usage per Pod is 1", True),
        (('pods "x" is forbidden: cpu max limit to request ratio per Container is 2, but provided'
         " ratio is 4.0"), "limit_range", "ratio per Container is 2", True),
        (("pods \"x\" is forbidden: ValidatingAdmissionPolicy 'no-root' with binding 'all' denied"
         " request: must not be root"), "admission_refused", "(no-root) refused it: must", True),
        ('admission webhook "w.example" denied the request', "admission_refused",
         "without a reason", True),
        ('Internal error occurred: failed calling webhook "w.example": connect: refused',
         "admission_refused", "w.example) does not answer", False),
        (('pods "x" is forbidden: error looking up service account team-a/ray: serviceaccount'
         ' "ray" not found'), "service_account_missing", "service account ray", True),
        (('pods "x" is forbidden: unable to create new content in namespace team-a because it is'
         " being terminated"), "forbidden", "namespace team-a is being deleted", True),
        ('pods "x" is forbidden: no PriorityClass with name fast was found', "forbidden",
         "no PriorityClass with name fast was found", False),
        ('Operation cannot be fulfilled on resourcequotas "q": the object has been modified',
         "operator_failing", "the pod of a worker: Operation cannot be fulfilled", False),
        ("", "operator_failing", "gives no reason", False),
    ],
)  # fmt: skip
def test_the_answer_says_the_cause(answer: str, code: str, words: str, is_final: bool) -> None:
    """In the words of the API server, which are the evidence."""
    problem = only(refused(answer), code)
    assert words in problem.summary
    assert problem.is_final is is_final
    mine = {"quota_needs_limits", "limit_range"}
    is_mine = code in mine or "is being deleted" in words
    assert problem.owner is (Owner.YOU if is_mine else Owner.ADMIN)
    assert problem.evidence[0].kind == "RayCluster"
    assert answer in problem.evidence[0].text


def test_an_older_operator_only_has_events() -> None:
    """They count while there is no head, and not for ever."""
    answer = over("requests.cpu=50m", "requests.cpu=0", "requests.cpu=20m")
    event = an_event("FailedToCreateHeadPod", f"Failed to create head Pod team-a/, {answer}")
    snapshot = a_snapshot(ray_cluster=a_ray_cluster(), pods=(), events=(event,))
    assert only(snapshot, "quota_exceeded").is_about_head
    old = an_event("FailedToCreateHeadPod", answer, age=700)
    assert codes(a_snapshot(pods=(), events=(old,))) == []
    assert codes(a_snapshot(events=(event,))) == []


def test_what_the_head_needs_can_be_refused_too() -> None:
    """A Service counts against a quota as well; the sentence is about it and not about a pod."""
    answer = (
        'Failed creating service team-a/c-head-svc, services "c-head-svc" is forbidden: exceeded'
        " quota: q, requested: services=1, used: services=5, limited: services=5"
    )
    event = an_event("FailedToCreateService", answer)
    problem = only(a_snapshot(pods=(), events=(event,)), "quota_exceeded")
    assert problem.summary.startswith("The cluster's Service can't be made: the quota q")
    assert problem.owner is Owner.YOU
    gone = an_event("AutoscalerServiceAccountNotFound", "ServiceAccount ray is not found.")
    problem = only(a_snapshot(pods=(), events=(gone,)), "operator_failing")
    assert "the autoscaler's service account" in problem.summary


def test_pods_that_can_not_be_deleted_are_the_operators_trouble() -> None:
    """KubeRay names what it could not do."""
    failure = condition("ReplicaFailure", "True", "FailedDeleteAllPods", "FailedDeleteAllPods\nno")
    cluster = a_ray_cluster(conditions=[failure])
    assert "a pod: no" in only(a_snapshot(ray_cluster=cluster), "operator_failing").summary
