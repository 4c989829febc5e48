"""A real queue: admitted, waiting, never fitting, wrong and stopped, as a scientist sees them."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from rayspace.loop import run
from tests.cluster import kueue
from tests.cluster.samples import raycluster
from tests.cluster.test_product import Person
from tests.cluster.test_ray import apply, condition

_VISIBLE = (
    "/apis/visibility.kueue.x-k8s.io/v1beta2/namespaces/{}/localqueues/queue/pendingworkloads"
)
_ACTIVE = "jsonpath={.status.conditions[?(@.type=='Active')].status}"


@pytest.fixture
def queued(cluster, queueing, namespace):
    """Give the test's namespace a queue."""
    kueue.add_queue(cluster, namespace.name)
    return namespace


def submit(namespace, name: str, *, cpu: str = "600m", queue: str = "queue") -> None:
    """Apply a RayCluster of a head, which asks for so much."""
    document = raycluster(name, workers=0)
    document["metadata"]["labels"] = {"kueue.x-k8s.io/queue-name": queue}
    (container,) = document["spec"]["headGroupSpec"]["template"]["spec"]["containers"]
    container["resources"]["requests"]["cpu"] = cpu
    container["resources"]["limits"]["cpu"] = "4"
    apply(namespace, document)


def workload(namespace, name: str) -> dict:
    """Return what Kueue thinks of a cluster."""
    for item in namespace.items("workloads"):
        if any(owner["name"] == name for owner in item["metadata"].get("ownerReferences", [])):
            return item
    return {}


def reserved(namespace, name: str) -> dict:
    """Return whether a cluster has its quota, and why not."""
    return condition(workload(namespace, name), "QuotaReserved")


def says(namespace, name: str, *words: str) -> bool:
    """Whether Kueue says all of this of a cluster that waits."""
    message = reserved(namespace, name).get("message", "")
    return all(word in message for word in words)


def await_cause(person, name: str, code: str):
    """Wait until the product tells a cluster's first problem as this one, and return it."""

    def first():
        problems = run(person.clusters.why(name, target=person.target)).problems
        return next((problem for problem in problems[:1] if problem.code == code), None)

    return person.namespace.until(f"{name} is told as {code}", first)


def test_one_runs_the_others_wait_in_order(queued, tmp_path):
    """The position is read through the visibility API; what never fits says so in its text."""
    submit(queued, "first")
    queued.until("it is admitted", lambda: reserved(queued, "first").get("status") == "True")
    for name in ("second", "third"):
        submit(queued, name)
        queued.until("it waits", lambda name=name: reserved(queued, name).get("reason"))
        # Who came first is known to the second.
        came = workload(queued, name)["metadata"]["creationTimestamp"]
        queued.until("the next second", lambda came=came: datetime.now(UTC).isoformat() > came)
    submit(queued, "never", cpu="2")
    for name, words in {
        "never": ("insufficient quota", "maximum capacity"),
        "second": ("insufficient unused quota",),
    }.items():
        queued.until(f"{name} is refused", lambda n=name, w=words: says(queued, n, *w))
    path = _VISIBLE.format(queued.name)
    answer = json.loads(queued.cluster.kubectl("get", "--raw", path, user="scientist"))
    order = {
        item["metadata"]["ownerReferences"][0]["name"]: item["positionInLocalQueue"]
        for item in answer["items"]
    }
    assert order["second"] < order["third"]
    assert queued.cluster.try_kubectl("get", "--raw", path, user="outsider").returncode != 0
    person = Person(queued.cluster, queued, tmp_path)
    queued.until(
        "its place is told",
        lambda: "as the next" in await_cause(person, "second", "queue_waiting").summary,
    )
    assert await_cause(person, "never", "queue_never_fits").is_final
    queued.kubectl("delete", "raycluster", "first")
    queued.until("the next", lambda: reserved(queued, "second").get("status") == "True")


def test_a_queue_that_is_not_there_is_told_from_one_that_is_stopped(queued, tmp_path):
    """By reason and text."""
    person = Person(queued.cluster, queued, tmp_path)
    submit(queued, "lost", queue="nope")
    found = queued.until("it is inadmissible", lambda: reserved(queued, "lost"))
    assert (found["reason"], "nope" in found["message"]) == ("Inadmissible", True)
    assert "nope" in await_cause(person, "lost", "queue_missing").summary
    stop = ("patch", "clusterqueue", "team", "--type=merge", "-p")
    queued.cluster.kubectl(*stop, json.dumps({"spec": {"stopPolicy": "HoldAndDrain"}}))
    try:
        active = ("get", "clusterqueue", "team", "-o", _ACTIVE)
        queued.until("the queue stops", lambda: queued.cluster.kubectl(*active) == "False")
        submit(queued, "held")
        queued.until(
            "it is held",
            lambda: says(queued, "held", "inactive") or says(queued, "held", "stopped"),
        )
        await_cause(person, "held", "queue_stopped")
    finally:
        queued.cluster.kubectl(*stop, json.dumps({"spec": {"stopPolicy": "None"}}))


def test_namespaces_without_a_queue_are_left_alone(queueing, namespace):
    """Nothing of Kueue stands between a scientist and KubeRay there."""
    apply(namespace, raycluster("free", workers=0))
    namespace.until("it has a head", lambda: namespace.items("pods"))
    assert namespace.items("workloads") == []
