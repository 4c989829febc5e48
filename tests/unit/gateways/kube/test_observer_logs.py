"""The last words of containers that ended."""

from __future__ import annotations

from typing import Any

import pytest

from rayspace.errors import GatewayError, NotFoundError
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
ENDED = {"terminated": {"exitCode": 2, "reason": "Error"}}


class Api(KubeClient):
    """An API server with one cluster, whose head has ended and may run again by now."""

    def __init__(self, listed: dict, now: dict) -> None:
        super().__init__(Target("prod", "prod", "team"), {})
        cluster = a_ray_cluster(groups=[])
        self.answers: dict[str, Any] = {
            "/apis/ray.io/v1/namespaces/team/rayclusters/c": cluster,
            f"{BASE}/pods": {"items": [a_pod(ready=False, statuses=[listed])]},
            "/api/v1/nodes": {"items": [a_node()]},
            HEAD: a_pod(ready=False, statuses=[now]),
        }
        self.n_restarts = now["restartCount"]

    async def create(self, path, body, *, operation):
        return {"status": {"userInfo": {"username": "ada"}}}

    async def get(self, path, *, operation, query=None):
        if path.startswith("/apis/kueue"):
            raise NotFoundError("There is no Kueue.")
        answer = self.answers.get(path, {"items": []})
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def text(self, path, *, operation, query=None):
        assert path == f"{HEAD}/log"
        run = self.n_restarts - (query["previous"] == "true")
        return f"words of run {run}"

    async def server(self):
        return "https://prod"


def ended(n_restarts: int) -> dict:
    return {**running("ray-head", ready=False), "state": ENDED, "restartCount": n_restarts}


def again(n_restarts: int) -> dict:
    state = running("ray-head", ready=False, age=1)
    return {**state, "restartCount": n_restarts, "lastState": ENDED}


def waits(n_restarts: int) -> dict:
    state = waiting("ray-head", "CrashLoopBackOff")
    return {**state, "restartCount": n_restarts, "lastState": ENDED}


@pytest.mark.parametrize(
    ("listed", "now", "run"),
    [
        (ended(0), ended(0), 0),
        # It began anew between the look at the pod and that at its log.
        (ended(0), again(1), 0),
        (ended(3), again(4), 3),
    ],
)
async def test_the_words_are_those_of_the_run_that_ended(listed, now, run) -> None:
    """And not the first ones of the next."""
    state = await KubeObserver(Api(listed, now), SystemClock()).explained("c")
    (problem,) = state.problems
    assert (problem.code, f"words of run {run}" in problem.summary) == ("crash_loop", True)


async def test_whose_container_waits_to_begin_anew_said_its_words_before() -> None:
    state = await KubeObserver(Api(waits(2), waits(2)), SystemClock()).explained("c")
    assert "words of run 1" in state.problems[0].summary


async def test_why_is_told_also_where_the_second_look_fails() -> None:
    """What was read then has to do."""
    api = Api(ended(0), ended(0))
    api.answers[HEAD] = GatewayError("It is busy.", system="prod", operation="look")
    state = await KubeObserver(api, SystemClock()).explained("c")
    assert "words of run 0" in state.problems[0].summary
