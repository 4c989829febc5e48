"""The last words of containers that ended."""

from __future__ import annotations

from typing import Any

import pytest

from rayspace.errors import NotFoundError, RefusedError
from rayspace.gateways.kube.client import KubeClient
from rayspace.gateways.kube.observer import KubeObserver
from rayspace.gateways.system_clock import SystemClock
from rayspace.model.target import Target
from tests.unit.core.diagnosis.snapshots import (
    a_node,
    a_pod,
    a_ray_cluster,
    running,
    waiting,
)

BASE = "/api/v1/namespaces/team"
HEAD = f"{BASE}/pods/c-head-nbkmp"
#: A run began each minute.
TIME = "2026-01-02T03:{:02}:04{}"


class Api(KubeClient):
    """An API server with one cluster, whose head has ended.

    Parameters
    ----------
    listed
        What it knows of the container.
    n_restarts
        What the node knows: it may run again by now.
    """

    def __init__(self, listed: dict, n_restarts: int) -> None:
        super().__init__(Target("prod", "prod", "team"), {})
        self.answers: dict[str, Any] = {
            "/apis/ray.io/v1/namespaces/team/rayclusters/c": a_ray_cluster(groups=[]),
            f"{BASE}/pods": {"items": [a_pod(ready=False, statuses=[listed])]},
            "/api/v1/nodes": {"items": [a_node()]},
        }
        self.n_restarts = n_restarts

    async def create(self, path, body, *, operation):
        return {"status": {"userInfo": {"username": "ada"}}}

    async def get(self, path, *, operation, query=None):
        if path.startswith("/apis/kueue"):
            raise NotFoundError("There is no Kueue.")
        return self.answers.get(path, {"items": []})

    async def text(self, path, *, operation, query=None):
        assert path == f"{HEAD}/log"
        run = self.n_restarts - ("previous" in query)
        if run < 0:
            raise RefusedError("There was no run before.")
        time = TIME.format(run, ".123456789+00:00 ") if "timestamps" in query else ""
        return f"{time}began\n{time}words of run {run}\n"

    async def server(self):
        return "https://prod"


def terminated(run: int) -> dict:
    return {"terminated": {"exitCode": 2, "reason": "Error", "startedAt": TIME.format(run, "Z")}}


def ended(n_restarts: int) -> dict:
    state = running("ray-head", ready=False)
    return {**state, "state": terminated(n_restarts), "restartCount": n_restarts}


def waits(n_restarts: int) -> dict:
    state = waiting("ray-head", "CrashLoopBackOff")
    return {**state, "restartCount": n_restarts, "lastState": terminated(n_restarts - 1)}


@pytest.mark.parametrize(
    ("listed", "n_restarts", "run"),
    [
        (ended(0), 0, 0),
        (ended(3), 3, 3),
        # It began anew, and the API server does not know of it.
        (ended(0), 1, 0),
        (ended(3), 4, 3),
        # It waits to begin anew.
        (waits(2), 2, 1),
    ],
)
async def test_the_words_are_those_of_the_run_that_ended(listed, n_restarts, run) -> None:
    """And not the first ones of the next, nor the last ones of that before."""
    state = await KubeObserver(Api(listed, n_restarts), SystemClock()).explained("c")
    (problem,) = state.problems
    assert problem.code == "crash_loop"
    assert problem.summary.endswith(f"Its last words: words of run {run}")
