"""See what works on the head, and ask its jobs to stop.

Sources: ray/dashboard/state_aggregator.py, ray/util/state/state_manager.py,
ray/dashboard/modules/job/job_head.py and ray/dashboard/modules/serve/serve_head.py of Ray 2.60.

A head is not slowed down by being watched. Its state API filters states and actors at the source,
which is quick (13 ms with 300 tasks, 0.16 s with 12,000). Tasks that are over are only counted: to
list 10,000 of them with their times takes the head 8 s and 24 MB, to count them 4 s, whatever the
limit. So they are asked for only where nothing else works, and the caller paces by what it took.
"""

from __future__ import annotations

import urllib.parse
from typing import TYPE_CHECKING, Any, TypeVar

from rayspace.core.clusters.activity import Activity
from rayspace.errors import GatewayError, NotFoundError
from rayspace.gateways.exchange import exchange

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_T = TypeVar("_T")

#: Longest wait for an answer; 10,000 tasks took a head 8 s. [s]
_TIMEOUT_S = 30.0
#: The most that the state API gives at once. [1]
_LIMIT = 10_000
#: Tasks that are listed; whether there are more makes no difference. [1]
_TASK_LIMIT = 100
#: Actors that a request can exclude before it grows too long for the head. [1]
_MOST_EXCLUDED = 20
#: Namespaces in which Ray's libraries leave named actors for good, beside those that begin with an
#: underscore. Serve's say nothing: its applications do.
_NAMESPACES_OF_RAY = frozenset(
    {
        "SUPERVISOR_ACTOR_RAY_NAMESPACE",
        "ActorLocationTracker",
        "AutoscalingCoordinator",
        "AutoscalingRequester",
        "DataUsageCollectionActor",
        "llm_batch_telemetry",
        "llm_serve_telemetry",
        "serve",
    }
)
_SERVE = ("serve", "SERVE_CONTROLLER_ACTOR")
_LIVE_JOB = ("PENDING", "RUNNING")
_LIVE_APPLICATION = ("NOT_STARTED", "DEPLOYING", "RUNNING", "UNHEALTHY", "DEPLOY_FAILED")


class RayHead:
    """The dashboard of the head.

    Parameters
    ----------
    url
        Its base URL.
    token
        Ray's token; empty where it asks for none.
    timeout_s
        Longest wait for an answer. [s]
    """

    def __init__(self, url: str, token: str = "", timeout_s: float = _TIMEOUT_S) -> None:
        self._url = url
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._timeout_s = timeout_s
        #: Which tasks were counted at the look before, and how many there had ever been.
        self._count: tuple[str, int] | None = None

    def look(self) -> Activity:
        """See what works.

        Returns
        -------
        Activity
            What was seen, without a time.

        Raises
        ------
        RayspaceError
            If the head does not answer, refuses, or says something that can't be understood.
        """
        jobs = self.running_jobs()
        actors = self._rows("actors", _LIMIT, [("state", "=", "ALIVE")])
        names_and_places = _understood(
            "actors",
            lambda: [
                (str(row.get("ray_namespace") or ""), str(row.get("name") or ""), row["actor_id"])
                for row in actors
            ],
        )
        rays_own = [actor for place, _, actor in names_and_places if _is_rays_own(place)]
        named = [name for place, name, _ in names_and_places if name and not _is_rays_own(place)]
        has_serve = any(found[:2] == _SERVE for found in names_and_places)
        applications = self._applications() if has_serve else ()
        n_tasks = self._n_live_tasks(rays_own)
        is_busy = bool(jobs or named or applications or n_tasks)
        has_new_tasks = False if is_busy else self._has_new_tasks(rays_own)
        return Activity(jobs, n_tasks, has_new_tasks, tuple(named), applications)

    def running_jobs(self) -> tuple[str, ...]:
        """Return the submitted jobs that run or wait to run, by their ids.

        Raises
        ------
        RayspaceError
            As for `look`.
        """
        answer = self._ask("GET", "/api/jobs/")
        return _understood(
            "jobs",
            lambda: tuple(
                str(job["submission_id"])
                for job in answer
                # Of type DRIVER is whoever is attached.
                if job["type"] == "SUBMISSION" and job["status"] in _LIVE_JOB
            ),
        )

    def stop_job(self, submission_id: str) -> None:
        """Ask a job to stop; one that is over or gone is no error.

        Raises
        ------
        RayspaceError
            If the head does not answer, or refuses.
        """
        try:
            self._ask("POST", f"/api/jobs/{urllib.parse.quote(submission_id, safe='')}/stop")
        except NotFoundError:
            return

    def _applications(self) -> tuple[str, ...]:
        try:
            answer = self._ask("GET", "/api/serve/applications/")
        except NotFoundError:
            return ()
        return _understood(
            "Serve applications",
            lambda: tuple(
                str(name)
                for name, found in answer["applications"].items()
                if found["status"] in _LIVE_APPLICATION
            ),
        )

    def _n_live_tasks(self, rays_own: Sequence[str]) -> int:
        over = [("state", "!=", "FINISHED"), ("state", "!=", "FAILED")]
        rows = self._rows("tasks", _TASK_LIMIT, over)
        ignored = set(rays_own)
        # Drivers are left out by default, and once more here: each is a task that runs.
        works = _understood(
            "tasks",
            lambda: [
                row["type"] != "DRIVER_TASK" and row.get("actor_id") not in ignored for row in rows
            ],
        )
        return sum(works)

    def _has_new_tasks(self, rays_own: Sequence[str]) -> bool:
        """Tell whether there are more tasks than at the look before.

        What can't be compared with it counts as yes.
        """
        excluded = [("actor_id", "!=", actor) for actor in sorted(rays_own)[:_MOST_EXCLUDED]]
        query = _query(1, excluded)
        answer = self._ask("GET", f"/api/v0/tasks?{query}")
        count = query, _understood("tasks", lambda: int(answer["data"]["result"]["total"]))
        before, self._count = self._count, count
        return before != count

    def _rows(self, what: str, limit: int, filters: list[tuple[str, str, str]]) -> list[Any]:
        answer = self._ask("GET", f"/api/v0/{what}?{_query(limit, filters)}")
        return _understood(what, lambda: list(answer["data"]["result"]["result"]))

    def _ask(self, method: str, path: str) -> Any:
        return exchange(
            "Ray", method, self._url + path, headers=self._headers, timeout_s=self._timeout_s
        )


def _is_rays_own(namespace: str) -> bool:
    return namespace.startswith("_") or namespace in _NAMESPACES_OF_RAY


def _query(limit: int, filters: list[tuple[str, str, str]]) -> str:
    words = [("limit", str(limit))]
    for key, predicate, value in filters:
        words += [("filter_keys", key), ("filter_predicates", predicate), ("filter_values", value)]
    return urllib.parse.urlencode(words)


def _understood(what: str, read: Callable[[], _T]) -> _T:
    try:
        return read()
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise GatewayError(
            f"What Ray says of its {what} can't be understood: {error!r}.",
            system="Ray",
            operation=f"list {what}",
        ) from error
