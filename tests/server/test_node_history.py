"""What the panel is told of nodes over time, and of GPUs that idle."""

from __future__ import annotations

from rayspace.gateways.system_clock import SystemClock
from rayspace.loop import run
from rayspace.model.cluster import GpuSample
from rayspace.model.wire import to_wire
from rayspace.server.node_watch import NodeHistories, NodeWatch, may_idle
from tests.factories import a_cluster

IDLE = GpuSample(0, "NVIDIA H200", 0.0, 0, 2**36, 90.0, 31.0, "gpu_0", 1)


class SetClock(SystemClock):
    """Goes as a test says."""

    now_s = 1000.0

    def monotonic_s(self) -> float:
        """Return what the test says. [s]"""
        return self.now_s


async def test_an_open_cluster_tells_how_its_nodes_went(twin):
    """Each answer holds the looks before it, with one course for each node and GPU."""
    twin.make("a", n_workers=1)
    twin.worlds["local"].clusters["a"].gpu_samples = (IDLE,)
    clock = SetClock()
    twin.workspace.histories = NodeHistories(clock)

    await twin.get("/rayspace/clusters/local/a")
    clock.now_s += 30
    detail = await twin.get("/rayspace/clusters/local/a")

    head, worker = detail["courses"]
    assert [head["node_id"], worker["node_id"]] == [n["node_id"] for n in detail["nodes"]]
    assert (head["span_s"], head["cpu_fractions"]) == (30.0, [0.5, 0.5])
    assert head["gpus"] == [{"key": "gpu_0", "busy_fractions": [0.0, 0.0], "idle_s": 30.0}]


async def test_clusters_with_gpus_are_looked_at_while_nobody_has_them_open(twin):
    """The time in which a panel was hidden counts, so that the warning is there at once."""
    twin.make("a")
    twin.worlds["local"].clusters["a"].gpu_samples = (IDLE,)
    clock = SetClock()
    workspace = twin.workspace
    workspace.histories = NodeHistories(clock)
    watch = NodeWatch(workspace.apps, workspace.hub, workspace.histories)
    await twin.get("/rayspace/clusters")
    app = workspace.apps.of("")
    workspace.hub.cluster(to_wire(run(app.clusters.status("a"))))

    for _ in range(60):
        run(watch.look())
        clock.now_s += 30
    detail = await twin.get("/rayspace/clusters/local/a")

    assert detail["courses"][0]["gpus"][0]["idle_s"] == 1800.0


async def test_a_cluster_that_does_not_answer_is_passed_over(twin):
    """One head that is gone does not keep the others from being looked at."""
    for name in ("a", "b"):
        twin.make(name)
        twin.worlds["local"].clusters[name].gpu_samples = (IDLE,)
    workspace = twin.workspace
    clock = SetClock()
    workspace.histories = NodeHistories(clock)
    app = workspace.apps.of("")
    for name in ("a", "b"):
        workspace.hub.cluster(to_wire(run(app.clusters.status(name))))
    twin.worlds["local"].lose("a")

    watch = NodeWatch(workspace.apps, workspace.hub, workspace.histories)
    run(watch.look())
    clock.now_s += 60
    detail = await twin.get("/rayspace/clusters/local/b")

    assert detail["courses"][0]["gpus"][0]["idle_s"] == 60.0


async def test_hundreds_of_clusters_take_turns(twin):
    """No look asks more heads than there is time for, and each has its turn."""
    workspace = twin.workspace
    state = to_wire(a_cluster())
    names = [f"c{number:03}" for number in range(130)]
    for name in names:
        workspace.hub.cluster({**state, "name": name, "uid": name})
    watch = NodeWatch(workspace.apps, workspace.hub, workspace.histories)
    looked = []

    async def note(target: str, name: str) -> None:
        looked.append(name)

    watch._look_at = note
    rounds = []
    for _ in range(3):
        await watch.look()
        rounds.append(len(looked))

    assert rounds == [64, 128, 192]
    assert set(looked) == set(names)


def test_only_what_one_could_free_is_looked_at():
    """Not what is gone, not what is somebody else's, not what has no GPUs as it was asked for."""
    here = to_wire(a_cluster())
    far = {**here, "target": "team-a"}
    with_gpus = {**far, "spec": {**far["spec"], "worker": {**far["spec"]["worker"], "gpus": 1}}}

    assert may_idle(here)
    assert not may_idle(far)
    assert may_idle(with_gpus)
    assert not may_idle({**with_gpus, "phase": "suspended"})
    assert not may_idle({**with_gpus, "origin": "foreign"})
