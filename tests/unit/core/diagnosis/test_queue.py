"""Where a cluster stands in its queue, in Kueue's words."""

from __future__ import annotations

import pytest

from rayspace.core.diagnosis.diagnose import diagnose
from rayspace.core.diagnosis.queue_words import never_fits, still_needed
from rayspace.model.problem import Owner
from tests.unit.core.diagnosis.snapshots import (
    a_pod,
    a_ray_cluster,
    a_snapshot,
    a_workload,
    codes,
    condition,
    only,
    queued,
)

SET = "couldn't assign flavors to pod set"
LABELS = {"labels": {"kueue.x-k8s.io/queue-name": "lq"}}


def never(flavor: str, *, resource: str = "cpu") -> str:
    return (
        f"insufficient quota for {resource} in flavor {flavor}, previously considered podsets"
        " requests (0) + current podset request (2) > maximum capacity (700m)"
    )


def later(flavor: str, *, resource: str = "cpu") -> str:
    return f"insufficient unused quota for {resource} in flavor {flavor}, 500m more needed"


def pending(message: str, reason: str = "Pending") -> dict:
    return a_workload(condition("QuotaReserved", "False", reason, message))


@pytest.mark.parametrize(
    ("message", "flavors", "is_never"),
    [
        (f"{SET} w: {never('a')}", {}, True),
        (f"{SET} w: {later('a')}", {}, False),
        (f"{SET} w: {never('a')}, {later('b')}", {}, False),
        (f"{SET} w: {never('a')}, {never('b')}", {}, True),
        (f"{SET} w: {never('a')}, flavor b doesn't match node affinity", {}, True),
        (f"{SET} w: {never('a')}, untolerated taint {{k v NoSchedule}} in flavor b", {}, True),
        (f"{SET} w: {never('a')}", {"cpu": {"a", "b"}}, False),
        (f"{SET} w: {never('a')}, {later('g', resource='gpu')}", {"cpu": {"a"}}, True),
        (f"{SET} head: {later('a')}; {SET} w: {never('a')}", {"cpu": {"a"}}, True),
        (f"{SET} w: resource nvidia.com/gpu unavailable in ClusterQueue", {}, True),
        (f"{SET} w: insufficient quota for cpu in flavor a, request > maximum capacity (2 > 1)",
         {}, True),
        ("Workload has finished", {}, False),
    ],
)  # fmt: skip
def test_it_never_fits_only_if_no_flavor_is_left(message, flavors, is_never: bool) -> None:
    """Kueue names one reason for each flavor that it tried."""
    found = never_fits(message, flavors)
    assert (found is not None) is is_never
    assert found is None or found.pod_set == "w"


def test_figures_are_told_where_kueue_tells_them() -> None:
    """Asked for, and the most there is."""
    found = never_fits(f"{SET} w: {never('a')}", {})
    assert found is not None
    assert found.text == "2 CPUs are asked for, and the queue never has more than 0.7"
    old = f"{SET} w: insufficient quota for cpu in flavor a, request > maximum capacity (2 > 1)"
    found = never_fits(old, {})
    assert found is not None
    assert found.text == "more cpu is asked for than flavor a ever has"


def test_the_queue_tells_which_flavors_it_has() -> None:
    """One that was not tried this time may fit the next time."""
    reservation = [
        {"name": name, "resources": [{"name": "cpu", "total": "0"}]} for name in ("a", "b")
    ]
    queue = {"status": {"flavorsReservation": reservation}}
    workload = pending(f"{SET} w: {never('a')}")
    only(queued(workload, local_queue=queue), "queue_waiting")
    both = pending(f"{SET} w: {never('a')}, {never('b')}")
    problem = only(queued(both, local_queue=queue), "queue_never_fits")
    assert problem.is_final
    assert problem.summary.startswith("The cluster never fits into the queue lq:")


@pytest.mark.parametrize("queue", [None, {"metadata": {"name": "lq"}, "status": {}}])
def test_a_queue_whose_flavors_are_not_known_may_have_another(queue) -> None:
    """Nobody gives up for what was tried; but what the queue has not at all it says itself."""
    problem = only(queued(pending(f"{SET} w: {never('a')}"), local_queue=queue), "queue_never_fits")
    assert not problem.is_final
    assert "those flavors of the queue lq that were tried" in problem.summary
    assert problem.hint.startswith("Wait if the queue has another flavor, ")
    none = f"{SET} w: {never('a')}; {SET} g: resource nvidia.com/gpu unavailable in ClusterQueue"
    problem = only(queued(pending(none), local_queue=queue), "queue_never_fits")
    assert problem.is_final
    assert "workers of group g" in problem.summary


def test_the_most_that_must_come_free_is_told() -> None:
    """Kueue counts each pod set on top of those before it."""
    message = (
        f"{SET} head: insufficient unused quota for cpu in flavor a, 200m more needed; {SET} w:"
        f" {later('a')}, insufficient unused quota for memory in flavor a, 1Gi more needed"
    )
    assert still_needed(message) == "0.5 CPUs and 1.0 GiB of memory"
    assert still_needed("nothing") == ""
    assert still_needed(f"{SET} w: {later('a')}".replace("500m", "lots")) == ""


@pytest.mark.parametrize(
    ("position", "words"), [(0, "as the next"), (3, "with 3 before it"), (None, "queue lq;")]
)
def test_the_place_in_the_queue_is_told(position, words: str) -> None:
    """Where it is known."""
    snapshot = queued(pending(f"{SET} w: {later('a')}"), queue_position=position)
    problem = only(snapshot, "queue_waiting")
    assert words in problem.summary
    assert not problem.is_final


@pytest.mark.parametrize(
    ("message", "code", "owner"),
    [
        ("LocalQueue nope doesn't exist", "queue_missing", Owner.YOU),
        ("LocalQueue nope is terminating or missing", "queue_missing", Owner.YOU),
        ("ClusterQueue team doesn't exist", "queue_missing", Owner.ADMIN),
        ("ClusterQueue team is inactive", "queue_stopped", Owner.ADMIN),
        ("LocalQueue lq is stopped", "queue_stopped", Owner.ADMIN),
        ("Workload namespace doesn't match ClusterQueue selector", "queue_not_admitted",
         Owner.ADMIN),
    ],
)  # fmt: skip
def test_what_is_inadmissible_is_told_apart_by_its_text(message: str, code: str, owner) -> None:
    """Missing, stopped, or another reason, which is passed on."""
    problem = only(queued(pending(message, "Inadmissible")), code)
    assert problem.owner is owner
    assert problem.is_final is (code == "queue_missing")
    assert problem.evidence[0].text == message


def test_a_stopped_queue_says_so_itself() -> None:
    """What the LocalQueue says is evidence too."""
    active = condition("Active", "False", "ClusterQueueIsInactive", "Can't submit new workloads")
    queue = {"metadata": {"name": "lq"}, "status": {"conditions": [active]}}
    workload = pending("ClusterQueue team is inactive", "Inadmissible")
    problem = only(queued(workload, local_queue=queue), "queue_stopped")
    assert [item.kind for item in problem.evidence] == ["Workload", "LocalQueue"]


def test_a_preempted_cluster_waits_and_is_told_why() -> None:
    """It starts again; the waiting is the first thing to know."""
    evicted = condition("Evicted", "True", "Preempted", "Preempted to accommodate another")
    reserved = condition("QuotaReserved", "False", "Pending", f"{SET} w: {later('a')}")
    problems = diagnose(queued(a_workload(reserved, evicted)))
    assert [problem.code for problem in problems] == ["queue_waiting", "evicted"]
    assert "to make room for another" in problems[1].summary


def test_a_workload_that_was_set_inactive_is_suspended() -> None:
    """The watcher does so, and Kueue does after too many attempts, which is told."""
    spec = {"active": False}
    assert "rayspace cluster resume c" in only(queued(a_workload(spec=spec)), "suspended").hint
    why = "exceeding the re-queue limit"
    evicted = condition("Evicted", "True", "DeactivatedDueToRequeuingLimitExceeded", why)
    assert why in only(queued(a_workload(evicted, spec=spec)), "suspended").summary


def test_a_quota_without_a_check_is_about_to_start() -> None:
    """Kueue sets both conditions one after the other."""
    reserved = condition("QuotaReserved", "True", "QuotaReserved", "Quota reserved")
    assert "about to start" in only(queued(a_workload(reserved)), "queue_not_admitted").summary


def test_a_record_that_can_not_be_read_is_said_so() -> None:
    """Whoever may not read workloads knows at least that the cluster waits."""
    assert only(queued(None), "queue_not_admitted").owner is Owner.ADMIN
    cluster = a_ray_cluster(metadata=LABELS)
    assert codes(a_snapshot(ray_cluster=cluster)) == []


def test_an_admitted_or_finished_cluster_does_not_wait() -> None:
    """Whatever Kueue said before."""
    for kind in ("Admitted", "Finished"):
        workload = a_workload(condition(kind, "True"), condition("QuotaReserved", "False"))
        assert codes(a_snapshot(workload=workload, pods=(a_pod(), a_pod("worker")))) == []
