"""What Kueue says of a queue: in the version that it serves, and not asked for too often."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from rayspace.errors import AccessError, GatewayError, ObjectNotFoundError
from rayspace.gateways.kube.client import KubeClient
from rayspace.gateways.kube.namespace_watch import NamespaceWatch
from rayspace.gateways.kube.observer import KubeObserver
from rayspace.gateways.kube.queues import Queues
from rayspace.model.cluster import ClusterPhase
from rayspace.model.target import Target
from tests.unit.core.diagnosis.snapshots import a_ray_cluster, a_workload, condition

KUEUE, VISIBILITY = "/apis/kueue.x-k8s.io", "/apis/visibility.kueue.x-k8s.io"
OF = "namespaces/team/localqueues/lq"
SAID = (
    "couldn't assign flavors to pod set head: insufficient quota for cpu in flavor small,"
    " previously considered podsets requests (0) + current podset request (2) > maximum capacity"
    " (700m)"
)


class Api(KubeClient):
    """An API server with an older Kueue, one cluster in its queue, and what a test adds."""

    def __init__(self, version: str = "v1beta1") -> None:
        super().__init__(Target("prod", "prod", "team"), {})
        labels = {"kueue.x-k8s.io/queue-name": "lq"}
        cluster = a_ray_cluster(spec={"suspend": True}, metadata={"labels": labels, "uid": "u"})
        reserved = condition("QuotaReserved", "False", "Pending", SAID)
        workload = a_workload(reserved)
        workload["metadata"]["ownerReferences"] = [{"uid": cluster["metadata"]["uid"]}]
        name = workload["metadata"]["name"]
        flavors = [{"name": n, "resources": [{"name": "cpu"}]} for n in ("small", "large")]
        waiting = [{"metadata": {"name": name}, "positionInLocalQueue": 3}]
        root = f"{KUEUE}/{version}/namespaces/team"
        self.answers: dict[str, Any] = {
            KUEUE: {"preferredVersion": {"groupVersion": f"kueue.x-k8s.io/{version}"}},
            VISIBILITY: {
                "preferredVersion": {"groupVersion": f"visibility.kueue.x-k8s.io/{version}"}
            },
            f"{root}/workloads": {"items": [workload]},
            f"{root}/localqueues/lq": {"status": {"flavorsReservation": flavors}},
            f"{VISIBILITY}/{version}/{OF}/pendingworkloads": {"items": waiting},
            f"/apis/ray.io/v1/namespaces/team/rayclusters/{cluster['metadata']['name']}": cluster,
        }
        self.workload_path = f"{root}/workloads/{name}"
        self.queue_path = f"{root}/localqueues/lq"
        self.asked: list[str] = []

    async def get(self, path, *, operation, query=None):
        self.asked.append(path)
        answer = self.answers.get(path, {"items": []})
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def create(self, path, body, *, operation):
        return {"status": {"userInfo": {"username": "ada"}}}

    async def server(self) -> str:
        return "https://prod"

    async def merge(self, path, body, *, operation):
        self.asked.append(f"{path} {body}")


@pytest.fixture
def clock():
    """Tell a time that a test moves."""
    moved = SimpleNamespace(now_s=1000.0, now_ms=lambda: 0)
    moved.monotonic_s = lambda: moved.now_s
    return moved


@pytest.mark.parametrize("version", ["v1beta1", "v1beta2"])
async def test_a_queue_is_read_in_the_version_that_kueue_prefers(clock, version) -> None:
    """Which is asked for once."""
    api = Api(version)
    queues = Queues(api, clock)
    look = await queues.look("lq")
    assert look.local_queue is api.answers[api.queue_path]
    assert list(look.places.values()) == [3]
    (workload,) = await queues.listed("workloads")
    assert await queues.set_active("nobody", is_active=True) is False
    uid = workload["metadata"]["ownerReferences"][0]["uid"]
    assert await queues.set_active(uid, is_active=True) is True
    assert api.asked[-1] == f"{api.workload_path} {{'spec': {{'active': True}}}}"
    assert api.asked.count(KUEUE) == 1


async def test_who_waits_shares_one_look_at_a_queue(clock) -> None:
    """For a quarter of a minute; who asks why sees it as it is."""
    api = Api()
    queues = Queues(api, clock)
    for _ in range(3):
        clock.now_s += 4
        await queues.look("lq")
    assert api.asked.count(api.queue_path) == 1
    await queues.look("lq", is_fresh=True)
    assert api.asked.count(api.queue_path) == 2
    clock.now_s += 20
    await queues.look("lq")
    assert api.asked.count(api.queue_path) == 3


@pytest.mark.parametrize(
    "error",
    [
        ObjectNotFoundError("There is none."),
        AccessError("You may not."),
        GatewayError("It is away.", system="Kubernetes", operation="read"),
    ],
)
async def test_without_a_queue_to_read_there_is_still_its_place(clock, error) -> None:
    """Each of both is told without the other."""
    api = Api()
    api.answers[api.queue_path] = error
    look = await Queues(api, clock).look("lq")
    assert (look.local_queue, list(look.places.values())) == (None, [3])
    api.answers[f"{VISIBILITY}/v1beta1/{OF}/pendingworkloads"] = error
    look = await Queues(api, clock).look("lq")
    assert (look.local_queue, look.places) == (None, {})


async def test_where_there_is_no_kueue_yet_it_is_asked_for_again(clock) -> None:
    """It may be installed while a server of ours runs."""
    api = Api()
    group, api.answers[KUEUE] = api.answers[KUEUE], ObjectNotFoundError("There is none.")
    queues = Queues(api, clock)
    assert await queues.listed("workloads") is None
    api.answers[KUEUE] = group
    assert await queues.listed("workloads")


@pytest.mark.parametrize(
    "answer", [{"kind": "APIGroup"}, {"preferredVersion": {"groupVersion": 1}}]
)
async def test_an_answer_without_a_version_is_not_an_api_servers(answer) -> None:
    """And is told as such."""
    api = Api()
    api.answers[KUEUE] = answer
    with pytest.raises(GatewayError, match="is not an API server"):
        await api.preferred("kueue.x-k8s.io")


async def test_a_cluster_that_another_flavor_may_admit_waits(clock) -> None:
    """Whoever looks: Kueue names the flavors that it tried, and the queue all that it has."""
    api = Api()
    observer = KubeObserver(api, clock)
    state = await observer.explained(_cluster(api)["metadata"]["name"])
    (problem,) = state.problems
    assert (problem.code, problem.is_final) == ("queue_waiting", False)
    assert "with 3 before it" in problem.summary
    assert state.phase is not ClusterPhase.FAILED
    job = {**_cluster(api), "spec": {"suspend": True, "rayClusterSpec": {}}}
    problem = await observer.queue_problem(job)
    assert problem is not None
    assert problem.code == "queue_waiting"
    api.answers[api.queue_path]["status"]["flavorsReservation"].pop()
    state = await observer.explained(_cluster(api)["metadata"]["name"])
    assert [(p.code, p.is_final) for p in state.problems] == [("queue_never_fits", True)]


async def test_workloads_are_followed_in_that_version_too(clock) -> None:
    """Found when the watch begins."""
    api = Api()
    watch = NamespaceWatch(api, clock)
    assert await watch._workloads_path() == f"{KUEUE}/v1beta1/namespaces/team/workloads"


def _cluster(api: Api) -> dict:
    return next(answer for path, answer in api.answers.items() if "/rayclusters/" in path)
