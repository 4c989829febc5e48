"""What the watcher does, against a head and an API server that answer over real sockets."""

from __future__ import annotations

import pytest

from tests.unit.watcher.stage import CLUSTER, CREATED_MS, POD, RAY_TOKEN, WORKLOADS, pod

IDLE = {"RAYSPACE_IDLE_S": "60"}
LIFE = {"RAYSPACE_MAX_LIFETIME_S": "600"}


def suspensions(stage) -> list:
    """Return the patches that suspended something."""
    return [path for path, body in stage.api.patches if "spec" in body]


def test_an_idle_cluster_suspends_itself_and_says_why(stage) -> None:
    """Once, after its time, with the reason in the same patch."""
    watcher = stage.watcher(**IDLE)
    stage.run(watcher, 55)
    assert not stage.api.is_suspended
    stage.run(watcher, 30)
    assert stage.api.is_suspended
    assert suspensions(stage) == [CLUSTER]
    assert stage.api.annotations["rayspace.dev/suspended-by"] == "watcher"
    why = stage.api.annotations["rayspace.dev/suspended-why"]
    assert why.startswith("Nobody used it for 1 min")
    assert stage.api.note["action"] == "suspend"
    assert any(why in line for line in stage.lines)


@pytest.mark.parametrize("interval", ["4", "10", "45"])
def test_work_of_any_kind_keeps_it(stage, interval) -> None:
    """Jobs that run or wait, tasks, named actors and Serve applications."""
    for work in ("job", "waiting", "task", "actor", "application"):
        stage.head.jobs, stage.head.actors = [], []
        stage.head.tasks, stage.head.applications = [], {}
        if work == "job":
            stage.head.add_job("train")
        elif work == "waiting":
            stage.head.add_job("train", "PENDING")
        elif work == "task":
            stage.head.add_task()
        elif work == "actor":
            stage.head.add_actor("cache")
        else:
            stage.head.add_actor("SERVE_CONTROLLER_ACTOR", "serve")
            stage.head.applications["chat"] = {"status": "RUNNING"}
        watcher = stage.watcher(**IDLE, RAYSPACE_WATCH_INTERVAL_S=interval)
        stage.run(watcher, 300)
        assert not stage.api.is_suspended, work


def test_who_is_merely_attached_and_what_ray_leaves_behind_do_not(stage) -> None:
    """A driver, jobs that are over, actors without a name, and those of Ray's own libraries."""
    stage.head.add_job("", "RUNNING", kind="DRIVER")
    stage.head.add_job("done", "SUCCEEDED")
    stage.head.add_task("DRIVER_TASK")
    stage.head.add_actor(None, actor_id="a0")
    stage.head.add_actor("SERVE_CONTROLLER_ACTOR", "serve", "a1")
    stage.head.add_actor("_ray_internal_job_actor_x", "SUPERVISOR_ACTOR_RAY_NAMESPACE", "a2")
    stage.head.add_actor("datasets_stats_actor", "_dataset_stats_actor", "a3")
    stage.head.add_actor("AutoscalingCoordinator", "AutoscalingCoordinator", "a4")
    stage.head.add_task("ACTOR_TASK", "a1")
    stage.run(stage.watcher(**IDLE), 90)
    assert stage.api.is_suspended


def test_tasks_between_two_looks_are_found_by_their_number(stage) -> None:
    """They are over when it looks, and still count."""
    watcher = stage.watcher(**IDLE)
    for _ in range(30):
        stage.head.total += 1
        stage.run(watcher, 10)
    assert not stage.api.is_suspended
    stage.run(watcher, 90)
    assert stage.api.is_suspended


def test_a_head_that_does_not_answer_is_not_suspended_until_its_life_ends(stage) -> None:
    """Ignorance is no reason; age is, once the jobs that can't be seen had their minute."""
    stage.head.status = 500
    watcher = stage.watcher(**IDLE, **LIFE)
    stage.run(watcher, 500)
    assert not stage.api.is_suspended
    stage.run(watcher, 180)
    assert stage.api.is_suspended
    assert stage.api.annotations["rayspace.dev/suspended-why"].startswith("It has lived for")


def test_a_long_look_makes_looks_rare_and_none_suspends_for_an_old_one(stage) -> None:
    """A look that took a second is repeated after fifty; before acting there is one more."""
    watcher = stage.watcher(**IDLE)
    look = watcher._head.look
    looks = []

    def slow_look():
        looks.append(stage.clock.now_ms)
        stage.clock.forward(1)
        return look()

    watcher._head.look = slow_look
    stage.run(watcher, 59)
    assert len(looks) == 2
    # A task that came after the last look.
    stage.head.add_task()
    stage.run(watcher, 120)
    assert not stage.api.is_suspended


def test_a_watcher_that_was_frozen_starts_anew(stage) -> None:
    """A machine that slept was not idle: nobody looked."""
    watcher = stage.watcher(**IDLE)
    stage.run(watcher, 20)
    stage.clock.forward(1800)
    stage.run(watcher, 50)
    assert not stage.api.is_suspended
    stage.run(watcher, 40)
    assert stage.api.is_suspended


def test_the_end_of_a_life_asks_jobs_first(stage) -> None:
    """Each once, and what waits too; then it goes as soon as they have ended."""
    stage.head.add_job("train")
    stage.head.add_job("waits/here", "PENDING")
    watcher = stage.watcher(**LIFE)
    stage.run(watcher, 590)
    assert not any("stop" in request for request in stage.head.requests)
    stage.run(watcher, 20)
    stops = [request for request in stage.head.requests if request.startswith("POST")]
    assert stops == ["POST /api/jobs/train/stop", "POST /api/jobs/waits%2Fhere/stop"]
    assert stage.api.is_suspended


def test_jobs_that_do_not_end_get_a_minute(stage) -> None:
    """Then it goes without them."""
    stage.head.add_job("stubborn")
    stage.head.obeys = False
    watcher = stage.watcher(**LIFE)
    stage.run(watcher, 599)
    stage.run(watcher, 55)
    assert not stage.api.is_suspended
    assert stage.api.note["action"] == "end_jobs_then_suspend"
    stage.run(watcher, 20)
    assert stage.api.is_suspended
    assert len([r for r in stage.head.requests if r.startswith("POST")]) == 1


def test_an_extension_is_honoured_even_while_jobs_are_ended(stage) -> None:
    """Its owner has the last word; and text that is no time is none."""
    stage.head.add_job("stubborn")
    stage.head.obeys = False
    watcher = stage.watcher(**LIFE)
    stage.api.annotations["rayspace.dev/extended-until"] = "tomorrow"
    stage.run(watcher, 610)
    assert stage.api.note["action"] == "end_jobs_then_suspend"
    until_ms = stage.clock.now_ms + 600_000
    stage.api.annotations["rayspace.dev/extended-until"] = str(until_ms)
    stage.run(watcher, 590)
    assert not stage.api.is_suspended
    assert stage.api.note["acts_at_ms"] == until_ms
    stage.run(watcher, 90)
    assert stage.api.is_suspended


def test_a_queued_cluster_is_suspended_in_its_queue(stage) -> None:
    """Its own Workload only; Kueue sets the rest."""
    mine = stage.queue()
    stage.run(stage.watcher(**IDLE), 90)
    assert suspensions(stage) == [f"{WORKLOADS}/raycluster-team-1"]
    assert mine["spec"] == {"active": False}
    assert not stage.api.is_suspended
    assert stage.api.annotations["rayspace.dev/suspended-by"] == "watcher"


def test_a_queue_that_nobody_serves_is_no_queue(stage) -> None:
    """The label alone, without Kueue: then nobody undoes it."""
    stage.api.cluster["metadata"]["labels"]["kueue.x-k8s.io/queue-name"] = "queue"
    stage.run(stage.watcher(**IDLE), 90)
    assert suspensions(stage) == [CLUSTER]


@pytest.mark.parametrize("failure", [409, 429, 500, 503])
def test_what_fails_is_tried_again(stage, failure) -> None:
    """A conflict, an API server that is not well; reading and writing."""
    watcher = stage.watcher(**IDLE)
    stage.run(watcher, 55)
    stage.api.failures = {"GET": [failure], "PATCH": [failure, failure]}
    stage.run(watcher, 60)
    assert stage.api.is_suspended
    assert stage.api.failures == {"GET": [], "PATCH": []}


def test_a_change_between_reading_and_suspending_is_not_overrun(stage) -> None:
    """An extension that comes in that moment counts."""
    watcher = stage.watcher(**IDLE)
    read = watcher._cluster.read

    def read_then_changed():
        state = read()
        stage.api.change()
        return state

    watcher._cluster.read = read_then_changed
    stage.run(watcher, 120)
    assert not stage.api.is_suspended
    assert any("409" in line for line in stage.lines)
    watcher._cluster.read = read
    stage.run(watcher, 20)
    assert stage.api.is_suspended


def test_who_resumes_it_is_not_overruled_by_the_pod_that_goes(stage) -> None:
    """The old pod takes its grace; the cluster is wanted again already."""
    watcher = stage.watcher(**IDLE)
    stage.run(watcher, 70)
    assert stage.api.is_suspended
    stage.api.cluster["spec"]["suspend"] = False
    stage.run(watcher, 80)
    assert not stage.api.is_suspended
    stage.run(watcher, 200)
    assert stage.api.is_suspended


def test_a_resumed_cluster_lives_anew(stage) -> None:
    """By a new pod: the notes of its suspension go, and its life begins again."""
    stage.run(stage.watcher(**LIFE), 700)
    assert stage.api.is_suspended
    stage.api.cluster["spec"]["suspend"] = False
    stage.clock.forward(100)
    resumed_ms = stage.clock.now_ms
    watcher = stage.watcher(**LIFE)
    stage.run(watcher, 590)
    assert not stage.api.is_suspended
    assert "rayspace.dev/suspended-by" not in stage.api.annotations
    assert "rayspace.dev/suspended-why" not in stage.api.annotations
    assert stage.api.annotations["rayspace.dev/lifetime-from"] == str(resumed_ms)
    stage.run(watcher, 30)
    assert stage.api.is_suspended


def test_a_suspension_that_was_undone_is_noted_no_more(stage) -> None:
    """By the same pod, which was not ended: its life goes on, not anew."""
    watcher = stage.watcher(**IDLE)
    stage.run(watcher, 70)
    stage.api.cluster["spec"]["suspend"] = False
    stage.head.add_task()
    stage.run(watcher, 120)
    assert "rayspace.dev/suspended-by" not in stage.api.annotations
    assert "rayspace.dev/lifetime-from" not in stage.api.annotations


def test_a_cluster_that_somebody_else_suspended_is_left_alone(stage) -> None:
    """Nothing is written on it."""
    stage.api.cluster["spec"]["suspend"] = True
    stage.run(stage.watcher(**IDLE), 300)
    assert stage.api.patches == []


@pytest.mark.parametrize("kind", ["RayJob", "RayService"])
def test_a_cluster_of_a_job_is_left_to_it(stage, kind) -> None:
    """Its owner ends it, and would only make another."""
    stage.api.cluster["metadata"]["ownerReferences"] = [
        {"apiVersion": "ray.io/v1", "kind": kind, "name": "train", "uid": "other"}
    ]
    stage.run(stage.watcher(**IDLE, **LIFE), 900)
    assert stage.api.patches == []
    assert stage.lines == [
        f"{kind} train owns this cluster and ends it: nothing to do here.",
    ]


def test_no_other_cluster_is_touched(stage) -> None:
    """Not one of another name, nor one of the same name that was made since."""
    stage.api.objects[POD] = pod("uid-of-an-earlier-one")
    stage.run(stage.watcher(**IDLE, **LIFE), 900)
    assert "another was made of the same name" in stage.lines[0]
    stage.api.objects[POD]["metadata"]["ownerReferences"][0]["name"] = "other"
    stage.run(stage.watcher(**IDLE, **LIFE), 900)
    assert "does not belong to the RayCluster team" in stage.lines[1]
    assert stage.api.patches == []


def test_a_cluster_that_changed_hands_between_two_requests_is_not_touched(stage) -> None:
    """Each patch names whom it means."""
    watcher = stage.watcher(**IDLE)
    read = watcher._cluster.read

    def read_then_replaced():
        state = read()
        stage.api.cluster["metadata"]["uid"] = "another"
        return state

    watcher._cluster.read = read_then_replaced
    watcher.tick()
    assert stage.api.patches == []
    assert "409" in stage.lines[0]


def test_what_a_young_head_tells_is_noted_at_once(stage) -> None:
    """It is silent while it starts; nobody waits minutes to hear that it is idle."""
    stage.head.status = 503
    watcher = stage.watcher(RAYSPACE_IDLE_S="3600")
    stage.run(watcher, 10)
    assert stage.api.note["active"] == ["its head does not tell, which counts as work"]
    stage.head.status = 200
    stage.run(watcher, 30)
    assert stage.api.note["active"] == []
    assert stage.api.note["acts_at_ms"] > 0


def test_work_between_two_notes_is_noted_too(stage) -> None:
    """A cluster that may idle for ever tells since when it does."""
    watcher = stage.watcher(RAYSPACE_MAX_LIFETIME_S="360000")
    stage.run(watcher, 600)
    before = stage.api.note
    assert before["active"] == []
    stage.head.total += 1
    stage.run(watcher, 120)
    after = stage.api.note
    assert (after["active"], after["acts_at_ms"]) == ([], before["acts_at_ms"])
    assert after["last_active_ms"] > before["last_active_ms"]


def test_notes_are_rare(stage) -> None:
    """At most one a minute while things change, and one in ten minutes while they do not."""
    watcher = stage.watcher(RAYSPACE_IDLE_S="36000")
    stage.run(watcher, 5)
    assert stage.api.note == {
        "seen_ms": CREATED_MS + 1000,
        "active": ["tasks that came and went just now"],
        "last_active_ms": CREATED_MS + 1000,
        "acts_at_ms": 0,
        "action": "none",
    }
    stage.run(watcher, 115)
    assert stage.api.note["active"] == []
    assert stage.api.note["acts_at_ms"] == CREATED_MS + 1000 + 36_000_000
    stage.api.patches.clear()
    stage.run(watcher, 1800)
    assert len(stage.api.patches) == 3
    stage.api.patches.clear()
    for number in range(60):
        stage.head.tasks.clear()
        for _ in range(number % 2 + 1):
            stage.head.add_task()
        stage.run(watcher, 10)
    assert 8 <= len(stage.api.patches) <= 10


def test_no_token_is_ever_said(stage) -> None:
    """Not by either side, whatever fails."""
    watcher = stage.watcher(**IDLE)
    stage.head.status = 403
    stage.run(watcher, 30)
    stage.api.failures = {"GET": [401, 403, 500]}
    stage.run(watcher, 60)
    broken = stage.watcher(**IDLE, RAY_AUTH_TOKEN=f"{RAY_TOKEN}\nmore")
    stage.run(broken, 20)
    text = "\n".join(stage.lines)
    assert "no header may hold" in text
    assert "token-of-this-test" not in text
