"""What becomes of a wish whose name a RayCluster has already; the API server is played."""

from __future__ import annotations

import json

import pytest

from rayspace.core.manifests import ray_cluster as manifests
from rayspace.errors import (
    AccessError,
    ClusterExistsError,
    GatewayTimeoutError,
    ObjectNotFoundError,
)
from rayspace.gateways.kube.gateway import KubeRayGateway
from rayspace.model.cluster import ClusterPhase, ClusterSpec, Replaced
from rayspace.model.profile import NodeResources, PodOptions
from rayspace.model.target import Target
from rayspace.model.wire import to_wire
from tests.unit.core.diagnosis.snapshots import a_pod, waiting
from tests.unit.core.kube.test_kuberay_release import described

ME = "me@example.org"
PATH = "/apis/ray.io/v1/namespaces/team/rayclusters/c"
WELL = ClusterSpec("c", "gpu-small", worker=NodeResources(cpus=1), n_workers=0)
BAD = ClusterSpec("c", "gpu-small", worker=NodeResources(cpus=1), pods=PodOptions(image="ray:x"))


class Clock:
    """A time that moves only when somebody waits, and then at once."""

    def __init__(self) -> None:
        self.time_s = 1_795_415_860.0

    def now_ms(self) -> int:
        return int(self.time_s * 1000)

    def monotonic_s(self) -> float:
        return self.time_s

    async def sleep(self, duration_s: float) -> None:
        self.time_s += duration_s


class Api:
    """An API server with one RayCluster and its head's pod; notes what is done to them."""

    target = Target("prod", "prod", "team")

    def __init__(self, spec: ClusterSpec, *, owner: str = ME, is_ready: bool = False) -> None:
        pod = a_pod()
        if not is_ready:
            failing = waiting("ray-head", "InvalidImageName")
            pod = a_pod(ready=False, phase="Pending", statuses=[failing])
        self.pods = [pod]
        self.done: list[str] = []
        #: How often a cluster that is being deleted is still seen. [1]
        self.n_leaving = 2
        self.cluster = {
            "metadata": {
                "name": "c",
                "uid": "first",
                "labels": {
                    manifests.MANAGED_BY: "rayspace",
                    manifests.OWNER_HASH: manifests.owner_hash(owner),
                },
                "annotations": {manifests.OWNER: owner, manifests.SPEC: json.dumps(to_wire(spec))},
            },
            "spec": {},
        }

    async def server(self) -> str:
        return "https://prod"

    async def create(self, path: str, body, *, operation: str):
        return {"status": {"userInfo": {"username": ME}}}

    async def get(self, path: str, *, operation: str, query=None):
        if path == PATH:
            if "delete Foreground" in self.done and self.cluster is not None:
                self.n_leaving -= 1
                self.cluster = self.cluster if self.n_leaving else None
            if self.cluster is None:
                raise ObjectNotFoundError("There is none.")
            return self.cluster
        if path.startswith("/openapi"):
            return described("1.6")
        if path.endswith("/pods"):
            return {"items": self.pods}
        if path.endswith("/nodes"):
            raise AccessError("You may not.")
        if path.endswith(("/events", "/resourcequotas")):
            return {"items": []}
        raise ObjectNotFoundError("There is none.")

    async def delete(self, path: str, *, operation: str, uid: str, propagation: str) -> None:
        assert (path, uid) == (PATH, "first")
        self.done.append(f"delete {propagation}")

    async def apply(self, path: str, body, *, operation: str, force: bool):
        assert path == PATH
        self.done.append("apply")
        self.pods = []
        self.cluster = {**body, "metadata": {**body["metadata"], "uid": "second"}}
        return self.cluster


def gateway(api: Api, tmp_path) -> KubeRayGateway:
    return KubeRayGateway(api, Clock(), lambda: ("2.60.0", "3.11.7"), tmp_path)


async def test_by_force_ones_own_that_is_not_ready_is_made_anew(tmp_path) -> None:
    """Deleted with all that it owns, waited for and made: KubeRay would keep the pods it has."""
    api, told = Api(BAD), []
    state = await gateway(api, tmp_path).create(
        WELL, lambda stage: told.append(stage.text), force=True
    )
    assert api.done == ["delete Foreground", "apply"]
    assert (state.uid, state.spec) == ("second", WELL)
    assert told[0] == "c is failed and is made anew; it had another image"
    assert told.index("Deleting c") < told.index("c is down") < len(told) - 1
    assert told[-1].startswith("c was accepted")


@pytest.mark.parametrize(("owner", "is_ones_own"), [(ME, True), ("another", False)])
async def test_a_preview_tells_what_force_would_replace(tmp_path, owner, is_ones_own) -> None:
    """And what is wrong with what would take its place; another's is never replaced."""
    api = Api(BAD, owner=owner)
    seen = await gateway(api, tmp_path).preview(WELL)
    assert api.done == []
    why = "c is failed and is made anew; it had another image"
    wanted = Replaced("c", ClusterPhase.FAILED, why) if is_ones_own else None
    assert seen.replaced == wanted
    # That the nodes could not be seen is told only where they were looked at.
    assert bool(seen.notes) == is_ones_own


async def test_without_force_nothing_is_replaced_and_the_way_is_told(tmp_path) -> None:
    """With the target, which need not be the chosen one."""
    api = Api(BAD)
    with pytest.raises(ClusterExistsError, match="another image") as caught:
        await gateway(api, tmp_path).create(WELL, lambda _: None)
    assert "--force" in caught.value.hint
    assert caught.value.hint.endswith("rayspace cluster down c --on prod")
    assert api.done == []


@pytest.mark.parametrize(
    ("owner", "is_ready", "words"),
    [("another", False, "of another is there"), (ME, True, "another image")],
)
async def test_what_is_at_work_or_another_s_stays(tmp_path, owner, is_ready, words) -> None:
    """Also by force."""
    api = Api(BAD, owner=owner, is_ready=is_ready)
    with pytest.raises(ClusterExistsError, match=words) as caught:
        await gateway(api, tmp_path).create(WELL, lambda _: None, force=True)
    assert "--force" not in caught.value.hint
    assert api.done == []


async def test_a_cluster_that_does_not_go_is_not_waited_for_without_end(tmp_path) -> None:
    """A pod on a lost node keeps it."""
    api = Api(BAD)
    api.n_leaving = 10**9
    with pytest.raises(GatewayTimeoutError, match="still being deleted after 300 s"):
        await gateway(api, tmp_path).create(WELL, lambda _: None, force=True)
    assert api.done == ["delete Foreground"]
