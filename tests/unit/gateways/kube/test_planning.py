"""What is checked before a cluster, or the job that brings one, is made."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from rayspace.core.clusters.spec import cluster_spec
from rayspace.core.clusters.wishes import Wishes
from rayspace.core.images.choice import ImageChoice
from rayspace.core.profiles.files import parse_profile
from rayspace.errors import AccessError, PreflightError
from rayspace.gateways.kube.client import KubeClient
from rayspace.gateways.kube.configuration import Configuration
from rayspace.gateways.kube.observer import KubeObserver
from rayspace.gateways.kube.planning import ClusterPlanner, Plan
from rayspace.model.target import Target
from tests.unit.core.kube.test_kuberay_release import described
from tests.unit.core.kube.test_preflight import node
from tests.unit.core.manifests.test_ray_cluster import made, pod_of

if TYPE_CHECKING:
    from rayspace.model.progress import Stage

NODES, QUOTAS = "/api/v1/nodes", "/api/v1/namespaces/team/resourcequotas"
RANGES = "/api/v1/namespaces/team/limitranges"
LIMITS = "/api/v1/namespaces/team/configmaps/rayspace-profiles"
QUEUES = "/apis/kueue.x-k8s.io"
CHOICE = ImageChoice("rayproject/ray:2.60.0", "2.60.0", "3.12", "")


class Api(KubeClient):
    """An API server with one small node and a KubeRay that is new enough."""

    def __init__(self) -> None:
        super().__init__(Target("prod", "prod", "team"), {})
        self.answers: dict[str, Any] = {
            "/openapi/v3/apis/ray.io/v1": described("1.6"),
            NODES: {"items": [node("1")]},
        }

    async def create(self, path, body, *, operation, query=None):
        return {"status": {"userInfo": {"username": "ada"}}}

    async def get(self, path, *, operation, query=None):
        answer = self.answers.get(path, {"items": []})
        if isinstance(answer, Exception):
            raise answer
        return answer


@pytest.fixture
def api() -> Api:
    return Api()


async def checked(api: Api, text: str, **more: Any) -> list[str]:
    """Check the cluster of a profile, and return what was told."""
    told: list[Stage] = []
    planner = ClusterPlanner(api, KubeObserver(api, None), lambda: ("2.60.0", "3.12"))
    plan = Plan(made(text), CHOICE, Configuration(), ())
    await planner.check(plan, told.append, **more)
    return [stage.text for stage in told]


@pytest.mark.parametrize("applied", [None, {"kind": "RayJob", "spec": {}}])
async def test_whoever_is_refused_may_try_all_the_same(api, applied) -> None:
    """A cluster, and the cluster of a job."""
    text = "head: {cpus: 8, memory: 2GiB}"
    with pytest.raises(PreflightError, match="could ever hold") as caught:
        await checked(api, text, force=False, applied=applied)
    assert caught.value.hint.endswith(" To try all the same: --force")
    (told,) = await checked(api, text, force=True, applied=applied)
    assert told.startswith("No node could ever hold the head")


async def test_each_thing_that_may_not_be_read_has_a_line_of_its_own(api) -> None:
    """One does not stand in for another."""
    for path in (NODES, QUEUES):
        api.answers[path] = AccessError("You may not.")
    told: list[Stage] = []
    planner = ClusterPlanner(api, KubeObserver(api, None), lambda: ("2.60.0", "3.12"))
    plan = Plan(made("queue: q\nhead: {cpus: 1}"), CHOICE, Configuration(), None)
    await planner.check(plan, told.append, force=False)
    assert [stage.text.partition(" is unknown")[0] for stage in told] == [
        "Whether a node could hold it",
        "Whether a quota has room for it",
        "Whether there is a queue 'q'",
    ]
    assert len({stage.key for stage in told}) == 3


@pytest.mark.parametrize(
    ("path", "answer", "limit"),
    [
        (QUOTAS, {"items": [{"spec": {"hard": {"pods": "9"}}}]}, "2"),
        (QUOTAS, {"items": [{"spec": {"hard": {"limits.cpu": "9"}}}]}, "1"),
        (RANGES, {"items": [{"spec": {"limits": [{"max": {"cpu": "1"}}]}}]}, "1"),
        (QUOTAS, AccessError("You may not."), "1"),
        (RANGES, AccessError("You may not."), "1"),
        (LIMITS, AccessError("You may not."), "1"),
    ],
)
async def test_a_head_may_use_more_where_nobody_counts_it(api, path, answer, limit) -> None:
    """What a plan found out of the namespace is in the manifest; what is not known may count it."""
    api.answers[path] = answer
    planner = ClusterPlanner(api, KubeObserver(api, None), lambda: ("2.60.0", "3.12"))
    spec, _ = cluster_spec(
        parse_profile("idle: 1h\nhead: {cpus: 1}", name="p"), Wishes(), "/x", limit=9
    )
    plan = await planner.plan(spec)
    resources = pod_of(plan.manifest)["containers"][0]["resources"]
    assert resources["limits"]["cpu"] == f"{limit}000m"
    assert resources["requests"]["cpu"] == "1000m"
