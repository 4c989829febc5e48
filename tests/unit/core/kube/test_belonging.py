"""What of a namespace belongs to one cluster."""

from __future__ import annotations

from rayspace.core.diagnosis.diagnose import diagnose
from rayspace.core.kube.belonging import assembled
from rayspace.model.target import Target
from tests.unit.core.diagnosis.snapshots import (
    TAKEN_MS,
    a_group,
    a_pod,
    a_ray_cluster,
    an_event,
)

TARGET = Target("prod", "prod", "team-a")
LONG = "g" * 60


def with_uid(item: dict, uid: str) -> dict:
    return {**item, "metadata": {**item["metadata"], "uid": uid}}


def about(event: dict, uid: str) -> dict:
    return {**event, "involvedObject": {**event["involvedObject"], "uid": uid}}


CLUSTER = with_uid(a_ray_cluster(groups=[a_group("w"), a_group(LONG)]), "c")
HEAD = with_uid(a_pod(), "head")


def events_of(*events: dict, pods: tuple[dict, ...] = (HEAD,)) -> list[str]:
    """Return the pods that events are about which are told of the cluster."""
    snapshot = assembled("c", TARGET, TAKEN_MS, CLUSTER, pods, events, ())
    return [event["involvedObject"]["name"] for event in snapshot.events]


def test_pods_of_one_that_had_the_name_before_are_not_its_own() -> None:
    """They go with it, some time after its name is free."""

    def owned_by(uid: str) -> dict:
        pod = with_uid(a_pod(name=f"c-head-{uid}"), uid)
        pod["metadata"]["ownerReferences"] = [{"kind": "RayCluster", "uid": uid}]
        return pod

    snapshot = assembled(
        "c", TARGET, TAKEN_MS, CLUSTER, [HEAD, owned_by("c"), owned_by("b")], (), ()
    )
    names = [pod["metadata"]["name"] for pod in snapshot.pods]
    assert names == ["c-head-c", HEAD["metadata"]["name"]]


def test_events_are_those_of_the_cluster_and_its_pods() -> None:
    mine = [about(an_event("a", "b"), "c"), about(an_event("a", "b", on="c-head-nbkmp"), "head")]
    others = about(an_event("a", "b", on="d-head-12345"), "x")
    assert events_of(*mine, others) == ["c", "c-head-nbkmp"]


def test_events_of_pods_that_were_replaced_are_told_too() -> None:
    """KubeRay deletes what has failed, and only the name tells whose it was."""
    names = ["c-head-12345", "c-w-worker-12345", f"c-{LONG}"[:50] + "-worker-12345"]
    assert events_of(*(about(an_event("Evicted", "b", on=name), "gone") for name in names)) == names
    others = ["c-head-head-12345", "c-x-worker-12345", "cc-head-12345", "c-head", "c"]
    gone = [about(an_event("Evicted", "b", on=name), "gone") for name in others[:-1]]
    gone.append(about(an_event("Killing", "b", on="c-head-12345"), "gone"))
    service = about(an_event("Evicted", "b", on="c-head-12345"), "gone")
    service["involvedObject"]["kind"] = "Service"
    assert events_of(*gone, service) == []


def test_an_earlier_cluster_of_the_name_and_a_pod_of_another_are_not_mixed_in() -> None:
    """The first was there before this one; the second is there."""
    earlier = about(an_event("Evicted", "b", on="c-head-12345", age=500), "gone")
    assert events_of(earlier) == []
    other = with_uid(a_pod("worker", name="c-w-worker-12345"), "other")
    other["metadata"]["labels"]["ray.io/cluster"] = "c-w"
    event = about(an_event("Evicted", "b", on="c-w-worker-12345"), "other")
    assert events_of(event, pods=(HEAD, other)) == []


def test_a_head_that_is_ended_again_and_again_is_told() -> None:
    """Though whoever looks finds a new one, of which nothing is known yet."""
    said = "Pod ephemeral local storage usage exceeds the total limit of containers 1Ki. "
    ends = [about(an_event("Evicted", said, on=f"c-head-1234{n}", age=n), f"{n}") for n in range(5)]
    starting = with_uid(a_pod(ready=False, phase="Pending", statuses=[]), "head")
    cluster = with_uid(a_ray_cluster(groups=[]), "c")
    (problem,) = diagnose(assembled("c", TARGET, TAKEN_MS, cluster, (starting,), ends, ()))
    assert problem.code == "evicted"
    assert problem.summary == (
        "The head was ended by Kubernetes (Evicted), as were the 4 before it within ten minutes:"
        " Pod ephemeral local storage usage exceeds the total limit of containers 1Ki."
    )
    assert "raise ephemeral-storage" in problem.hint
    assert problem.evidence[0].name == "c-head-12340"


def test_a_name_alone_is_no_operator() -> None:
    """Who replaced a pod of an earlier cluster may be gone."""
    event = about(an_event("Evicted", "b", on="c-head-12345"), "gone")
    bare = with_uid(a_ray_cluster(status={}), "c")
    assert assembled("c", TARGET, TAKEN_MS, bare, (), [event], ()).has_operator is False
