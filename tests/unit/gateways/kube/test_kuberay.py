"""Whether there is a KubeRay that is new enough is asked of the API server, once."""

from __future__ import annotations

import pytest

from rayspace.core.kube.kuberay_release import has_job_rules
from rayspace.errors import (
    AccessError,
    GatewayUnavailableError,
    ObjectNotFoundError,
    PreflightError,
)
from rayspace.gateways.kube.kuberay import KubeRayCheck
from rayspace.model.target import Target
from tests.unit.core.kube.test_kuberay_release import described


class Api:
    """An API server that describes a RayCluster, or fails."""

    target = Target("prod", "prod", "team")

    def __init__(self, answer: object) -> None:
        self.answer = answer
        self.n_requests = 0

    async def get(self, path: str, *, operation: str) -> object:
        assert (path, bool(operation)) == ("/openapi/v3/apis/ray.io/v1", True)
        self.n_requests += 1
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


async def test_a_good_answer_is_asked_for_once() -> None:
    """It is a megabyte."""
    api = Api(described("1.5"))
    check = KubeRayCheck(api)
    await check.require()
    await check.require()
    assert api.n_requests == 1


@pytest.mark.parametrize(
    ("answer", "code", "word"),
    [
        (described("1.4"), "kuberay_old", "KubeRay 1.4"),
        (ObjectNotFoundError("There is none."), "kuberay_missing", "not installed on prod"),
    ],
)
async def test_what_is_not_enough_is_refused_until_it_is(answer, code, word) -> None:
    """An administrator may upgrade meanwhile, so it is asked again."""
    api = Api(answer)
    check = KubeRayCheck(api)
    for _ in range(2):
        with pytest.raises(PreflightError, match=word) as caught:
            await check.require()
        assert [problem["code"] for problem in caught.value.details["problems"]] == [code]
        assert caught.value.hint
    api.answer = described("1.6")
    await check.require()
    assert api.n_requests == 3


@pytest.mark.parametrize(
    "error",
    [
        AccessError("You may not."),
        GatewayUnavailableError("It is away.", system="Kubernetes", operation="read"),
    ],
)
async def test_where_nobody_may_say_nothing_is_refused(error) -> None:
    """The API server itself refuses fields that it lacks."""
    await KubeRayCheck(Api(error)).require()


@pytest.mark.parametrize("has_kueue", [False, True])
async def test_a_job_has_no_rules_where_kueue_would_rewrite_them(has_kueue) -> None:
    """Its webhook does so with every RayJob; asked each time, since it may be installed at any."""
    asked = []

    class Groups(Api):
        async def get(self, path: str, *, operation: str) -> object:
            asked.append(path)
            if path.startswith("/openapi"):
                return await super().get(path, operation=operation)
            if not has_kueue:
                raise ObjectNotFoundError("There is no such group.")
            return {}

    fields = {"deletionStrategy": {}, "preRunningDeadlineSeconds": {}}
    document = described("1.6")
    document["components"]["schemas"]["io.ray.v1.RayJob"] = {
        "properties": {"spec": {"properties": fields}}
    }
    assert has_job_rules(document)
    check = KubeRayCheck(Groups(document))
    for _ in range(2):
        assert await check.has_job_rules() is not has_kueue
    assert asked == ["/openapi/v3/apis/ray.io/v1", *2 * ["/apis/kueue.x-k8s.io"]]
