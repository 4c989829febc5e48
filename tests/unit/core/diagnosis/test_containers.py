"""Containers that do not come up, or do not stay up."""

from __future__ import annotations

import pytest

from tests.unit.core.diagnosis.snapshots import (
    a_pod,
    a_ray_cluster,
    a_snapshot,
    ago,
    an_event,
    codes,
    container_spec,
    only,
    running,
    waiting,
)

HEAD, WORKER = "c-head-nbkmp", "c-w-worker-vgz4s"


def head(status, **more):
    """Return a cluster of a head alone, which has one container of this status."""
    pod = a_pod("head", ready=status["ready"], statuses=[status], limits={"memory": "200Mi"})
    pod["metadata"]["creationTimestamp"] = ago(more.pop("age", 130))
    return a_snapshot(pods=(pod,), ray_cluster=a_ray_cluster(groups=[]), **more)


def ended(
    reason: str, code: int, *, restarts: int = 4, age: float = 6, ready: bool = False
) -> dict:
    """Return a container that ended and waits or runs again."""
    last = {"terminated": {"exitCode": code, "reason": reason, "finishedAt": ago(age)}}
    status = (
        running("ray-head", age=5) if ready else waiting("ray-head", "CrashLoopBackOff", "back")
    )
    return status | {"restartCount": restarts, "lastState": last}


@pytest.mark.parametrize(
    ("message", "words"),
    [
        ('secret "s3" not found', "the Secret s3 does not exist in the namespace team-a"),
        ('configmap "conf" not found', "the ConfigMap conf does not exist"),
        ("couldn't find key token in Secret team-a/s3", "the Secret s3 has no key token"),
        ("couldn't find key a.b in ConfigMap team-a/conf", "the ConfigMap conf has no key a.b"),
        ('secret "c" not found', "the cluster's token"),
        ('configmap "c" not found', "the ConfigMap c does not exist in the namespace team-a."),
    ],
)
def test_what_is_missing_is_named(message: str, words: str) -> None:
    """A Secret or a ConfigMap, or a key of one."""
    status = waiting("ray-head", "CreateContainerConfigError", message)
    assert words in only(head(status), "secret_missing").summary


@pytest.mark.parametrize(("age", "is_final"), [(59, False), (61, True)])
def test_a_secret_may_come_within_a_minute(age: float, is_final: bool) -> None:
    """Other programs make Secrets beside the cluster."""
    status = waiting("ray-head", "CreateContainerConfigError", 'secret "s3" not found')
    assert only(head(status, age=age), "secret_missing").is_final is is_final


@pytest.mark.parametrize(
    ("reason", "message", "is_final"),
    [
        ("CreateContainerConfigError",
         "container has runAsNonRoot and image will run as root (pod: ...)", True),
        ("CreateContainerConfigError", "failed to sync secret cache: timed out", False),
        ("RunContainerError", 'exec: "bash": executable file not found in $PATH', False),
    ],
)  # fmt: skip
def test_a_container_that_can_not_be_made(reason: str, message: str, is_final: bool) -> None:
    """The node's own words are passed on."""
    problem = only(head(waiting("ray-head", reason, message)), "container_failing")
    assert message.rstrip(".") in problem.summary
    assert problem.is_final is is_final


@pytest.mark.parametrize(("restarts", "is_final"), [(2, False), (3, True)])
def test_memory_that_is_too_small_again_and_again_stays_so(restarts: int, is_final: bool) -> None:
    """Once may have been bad luck."""
    problem = only(head(ended("OOMKilled", 137, restarts=restarts)), "oom_killed")
    assert "200.0 MiB" in problem.summary
    assert problem.is_final is is_final
    assert "exit code 137" in problem.evidence[0].text


@pytest.mark.parametrize(("age", "expected"), [(599, ["oom_killed"]), (601, [])])
def test_a_kill_is_told_for_ten_minutes(age: float, expected: list[str]) -> None:
    """The container runs again; what it held is lost."""
    status = ended("OOMKilled", 137, ready=True, age=age)
    assert codes(head(status)) == expected


def test_a_worker_without_a_limit_is_told_of_the_memory_flag() -> None:
    """The figure is left out where nobody set one."""
    status = {"name": "ray-worker", "ready": False, "restartCount": 0,
              "state": {"terminated": {"exitCode": 137, "reason": "OOMKilled"}}}  # fmt: skip
    snapshot = a_snapshot(pods=(a_pod(), a_pod("worker", ready=False, statuses=[status])))
    problem = only(snapshot, "oom_killed")
    assert "the memory it has" in problem.summary
    assert "--memory" in problem.hint


def test_the_limit_is_that_of_the_container_that_was_killed() -> None:
    """A sidecar has its own, and one that the spec does not name has none that is known."""
    killed = {"terminated": {"exitCode": 137, "reason": "OOMKilled"}}
    for name, words in [("side", "its 50.0 MiB of memory"), ("odd", "the memory it has")]:
        status = {"name": name, "ready": False, "restartCount": 0, "state": killed}
        pod = a_pod(statuses=[running("ray-head"), status], limits={"memory": "200Mi"})
        side = container_spec("side", limits={"memory": "50Mi"})
        pod["spec"]["containers"].append(side)
        problem = only(a_snapshot(pods=(pod, a_pod("worker"))), "oom_killed")
        assert f"more than {words}." in problem.summary


def test_the_last_words_of_a_crash_are_told() -> None:
    """The last lines of its log, without empty ones."""
    lines = "\n".join(["first", *map(str, range(9)), "", "RuntimeError: no", ""])
    problem = only(head(ended("Error", 1), logs={HEAD: lines}), "crash_loop")
    assert problem.summary.endswith("Its last words: RuntimeError: no")
    assert "The head ended with exit code 1, again and again. " in problem.summary
    assert "first" not in problem.evidence[0].text
    assert problem.evidence[0].text.count("\n") == 7


def test_a_worker_that_crashes_for_want_of_a_head_is_not_final() -> None:
    """It comes up with the head."""
    crash = ended("Error", 1) | {"name": "ray-worker"}
    worker = a_pod("worker", ready=False, statuses=[crash])
    young = a_pod("head", ready=False, statuses=[running("ray-head", ready=False, age=5)])
    assert not only(a_snapshot(pods=(young, worker)), "crash_loop").is_final
    problem = only(a_snapshot(pods=(a_pod(), worker)), "crash_loop")
    assert problem.is_final
    assert f"kubectl logs {WORKER} -c ray-worker --previous -n team-a" in problem.hint


def test_a_container_that_has_done_its_work_did_not_crash() -> None:
    """An init container that ended well is as wanted; one that failed is not."""
    done = {"name": "setup", "ready": True, "state": {"terminated": {"exitCode": 0}}}
    assert codes(a_snapshot(pods=(a_pod(inits=[done]), a_pod("worker")))) == []
    failed = {"name": "setup", "ready": False, "state": {"terminated": {"exitCode": 2}}}
    cluster = a_ray_cluster(groups=[])
    pod = a_pod("head", ready=False, inits=[failed])
    only(a_snapshot(pods=(pod,), ray_cluster=cluster), "crash_loop")


def test_two_workers_of_one_cause_are_one_problem() -> None:
    """The count is in the summary, and the evidence names both."""
    status = waiting("ray-worker", "InvalidImageName", "couldn't parse image name")
    workers = [
        a_pod("worker", name=f"c-w-worker-{n}", ready=False, statuses=[status]) for n in "abcd"
    ]
    other = a_pod("worker", name="c-x-worker-a", group="x", ready=False, statuses=[status])
    problem = only(a_snapshot(pods=(a_pod(), *workers, other)), "image_name_invalid")
    assert problem.summary.startswith("4 workers of group w and a worker of group x can't start")
    assert [item.name for item in problem.evidence] == [f"c-w-worker-{n}" for n in "abc"]
    assert problem.groups == ("w", "x")


def test_events_of_a_missing_secret_are_read_too() -> None:
    """A volume of a Secret is mounted before any container is made."""
    pod = a_pod("head", ready=False, statuses=[waiting("ray-head", "ContainerCreating")])
    message = 'MountVolume.SetUp failed for volume "runner" : secret "runner-1" not found'
    snapshot = a_snapshot(pods=(pod,), ray_cluster=a_ray_cluster(groups=[]),
                          events=(an_event("FailedMount", message, on=HEAD),))  # fmt: skip
    assert "runner-1" in only(snapshot, "secret_missing").summary
    key = "references non-existent secret key: auth_token"
    snapshot = a_snapshot(pods=(pod,), ray_cluster=a_ray_cluster(groups=[]),
                          events=(an_event("FailedMount", key, on=HEAD),))  # fmt: skip
    assert "no key auth_token" in only(snapshot, "secret_missing").summary


@pytest.mark.parametrize(("restarts", "is_final"), [(2, False), (3, True)])
def test_a_program_that_ends_again_and_again_will_end_again(restarts: int, is_final: bool) -> None:
    """Once or twice may have been bad luck."""
    snapshot = head(ended("Error", 1, restarts=restarts))
    assert only(snapshot, "crash_loop").is_final is is_final


def test_a_pod_that_failed_by_itself_tells_its_exit_code() -> None:
    """Only where Kubernetes ended it, it gives a reason for the pod."""
    status = {"name": "ray-head", "ready": False, "state": {"terminated": {"exitCode": 3}}}
    pod = a_pod("head", ready=False, phase="Failed", statuses=[status])
    snapshot = a_snapshot(pods=(pod,), ray_cluster=a_ray_cluster(groups=[]))
    assert "exit code 3" in only(snapshot, "crash_loop").summary


def test_what_is_over_for_one_worker_may_go_on_for_another() -> None:
    """Together they are no aside: it comes before what only may happen."""
    back = ended("OOMKilled", 137, ready=True, restarts=2) | {"name": "ray-worker"}
    gone = ended("OOMKilled", 137, restarts=2) | {"name": "ray-worker"}
    workers = [
        a_pod("worker", name=f"c-w-worker-{name}", ready=status["ready"], statuses=[status])
        for name, status in (("a", back), ("b", gone))
    ]
    events = (an_event("Evicted", "low on resource: memory", on="c-head-gone"),)
    snapshot = a_snapshot(pods=(a_pod(), *workers), events=events)
    assert codes(snapshot) == ["oom_killed", "evicted"]
    alone = a_snapshot(pods=(a_pod(), workers[0]), events=events)
    assert codes(alone) == ["evicted", "oom_killed"]
