"""Which clusters of a namespace changed, out of many."""

from __future__ import annotations

import asyncio
import contextlib
from types import SimpleNamespace

import pytest

from rayspace.errors import GatewayUnavailableError
from rayspace.gateways.kube import namespace_changes
from rayspace.gateways.kube.namespace_changes import NamespaceChanges
from rayspace.gateways.system_clock import SystemClock
from rayspace.model.target import Target


def an_object(kind: str, name: str, **metadata) -> dict:
    return {"kind": kind, "metadata": {"name": name, "uid": f"{kind}-{name}", **metadata}}


class Watch:
    """What an informer of each kind holds; a test changes it and says so."""

    def __init__(self, n_clusters: int) -> None:
        self.hearers = set()
        kinds = ("clusters", "pods", "events", "workloads")
        for kind in kinds:
            setattr(self, kind, SimpleNamespace(objects={}, refused=None, trouble=None))
        for index in range(n_clusters):
            self.add(self.clusters, an_object("RayCluster", f"c{index}"))
            labels = {"ray.io/cluster": f"c{index}"}
            self.add(self.pods, an_object("Pod", f"c{index}-head", labels=labels))

    def add(self, informer, item: dict) -> None:
        informer.objects[item["metadata"]["uid"]] = item
        for hear in self.hearers:
            hear(item)

    def remove(self, informer, uid: str) -> None:
        item = informer.objects.pop(uid)
        for hear in self.hearers:
            hear(item)


@pytest.fixture
async def following():
    watch = Watch(50)
    changes = NamespaceChanges(watch, Target("t", "", "n"), SystemClock())
    async with contextlib.aclosing(changes.follow()) as followed:

        async def following_next():
            return await asyncio.wait_for(anext(followed), 120)

        first = await following_next()
        assert len(first) == 50
        assert [len(snapshot.pods) for snapshot in first.values()] == [1] * 50
        yield watch, following_next, changes
    assert not watch.hearers


async def test_each_kind_of_object_leads_to_its_cluster(following):
    watch, following_next, _ = following
    about_pod = {"kind": "Pod", "uid": "Pod-c3-head", "name": "c3-head"}
    about_cluster = {"kind": "RayCluster", "uid": "RayCluster-c4", "name": "c4"}
    watch.add(watch.clusters, an_object("RayCluster", "c1"))
    watch.add(watch.pods, an_object("Pod", "c2-w", labels={"ray.io/cluster": "c2"}))
    watch.add(watch.events, {**an_object("Event", "e1"), "involvedObject": about_pod})
    watch.add(watch.events, {**an_object("Event", "e2"), "involvedObject": about_cluster})
    owner = {"kind": "RayCluster", "name": "c5", "uid": "RayCluster-c5"}
    watch.add(watch.workloads, an_object("Workload", "w", ownerReferences=[owner]))

    changed = await following_next()

    assert sorted(changed) == ["c1", "c2", "c3", "c4", "c5"]
    assert len(changed["c2"].pods) == 2
    assert [event["metadata"]["name"] for event in changed["c3"].events] == ["e1"]
    assert changed["c5"].workload["metadata"]["name"] == "w"


async def test_the_end_of_a_pod_that_was_replaced_is_told_of_its_cluster(following):
    """Its name alone tells whose it was; that of a pod which is there is its own cluster's."""
    watch, following_next, _ = following

    def ended(name: str, uid: str) -> dict:
        about = {"kind": "Pod", "name": name, "uid": uid}
        return {**an_object("Event", uid), "reason": "Evicted", "involvedObject": about}

    other = an_object("Pod", "c6-head-abcde", labels={"ray.io/cluster": "c7"})
    watch.add(watch.pods, other)
    watch.add(watch.events, ended("c6-head-12345", "gone"))
    watch.add(watch.events, ended("c6-head-abcde", other["metadata"]["uid"]))
    watch.add(watch.clusters, an_object("RayCluster", "c6"))

    changed = await following_next()

    told = {name: [e["metadata"]["name"] for e in changed[name].events] for name in ("c6", "c7")}
    assert told == {"c6": ["gone"], "c7": ["Pod-c6-head-abcde"]}


async def test_one_that_is_gone_is_none(following):
    watch, following_next, _ = following
    watch.remove(watch.clusters, "RayCluster-c7")

    assert await following_next() == {"c7": None}


async def test_events_about_what_is_no_cluster_are_passed_over(following, monkeypatch):
    watch, following_next, _ = following
    job = {"kind": "RayJob", "uid": "x", "name": "nobody"}
    watch.add(watch.events, {**an_object("Event", "e"), "involvedObject": job})

    assert await following_next() == {}


async def test_what_is_not_settled_is_looked_at_again(following, monkeypatch):
    monkeypatch.setattr(namespace_changes, "_CALM_S", 0.05)
    _watch, following_next, changes = following
    changes.note("c9", is_settled=False)
    await following_next()
    assert list(await following_next()) == ["c9"]
    changes.note("c9", is_settled=True)
    assert await following_next() == {}


async def test_trouble_ends_it(following):
    watch, following_next, _ = following
    watch.clusters.trouble = GatewayUnavailableError("It is away.", system="K", operation="watch")
    for hear in watch.hearers:
        hear(None)

    with pytest.raises(GatewayUnavailableError):
        await following_next()
