"""What all tabs are told: numbered messages, the last of which are kept for who comes back.

It holds copies of what others know, so that a new tab sees all at once. Messages are written as
text once, however many tabs there are. All of it is called in one loop.
"""

from __future__ import annotations

import json
import secrets
from collections import deque
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

#: What who comes back is told at most, before it gets a snapshot instead. [1], [bytes]
_KEPT_MESSAGES = 4000
_KEPT_BYTES = 8 * 2**20


class Hub:
    """Tells changes to all who listen."""

    def __init__(self) -> None:
        #: Another one after each start of the server.
        self.epoch = secrets.token_hex(6)
        self._seq = 0
        self._kept: deque[tuple[int, str]] = deque()
        self._n_bytes = 0
        self._listeners: dict[object, Callable[[str], None]] = {}
        self._clusters: dict[tuple[str, str], dict[str, Any]] = {}
        self._jobs: dict[str, dict[str, Any]] | None = None
        self._targets: dict[str, dict[str, Any]] = {}
        self._operations: dict[str, dict[str, Any]] = {}
        self._chosen: dict[str, dict[str, Any]] = {}
        self._jobs_problems: dict[str, dict[str, Any]] = {}

    # Who listens.

    def listen(self, key: object, tell: Callable[[str], None], after: int, epoch: str) -> None:
        """Tell somebody all that comes, and before it what they missed, or how everything is.

        Parameters
        ----------
        key
            Who.
        tell
            Called with the text of each message; must return at once.
        after
            The last number that they received. [1]
        epoch
            The epoch of that number; empty for who is new.
        """
        first = self._kept[0][0] if self._kept else self._seq + 1
        if epoch == self.epoch and first - 1 <= after <= self._seq:
            for seq, text in self._kept:
                if seq > after:
                    tell(text)
        else:
            tell(self._message("snapshot", self.snapshot()))
        self._listeners[key] = tell

    def leave(self, key: object) -> None:
        """Tell somebody nothing any more."""
        self._listeners.pop(key, None)

    @property
    def n_listeners(self) -> int:
        """How many listen. [1]"""
        return len(self._listeners)

    def ping(self) -> None:
        """Let all know that the connection lives."""
        text = self._message("ping", None)
        for tell in tuple(self._listeners.values()):
            tell(text)

    def snapshot(self) -> dict[str, Any]:
        """Return how everything is."""
        jobs = None if self._jobs is None else _newest_first(self._jobs.values())
        return {
            "clusters": [self._clusters[key] for key in sorted(self._clusters)],
            "chosen": list(self._chosen.values()),
            "jobs": jobs,
            "jobs_problems": [
                {"project": project, "problem": problem}
                for project, problem in self._jobs_problems.items()
            ],
            "targets": list(self._targets.values()),
            "operations": list(reversed(self._operations.values())),
        }

    # What changes.

    def cluster(self, state: dict[str, Any]) -> None:
        """Take in a cluster as it is."""
        key = (state["target"], state["name"])
        if self._clusters.get(key) != state:
            self._clusters[key] = state
            self._publish("cluster", state)

    def cluster_gone(self, target: str, name: str) -> None:
        """Take in that there is no such cluster."""
        if self._clusters.pop((target, name), None) is not None:
            self._publish("cluster_gone", {"target": target, "name": name})

    def cluster_names(self, target: str) -> set[str]:
        """Name the clusters of a target that are shown."""
        return {name for where, name in self._clusters if where == target}

    def jobs(self, states: list[dict[str, Any]]) -> None:
        """Take in all jobs, each with the projects that it is a job of."""
        before = self._jobs or {}
        self._jobs = {state["name"]: state for state in states}
        for state in states:
            if before.get(state["name"]) != state:
                self._publish("job", state)
        for name in before.keys() - self._jobs.keys():
            self._publish("job_gone", {"name": name})

    def jobs_problems(self, problems: dict[str, dict[str, Any]]) -> None:
        """Take in why jobs can't be listed, by project; those that are missing can."""
        before, self._jobs_problems = self._jobs_problems, problems
        for project in before.keys() | problems.keys():
            problem = problems.get(project)
            if before.get(project) != problem:
                self._publish("jobs_problem", {"project": project, "problem": problem})

    def target(self, state: dict[str, Any]) -> None:
        """Take in whether a target answers."""
        if self._targets.get(state["name"]) != state:
            self._targets[state["name"]] = state
            self._publish("target", state)

    def target_state(self, name: str) -> dict[str, Any] | None:
        """Return whether a target answers; None for not known."""
        return self._targets.get(name)

    def chosen(self, choice: dict[str, Any]) -> None:
        """Take in which cluster is meant when nobody names one in a project."""
        if choice != self._chosen.get(choice["project"]):
            self._chosen[choice["project"]] = choice
            self._publish("chosen", choice)

    def operation(self, operation: dict[str, Any], n_kept: int = 50) -> None:
        """Take in an operation as it stands; ``n_kept`` of them are shown to who is new. [1]"""
        self._operations[operation["id"]] = operation
        while len(self._operations) > n_kept:
            del self._operations[next(iter(self._operations))]
        self._publish("operation", operation)

    def forget(self) -> None:
        """Let go of what nobody watches any more: it would only get older."""
        self._clusters.clear()
        self._targets.clear()
        self._jobs = None
        self._jobs_problems = {}
        self._kept.clear()
        self._n_bytes = 0
        self.epoch = secrets.token_hex(6)

    def _publish(self, kind: str, data: Any) -> None:
        self._seq += 1
        text = self._message(kind, data)
        self._kept.append((self._seq, text))
        self._n_bytes += len(text)
        while len(self._kept) > _KEPT_MESSAGES or self._n_bytes > _KEPT_BYTES:
            self._n_bytes -= len(self._kept.popleft()[1])
        for tell in tuple(self._listeners.values()):
            tell(text)

    def _message(self, kind: str, data: Any) -> str:
        message = {"epoch": self.epoch, "seq": self._seq, "kind": kind, "data": data}
        return json.dumps(message, separators=(",", ":"))


def _newest_first(jobs: Any) -> list[dict[str, Any]]:
    return sorted(jobs, key=lambda job: job["submitted_ms"], reverse=True)
