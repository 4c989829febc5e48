"""Whether a cluster is used, and when one that is not shall be suspended."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rayspace.core.clusters.activity import (
    Action,
    Activity,
    ActivityNote,
    Annotation,
    Policy,
    active_phrases,
    activity_note,
    decide,
    read_activity_note,
)
from rayspace.core.kube.state import activity_of

NOW_MS = 1_000_000_000_000
POLICY = Policy(1800, 8 * 3600, watched_from_ms=NOW_MS, lifetime_from_ms=NOW_MS)
IDLE = Activity()
UNKNOWN = Activity(is_known=False)
WORK = [
    (Activity(running_jobs=("train-x",)), "job train-x"),
    (Activity(n_tasks=1), "1 task"),
    (Activity(n_tasks=3), "3 tasks"),
    (Activity(has_new_tasks=True), "tasks that came and went just now"),
    (Activity(named_actors=("cache",)), "named actor cache"),
    (Activity(applications=("chat",)), "Serve application chat"),
]
MINUTE_MS = 60_000

times_ms = st.integers(min_value=NOW_MS - 10**9, max_value=NOW_MS + 10**9)
durations_s = st.one_of(st.none(), st.floats(min_value=0.001, max_value=10**6))
activities = st.builds(
    Activity,
    running_jobs=st.lists(st.text(max_size=3), max_size=2).map(tuple),
    n_tasks=st.integers(0, 2),
    has_new_tasks=st.booleans(),
    named_actors=st.lists(st.text(max_size=3), max_size=2).map(tuple),
    applications=st.lists(st.text(max_size=3), max_size=2).map(tuple),
    last_active_ms=st.one_of(st.just(0), times_ms),
    is_known=st.booleans(),
)
policies = st.builds(
    Policy,
    idle_s=durations_s,
    max_lifetime_s=durations_s,
    watched_from_ms=times_ms,
    lifetime_from_ms=times_ms,
    extended_until_ms=st.one_of(st.just(0), times_ms),
)


@pytest.mark.parametrize(("activity", "phrase"), WORK)
def test_each_kind_of_work_counts_and_is_told(activity: Activity, phrase: str) -> None:
    """A cluster that works is not suspended, however long it has, and people see why."""
    decision = decide(activity, POLICY, NOW_MS + 31 * MINUTE_MS)
    assert (decision.action, decision.active) == (Action.NONE, (phrase,))
    assert decision.last_active_ms == NOW_MS + 31 * MINUTE_MS
    assert decision.idle_at_ms == 0
    assert decision.reason == f"It is used: {phrase}."


def test_an_idle_cluster_is_suspended_when_its_time_is_over() -> None:
    """To the millisecond, and it says for how long nobody used it."""
    before = decide(IDLE, POLICY, NOW_MS + 30 * MINUTE_MS - 1)
    assert before.action is Action.NONE
    assert before.idle_at_ms == before.acts_at_ms == NOW_MS + 30 * MINUTE_MS
    after = decide(IDLE, POLICY, NOW_MS + 30 * MINUTE_MS)
    assert after.action is Action.SUSPEND
    assert after.reason == (
        "Nobody used it for 30 min, and it was allowed 30 min: no job, no task, no named actor "
        "and no Serve application."
    )


def test_idleness_counts_from_the_last_work() -> None:
    """What the decision before said is carried on."""
    worked = decide(Activity(n_tasks=1), POLICY, NOW_MS + 20 * MINUTE_MS)
    seen = replace(IDLE, last_active_ms=worked.last_active_ms)
    decision = decide(seen, POLICY, NOW_MS + 31 * MINUTE_MS)
    assert decision.action is Action.NONE
    assert decision.idle_at_ms == NOW_MS + 50 * MINUTE_MS
    assert decision.reason == "It has been idle for 11 min of 30 min."


def test_what_is_not_known_is_no_reason_to_suspend() -> None:
    """A head that does not answer may be at work."""
    decision = decide(UNKNOWN, POLICY, NOW_MS + 31 * MINUTE_MS)
    assert decision.action is Action.NONE
    assert decision.active == ("its head does not tell, which counts as work",)


def test_a_life_ends_whatever_it_does() -> None:
    """Jobs are ended first; where they can't be seen they may be there."""
    end_ms = NOW_MS + 8 * 60 * MINUTE_MS
    busy = Activity(running_jobs=("train-x",))
    assert decide(busy, POLICY, end_ms - 1).action is Action.NONE
    assert decide(busy, POLICY, end_ms - 1).acts_at_ms == end_ms
    for activity in (busy, UNKNOWN):
        decision = decide(activity, POLICY, end_ms)
        assert decision.action is Action.END_JOBS_THEN_SUSPEND
        assert decision.reason == "It has lived for 8 h, and it was allowed 8 h."
    assert decide(Activity(named_actors=("cache",)), POLICY, end_ms).action is Action.SUSPEND


def test_an_extension_holds_off_both_ends() -> None:
    """Until then nothing is suspended; then both count again."""
    until_ms = NOW_MS + 9 * 60 * MINUTE_MS
    policy = replace(POLICY, extended_until_ms=until_ms)
    decision = decide(IDLE, policy, until_ms - MINUTE_MS)
    assert (decision.action, decision.acts_at_ms) == (Action.NONE, until_ms)
    assert decision.reason == "It has been idle for 8 h 59 min, but is to be kept a while longer."
    assert decide(IDLE, policy, until_ms).action is Action.SUSPEND


def test_a_cluster_without_limits_goes_on() -> None:
    """Neither idleness nor age end it."""
    policy = Policy(None, None, watched_from_ms=NOW_MS, lifetime_from_ms=NOW_MS)
    decision = decide(IDLE, policy, NOW_MS + 10**9)
    assert (decision.action, decision.acts_at_ms) == (Action.NONE, 0)
    assert decision.reason.endswith("which it may.")


def test_many_names_are_counted_and_long_ones_cut() -> None:
    """An annotation stays small whatever people name."""
    jobs = tuple(f"{number}" + "x" * 1000 for number in range(5))
    *told, more = active_phrases(Activity(running_jobs=jobs))
    assert [len(phrase) for phrase in told] == [len("job ") + 60] * 3
    assert more == "2 more jobs"
    four = Activity(named_actors=("a", "b", "c", "d"))
    assert active_phrases(four)[-1] == "1 more named actor"


@given(activities, policies, times_ms)
def test_nothing_is_suspended_while_it_works(
    activity: Activity, policy: Policy, now_ms: int
) -> None:
    """Only the end of its life ends work."""
    decision = decide(activity, replace(policy, max_lifetime_s=None), now_ms)
    if active_phrases(activity):
        assert decision.action is Action.NONE


@given(activities, policies, times_ms)
def test_nothing_is_suspended_before_its_time(
    activity: Activity, policy: Policy, now_ms: int
) -> None:
    """Not before the idle time after the last work, the start of watching, and the extension."""
    decision = decide(activity, replace(policy, max_lifetime_s=None), now_ms)
    if decision.action is Action.SUSPEND:
        assert policy.idle_s is not None
        seen_ms = max(activity.last_active_ms, policy.watched_from_ms)
        assert now_ms - seen_ms >= round(policy.idle_s * 1000)
        assert now_ms >= policy.extended_until_ms


@given(activities, policies, times_ms, st.integers(0, 10**9))
def test_what_is_due_stays_due(
    activity: Activity, policy: Policy, now_ms: int, later_ms: int
) -> None:
    """Time alone takes no decision back."""
    now, later = (decide(activity, policy, at) for at in (now_ms, now_ms + later_ms))
    if now.action is not Action.NONE:
        assert later.action is now.action


@given(activities, policies, times_ms, st.floats(min_value=0, max_value=10**6))
def test_who_is_allowed_more_is_not_suspended_earlier(
    activity: Activity, policy: Policy, now_ms: int, more_s: float
) -> None:
    """For both limits, and for the extension."""
    longer = replace(
        policy,
        idle_s=None if policy.idle_s is None else policy.idle_s + more_s,
        max_lifetime_s=None if policy.max_lifetime_s is None else policy.max_lifetime_s + more_s,
        extended_until_ms=policy.extended_until_ms + round(more_s * 1000),
    )
    if decide(activity, policy, now_ms).action is Action.NONE:
        assert decide(activity, longer, now_ms).action is Action.NONE


@given(activities, policies, times_ms)
def test_what_is_said_is_what_is_done(activity: Activity, policy: Policy, now_ms: int) -> None:
    """At the time that was told something happens, and nothing before."""
    decision = decide(activity, policy, now_ms)
    acts_at_ms = decision.acts_at_ms
    assert (decision.action is Action.NONE) == (not acts_at_ms or now_ms < acts_at_ms)
    if acts_at_ms > now_ms and not active_phrases(activity):
        seen = replace(activity, last_active_ms=decision.last_active_ms)
        assert decide(seen, policy, acts_at_ms - 1).action is Action.NONE
        assert decide(seen, policy, acts_at_ms).action is not Action.NONE


@given(activities, policies, times_ms)
def test_a_note_survives_its_text(activity: Activity, policy: Policy, now_ms: int) -> None:
    """What the watcher writes is what anybody reads."""
    note = activity_note(decide(activity, policy, now_ms), now_ms)
    assert read_activity_note(note.to_text()) == note


def test_a_note_is_compact_json_with_units_in_its_names() -> None:
    """Other programs read it too."""
    note = ActivityNote(5, ("1 task",), 4, 0, "none")
    assert note.to_text() == (
        '{"seen_ms":5,"active":["1 task"],"last_active_ms":4,"acts_at_ms":0,"action":"none"}'
    )


def test_a_cluster_tells_since_when_it_is_idle() -> None:
    """What nobody knows is neither use nor idleness."""
    idle = decide(Activity(last_active_ms=NOW_MS - MINUTE_MS), POLICY, NOW_MS)
    busy = decide(Activity(running_jobs=("train-x",)), POLICY, NOW_MS)
    unknown = decide(UNKNOWN, POLICY, NOW_MS)
    found = [
        activity_of({Annotation.ACTIVITY: activity_note(one, NOW_MS).to_text()})
        for one in (idle, busy, unknown)
    ]
    assert [(one.idle_since_ms, one.is_known) for one in found if one] == [
        (idle.last_active_ms, True),
        (None, True),
        (None, False),
    ]
    assert activity_of({}) is None


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "{}", '{"seen_ms": null}', '{"seen_ms": Infinity}', '"seen_ms"']
)
def test_a_note_of_another_version_is_none(text: str) -> None:
    """It is not an error either."""
    assert read_activity_note(text) is None
