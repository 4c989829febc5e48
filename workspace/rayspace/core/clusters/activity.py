"""Decide whether a cluster is used, and when one that is not shall be suspended.

What counts is work: a job that runs, a task, a live named actor, a Serve application. A driver
that is merely attached does not: a notebook left open over the weekend is nobody's work. What is
not known counts as work, so that ignorance never suspends anything; a lifetime ends all the same.

This module travels to heads of any Python from 3.10 on: standard library only.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from enum import Enum

from rayspace.units import format_duration

#: Stands in place of what counts as work where nobody knows: people are not told that it is used.
UNKNOWN = "its head does not tell, which counts as work"
#: Names of one kind that are told; of the others only how many there are. [1]
_TOLD = 3
#: Jobs and actors are named by people, at any length. [1]
_LONGEST_NAME = 60


class Annotation:
    """Names of the annotations of a RayCluster by which watchers and people talk."""

    #: What the watcher sees: an `ActivityNote`.
    ACTIVITY = "rayspace.dev/activity"
    #: Until when the cluster shall be kept, worked or not. [ms since 1970-01-01 UTC]
    EXTENDED_UNTIL = "rayspace.dev/extended-until"
    #: When its life began anew: whoever resumes it says so. [ms since 1970-01-01 UTC]
    LIFETIME_FROM = "rayspace.dev/lifetime-from"
    #: Who suspended it, and why in one sentence.
    SUSPENDED_BY = "rayspace.dev/suspended-by"
    SUSPENDED_WHY = "rayspace.dev/suspended-why"


class Action(Enum):
    """What is to be done now."""

    NONE = "none"
    #: Ask what runs to stop, give it time, and then suspend.
    END_JOBS_THEN_SUSPEND = "end_jobs_then_suspend"
    SUSPEND = "suspend"


@dataclass(frozen=True)
class Activity:
    """What was seen of the work on a cluster.

    Parameters
    ----------
    running_jobs
        Submitted jobs that run or wait to run. Attached drivers are none.
    n_tasks
        Tasks that run or wait to run. [1]
    has_new_tasks
        Whether tasks were created since the look before.
    named_actors
        Live named actors of people, not those that Ray's libraries leave behind.
    applications
        Serve applications.
    last_active_ms
        When work was seen last, as the decision before said; 0 for never.
        [ms since 1970-01-01 UTC]
    is_known
        Whether all of this could be seen. If not, the cluster counts as active.
    """

    running_jobs: tuple[str, ...] = ()
    n_tasks: int = 0
    has_new_tasks: bool = False
    named_actors: tuple[str, ...] = ()
    applications: tuple[str, ...] = ()
    last_active_ms: int = 0
    is_known: bool = True


@dataclass(frozen=True)
class Policy:
    """How long a cluster may be idle, and how long it may live.

    Parameters
    ----------
    idle_s
        Longest time without work; None for as long as it likes. [s]
    max_lifetime_s
        Longest life, whatever it does; None for as long as it likes. [s]
    watched_from_ms
        Since when it is watched: idleness before that is unknown. [ms since 1970-01-01 UTC]
    lifetime_from_ms
        When its life began: created, or resumed. [ms since 1970-01-01 UTC]
    extended_until_ms
        Until when its owner wants it kept, worked or not; 0 for no such wish.
        [ms since 1970-01-01 UTC]
    """

    idle_s: float | None
    max_lifetime_s: float | None
    watched_from_ms: int
    lifetime_from_ms: int
    extended_until_ms: int = 0


@dataclass(frozen=True)
class Decision:
    """What is to be done with a cluster, and why.

    Parameters
    ----------
    action
        What is to be done now.
    reason
        Why, in one sentence.
    active
        What counts as work now, each a phrase for people; empty for an idle cluster.
    last_active_ms
        When there was work last, at the earliest since when it is watched.
        [ms since 1970-01-01 UTC]
    idle_at_ms
        When it has been idle for long enough, if no work comes; 0 while there is work, or if
        idleness has no end. [ms since 1970-01-01 UTC]
    lifetime_ends_at_ms
        When its life ends; 0 if it has no end. [ms since 1970-01-01 UTC]
    """

    action: Action
    reason: str
    active: tuple[str, ...]
    last_active_ms: int
    idle_at_ms: int
    lifetime_ends_at_ms: int

    @property
    def acts_at_ms(self) -> int:
        """When something will be done as things are; 0 for never. [ms since 1970-01-01 UTC]."""
        return min((at for at in (self.idle_at_ms, self.lifetime_ends_at_ms) if at), default=0)


@dataclass(frozen=True)
class ActivityNote:
    """What the watcher of a cluster last said, as its annotation holds it.

    Parameters
    ----------
    seen_ms
        When that was; the note is renewed every ten minutes at least. [ms since 1970-01-01 UTC]
    active
        What counted as work, each a phrase for people; empty for an idle cluster.
    last_active_ms
        When there was work last. [ms since 1970-01-01 UTC]
    acts_at_ms
        When the watcher will do something as things are; 0 for never. [ms since 1970-01-01 UTC]
    action
        What it does now, a value of `Action`.
    """

    seen_ms: int
    active: tuple[str, ...]
    last_active_ms: int
    acts_at_ms: int
    action: str

    def to_text(self) -> str:
        """Return the note as the annotation holds it: compact JSON."""
        return json.dumps(asdict(self), separators=(",", ":"))

    @property
    def is_known(self) -> bool:
        """Whether the watcher could see what counts as work."""
        return UNKNOWN not in self.active

    @property
    def idle_since_ms(self) -> int:
        """When there was work last; 0 while there is. [ms since 1970-01-01 UTC]."""
        return 0 if self.active else self.last_active_ms


def activity_note(decision: Decision, seen_ms: int) -> ActivityNote:
    """Make the note of a decision.

    Parameters
    ----------
    decision
        What was decided.
    seen_ms
        When. [ms since 1970-01-01 UTC]
    """
    return ActivityNote(
        seen_ms,
        decision.active,
        decision.last_active_ms,
        decision.acts_at_ms,
        decision.action.value,
    )


def read_activity_note(text: str) -> ActivityNote | None:
    """Read a note; None if it is none, or of another version.

    Parameters
    ----------
    text
        Value of the annotation.
    """
    try:
        fields = json.loads(text)
        return ActivityNote(
            seen_ms=int(fields["seen_ms"]),
            active=tuple(str(phrase) for phrase in fields["active"]),
            last_active_ms=int(fields["last_active_ms"]),
            acts_at_ms=int(fields["acts_at_ms"]),
            action=str(fields["action"]),
        )
    except (ValueError, TypeError, KeyError, OverflowError):
        return None


def active_phrases(activity: Activity) -> tuple[str, ...]:
    """Say what counts as work.

    Returns
    -------
    tuple of str
        Phrases such as ``"job train-x"`` or ``"3 tasks"``; empty for an idle cluster.
    """
    if not activity.is_known:
        return (UNKNOWN,)
    phrases = [
        *_named(activity.running_jobs, "job", "jobs"),
        *_named(activity.named_actors, "named actor", "named actors"),
        *_named(activity.applications, "Serve application", "Serve applications"),
    ]
    if activity.n_tasks:
        phrases.append("1 task" if activity.n_tasks == 1 else f"{activity.n_tasks} tasks")
    elif activity.has_new_tasks:
        phrases.append("tasks that came and went just now")
    return tuple(phrases)


def _named(names: tuple[str, ...], one: str, many: str) -> list[str]:
    told = [f"{one} {name[:_LONGEST_NAME]}" for name in sorted(names)[:_TOLD]]
    n_more = len(names) - len(told)
    return [*told, f"{n_more} more {one if n_more == 1 else many}"] if n_more else told


def decide(activity: Activity, policy: Policy, now_ms: int) -> Decision:
    """Decide what is to be done with a cluster.

    Parameters
    ----------
    activity
        What was seen of it just now.
    policy
        What it is allowed.
    now_ms
        The time. [ms since 1970-01-01 UTC]

    Returns
    -------
    Decision
        What to do. Its ``last_active_ms`` belongs into the activity that is seen next.
    """
    active = active_phrases(activity)
    # Clocks of other machines may be ahead of this one.
    seen_ms = min(max(activity.last_active_ms, policy.watched_from_ms), now_ms)
    last_active_ms = now_ms if active else seen_ms
    idle_at_ms = lifetime_ends_at_ms = 0
    if policy.idle_s is not None and not active:
        # A watch that began by another clock counts from then also while that is still to come:
        # what is said now must hold then.
        from_ms = max(last_active_ms, policy.watched_from_ms)
        idle_at_ms = max(from_ms + round(policy.idle_s * 1000), policy.extended_until_ms)
    if policy.max_lifetime_s is not None:
        lifetime_ends_at_ms = max(
            policy.lifetime_from_ms + round(policy.max_lifetime_s * 1000), policy.extended_until_ms
        )
    action, reason = Action.NONE, _nothing_due(active, policy, now_ms, last_active_ms)
    if policy.max_lifetime_s is not None and now_ms >= lifetime_ends_at_ms:
        may_have_jobs = bool(activity.running_jobs) or not activity.is_known
        action = Action.END_JOBS_THEN_SUSPEND if may_have_jobs else Action.SUSPEND
        lived_s = (now_ms - policy.lifetime_from_ms) / 1000
        reason = (
            f"It has lived for {format_duration(lived_s)}, and it was allowed "
            f"{format_duration(policy.max_lifetime_s)}."
        )
    elif policy.idle_s is not None and not active and now_ms >= idle_at_ms:
        action = Action.SUSPEND
        reason = (
            f"Nobody used it for {format_duration((now_ms - last_active_ms) / 1000)}, and it was "
            f"allowed {format_duration(policy.idle_s)}: no job, no task, no named actor and no "
            "Serve application."
        )
    return Decision(action, reason, active, last_active_ms, idle_at_ms, lifetime_ends_at_ms)


def _nothing_due(active: tuple[str, ...], policy: Policy, now_ms: int, last_active_ms: int) -> str:
    if active:
        return f"It is used: {', '.join(active)}."
    idle = f"It has been idle for {format_duration((now_ms - last_active_ms) / 1000)}"
    if now_ms < policy.extended_until_ms:
        return f"{idle}, but is to be kept a while longer."
    if policy.idle_s is None:
        return f"{idle}, which it may."
    return f"{idle} of {format_duration(policy.idle_s)}."
