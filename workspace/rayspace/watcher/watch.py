"""Look, decide, tell, act: what the watcher does again and again.

It keeps nothing that matters: with a new pod idleness begins anew, and everything else stands in
the annotations of the RayCluster. Whatever fails is tried again the next time.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from rayspace.core.clusters.activity import (
    Action,
    Activity,
    ActivityNote,
    Annotation,
    Decision,
    Policy,
    activity_note,
    decide,
    read_activity_note,
)
from rayspace.errors import ConflictError, RayspaceError

if TYPE_CHECKING:
    from collections.abc import Callable

    from rayspace.watcher.head import RayHead
    from rayspace.watcher.own_cluster import OwnCluster, OwnClusterState
    from rayspace.watcher.settings import WatcherSettings

WATCHER = "watcher"
#: A look may cost the head a fiftieth of its time, no more. [1]
_PACE = 50
#: Who could not look for longer than planned and this knows nothing of that time. [ms]
_BLIND_AFTER_MS = 60_000
#: A runner needs up to a minute to save what it has. [ms]
_ENDING_MS = 60_000
_ENDING_INTERVAL_S = 1.0
#: Pods take their 30 s of grace to go; who resumes the cluster meanwhile is not overruled. [ms]
_GOING_MS = 90_000
#: Each note makes KubeRay look at the cluster, so they are rare. [ms]
_NOTE_PERIOD_MS = 60_000
_NOTE_RENEWAL_MS = 600_000
#: A head that starts is silent, then busy, then idle: who waits for it hears each at once. [ms]
_YOUNG_MS = 180_000
#: What belongs to a RayJob or a RayService is ended by that. [s]
_NOT_MINE_INTERVAL_S = 600.0


class Watcher:
    """Watch one cluster.

    Parameters
    ----------
    head, cluster
        What is watched.
    settings
        What it is allowed.
    clock_ms
        Tells the time. [ms since 1970-01-01 UTC]
    say
        Takes a line for the log.
    """

    def __init__(
        self,
        head: RayHead,
        cluster: OwnCluster,
        settings: WatcherSettings,
        clock_ms: Callable[[], int],
        say: Callable[[str], None],
    ) -> None:
        self._head = head
        self._cluster = cluster
        self._settings = settings
        self._clock_ms = clock_ms
        self._say = say
        self._said = ""
        self._started_ms = self._watched_from_ms = self._next_look_ms = clock_ms()
        self._seen = Activity(is_known=False)
        self._last_active_ms = 0
        self._note: ActivityNote | None = None
        self._ending_from_ms = 0
        self._asked: set[str] = set()
        self._acted_ms = 0

    def tick(self) -> float:
        """Do it once.

        Returns
        -------
        float
            How long to wait until the next time. [s]
        """
        try:
            return self._tick()
        except ConflictError as error:
            self._say_once(f"{error} Trying again.")
            return min(_ENDING_INTERVAL_S, self._settings.interval_s)
        except RayspaceError as error:
            self._say_once(str(error))
            return self._settings.interval_s

    def _tick(self) -> float:
        state = self._cluster.read()
        if state.owner:
            self._say_once(f"{state.owner} owns this cluster and ends it: nothing to do here.")
            return _NOT_MINE_INTERVAL_S
        if state.is_suspended:
            # It is going already, whoever did it.
            return self._settings.interval_s
        if self._clear_notes_of_suspension(state):
            return min(_ENDING_INTERVAL_S, self._settings.interval_s)
        decision = self._decide(state)
        now_ms = self._clock_ms()
        if decision.action is Action.NONE:
            self._ending_from_ms = 0
            self._asked.clear()
            self._tell(decision, now_ms)
        elif self._acted_ms and now_ms - self._acted_ms < _GOING_MS:
            pass
        elif decision.action is Action.END_JOBS_THEN_SUSPEND and not self._have_jobs_ended(now_ms):
            self._tell(decision, now_ms)
            return min(_ENDING_INTERVAL_S, self._settings.interval_s)
        else:
            self._suspend(state, decision, now_ms)
        return self._settings.interval_s

    def _decide(self, state: OwnClusterState) -> Decision:
        now_ms = self._clock_ms()
        if now_ms - self._next_look_ms > _BLIND_AFTER_MS:
            self._watched_from_ms = now_ms
        is_fresh = now_ms >= self._next_look_ms
        activity = self._look() if is_fresh else self._glance()
        decision = self._decision(state, activity)
        if decision.action is not Action.NONE and not is_fresh:
            # Nothing is ended for what was true a while ago.
            decision = self._decision(state, self._look())
        return decision

    def _decision(self, state: OwnClusterState, activity: Activity) -> Decision:
        policy = Policy(
            self._settings.idle_s,
            self._settings.max_lifetime_s,
            watched_from_ms=self._watched_from_ms,
            lifetime_from_ms=max(state.created_ms, state.time_ms(Annotation.LIFETIME_FROM)),
            extended_until_ms=state.time_ms(Annotation.EXTENDED_UNTIL),
        )
        activity = replace(activity, last_active_ms=self._last_active_ms)
        decision = decide(activity, policy, self._clock_ms())
        self._last_active_ms = decision.last_active_ms
        return decision

    def _look(self) -> Activity:
        began_ms = self._clock_ms()
        try:
            self._seen = self._head.look()
        except RayspaceError as error:
            self._say_once(str(error))
            self._seen = Activity(is_known=False)
        now_ms = self._clock_ms()
        # A little early, or every other tick would come just before its time.
        pause_ms = max(self._settings.interval_s * 900, _PACE * (now_ms - began_ms))
        self._next_look_ms = now_ms + round(pause_ms)
        return self._seen

    def _glance(self) -> Activity:
        """See the jobs only: what else there was holds until the next look."""
        if not self._seen.is_known:
            return self._look()
        try:
            jobs = self._head.running_jobs()
        except RayspaceError as error:
            self._say_once(str(error))
            return Activity(is_known=False)
        return replace(self._seen, running_jobs=jobs, has_new_tasks=False)

    def _clear_notes_of_suspension(self, state: OwnClusterState) -> bool:
        """Take away what an earlier suspension left; tell whether there was something."""
        if state.annotations.get(Annotation.SUSPENDED_BY) != WATCHER:
            return False
        now_ms = self._clock_ms()
        if self._acted_ms and now_ms - self._acted_ms < _GOING_MS:
            return False
        cleared: dict[str, str | None] = {
            Annotation.SUSPENDED_BY: None,
            Annotation.SUSPENDED_WHY: None,
        }
        note = read_activity_note(state.annotations.get(Annotation.ACTIVITY, ""))
        if note is None or note.seen_ms < self._started_ms:
            # An earlier pod suspended it, so somebody resumed it: it lives anew.
            from_ms = max(self._started_ms, state.time_ms(Annotation.LIFETIME_FROM))
            cleared[Annotation.LIFETIME_FROM] = str(from_ms)
        self._cluster.annotate(cleared)
        return True

    def _have_jobs_ended(self, now_ms: int) -> bool:
        """Ask all jobs to stop, and tell whether they have, or had their time."""
        if not self._ending_from_ms:
            self._ending_from_ms = now_ms
        try:
            jobs = self._head.running_jobs()
            for job in jobs:
                if job not in self._asked:
                    self._head.stop_job(job)
                    self._asked.add(job)
                    self._say(f"Asked the job {job} to stop: the life of the cluster is over.")
            is_over = not jobs
        except RayspaceError as error:
            self._say_once(str(error))
            is_over = False
        return is_over or now_ms - self._ending_from_ms >= _ENDING_MS

    def _tell(self, decision: Decision, now_ms: int) -> None:
        """Write what is seen on the cluster, if that is news."""
        note, before = activity_note(decision, now_ms), self._note
        if before is not None and note.action == before.action:
            age_ms = now_ms - before.seen_ms
            # Work that came and went between two notes shows only in since when it is idle.
            is_news = (note.active, note.acts_at_ms, note.idle_since_ms) != (
                before.active,
                before.acts_at_ms,
                before.idle_since_ms,
            )
            is_young = now_ms - self._started_ms < _YOUNG_MS
            news_period_ms = 0 if is_young else _NOTE_PERIOD_MS
            if age_ms < (news_period_ms if is_news else _NOTE_RENEWAL_MS):
                return
        self._cluster.annotate({Annotation.ACTIVITY: note.to_text()})
        self._note = note

    def _suspend(self, state: OwnClusterState, decision: Decision, now_ms: int) -> None:
        note = activity_note(replace(decision, action=Action.SUSPEND), now_ms)
        done = self._cluster.suspend(
            state,
            {
                Annotation.ACTIVITY: note.to_text(),
                Annotation.SUSPENDED_BY: WATCHER,
                Annotation.SUSPENDED_WHY: decision.reason,
            },
        )
        self._note, self._acted_ms = note, now_ms
        self._ending_from_ms = 0
        self._asked.clear()
        self._say(f"{decision.reason} {done}.")

    def _say_once(self, text: str) -> None:
        if text != self._said:
            self._said = text
            self._say(text)
