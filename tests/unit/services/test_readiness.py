"""What a start waits for: the head, the workers that are promised, or all of them."""

from __future__ import annotations

import dataclasses

import pytest

from rayspace.errors import ClusterStartError, GatewayTimeoutError, PhaseError, UsageError
from rayspace.grammar import cluster_parser, verb_parsers
from rayspace.model.cluster import ClusterPhase, ClusterSpec, WorkerGroup
from rayspace.model.problem import Owner, Problem
from rayspace.model.profile import GroupSpec, NodeResources
from rayspace.services.readiness import check_ready, wait_ready, wait_workers
from tests.factories import a_cluster
from tests.unit.services.test_clusters import Clock

#: From one to four of the first group, and two of the second.
SPEC = ClusterSpec(
    "c",
    "p",
    n_workers=1,
    max_workers=4,
    more_groups=(GroupSpec("train", 2, NodeResources()),),
)
NO_ROOM = Problem("unschedulable_cpu", "No node is large enough.", "Ask for less.", Owner.YOU)


def a_state(n_workers: int, n_train: int, *, n_wanted: int = 3, problems=()):
    """Return the cluster with so many workers ready; more are wanted by now than are promised."""
    groups = (
        WorkerGroup("workers", n_wanted, n_workers, n_workers),
        WorkerGroup("train", 2, n_train, n_train),
    )
    return a_cluster(name="c", spec=SPEC, groups=groups, namespace="team-a", problems=problems)


def a_local_state(n_running: int, n_joined: int, reason: str = ""):
    """Return a cluster of this machine with so many of its two workers."""
    groups = (WorkerGroup("workers", 2, n_running, n_joined),)
    return a_cluster(name="c", groups=groups, reason=reason)


class Changes:
    """A cluster that goes through states, a second each."""

    def __init__(self, *states) -> None:
        self.states = states
        self.clock = Clock()
        self.told: list[str] = []
        self.scaled: list[int] = []
        self.created: list[str] = []

    async def create(self, spec: ClusterSpec, report) -> None:
        self.created.append(spec.name)

    async def scale(self, name: str, n_workers: int, report) -> None:
        self.scaled.append(n_workers)

    async def explain(self, name: str):
        return self.seen

    async def changes(self, name: str):
        for state in self.states:
            self.seen = state
            yield state
            await self.clock.sleep(1.0)
        while True:
            yield self.states[-1]
            await self.clock.sleep(1.0)

    async def wait_head(self):
        return await wait_ready(
            self, self.states[0], self.clock, 60.0, lambda stage: self.told.append(stage.text)
        )

    async def wait(self, *, fewest: bool):
        state = await wait_workers(
            self,
            self.states[0],
            self.clock,
            10.0,
            lambda stage: self.told.append(stage.text),
            fewest=fewest,
        )
        return [group.n_observed for group in state.groups]


async def test_one_that_was_replaced_is_not_taken_for_the_one_that_is_waited_for() -> None:
    """A watch that others share may tell of it a moment longer."""
    old = a_cluster(name="c", uid="old", started_ms=1000, phase=ClusterPhase.ENDING)
    new = a_cluster(name="c", uid="new", started_ms=9000, phase=ClusterPhase.STARTING)
    up = dataclasses.replace(new, phase=ClusterPhase.READY)
    assert (await Changes(new, old, up).wait_head()).uid == "new"
    begun = dataclasses.replace(old, phase=ClusterPhase.STARTING)
    with pytest.raises(PhaseError):
        await Changes(begun, old).wait_head()
    # Made anew by somebody else meanwhile.
    assert (await Changes(begun, up).wait_head()).uid == "new"


STATES = [a_state(0, 0), a_state(3, 0), a_state(0, 2), a_state(1, 2), a_state(3, 2)]


async def test_the_promised_workers_of_each_group_will_do() -> None:
    """Three of one group make up for none of the other; what grows by need is not waited for."""
    cluster = Changes(*STATES)
    assert await cluster.wait(fewest=True) == [1, 2]
    assert cluster.told[:2] == ["Workers 0 of the 3 promised", "Workers 1 of the 3 promised"]
    assert cluster.told[-1] == "Workers 3 of the 3 promised"
    assert await Changes(*STATES).wait(fewest=False) == [3, 2]


async def test_no_more_is_waited_for_than_is_wanted() -> None:
    """Somebody scaled the first group to none meanwhile."""
    assert await Changes(a_state(0, 2, n_wanted=0)).wait(fewest=True) == [0, 2]


async def test_what_keeps_a_group_from_growing_is_no_matter_where_it_need_not() -> None:
    """A fourth worker that no node holds ends the waiting for all, and not for the fewest."""
    full = dataclasses.replace(NO_ROOM, is_final=True, groups=("workers",))
    states = [a_state(1, 1, problems=(full,)), a_state(1, 2, problems=(full,))]
    assert await Changes(*states).wait(fewest=True) == [1, 2]
    with pytest.raises(ClusterStartError, match="No node is large enough"):
        await Changes(*states).wait(fewest=False)
    short = dataclasses.replace(full, groups=("train",))
    with pytest.raises(ClusterStartError, match="No node is large enough"):
        await Changes(a_state(1, 1, problems=(short,))).wait(fewest=True)


async def test_too_late_says_how_many_of_the_promised_are_there() -> None:
    """And where to look."""
    with pytest.raises(GatewayTimeoutError, match="2 of the 3 promised workers") as caught:
        await Changes(a_state(1, 1)).wait(fewest=True)
    assert caught.value.hint == "See why with: rayspace cluster why c --on local"


async def test_a_worker_of_this_machine_that_ends_as_it_joins_is_started_again() -> None:
    """A busy machine takes longer than Ray gives it; a worker that always ends is told."""
    lost = a_local_state(1, 1, "The worker process 7 is gone.")
    cluster = Changes(a_local_state(2, 1), lost, a_local_state(2, 1), a_local_state(2, 2))
    assert await cluster.wait(fewest=False) == [2]
    assert cluster.scaled == [2]
    assert "The worker process 7 is gone. It is started again" in cluster.told
    always = Changes(a_local_state(2, 1), lost)
    with pytest.raises(ClusterStartError, match=r"1 of 2 workers .* The worker process 7 is gone"):
        await always.wait(fewest=False)
    assert always.scaled == [2, 2]


async def test_a_head_of_this_machine_that_gave_up_is_started_again() -> None:
    """Ray gives it a fixed time; one that always gives up is told, one that fails otherwise too."""
    starting = a_cluster(name="c", phase=ClusterPhase.STARTING)
    slow = a_cluster(
        name="c",
        phase=ClusterPhase.LOST,
        reason="Its head process 7 is gone. Its last words: The current node timed out during"
        " startup.",
    )
    cluster = Changes(starting, slow, starting, a_cluster(name="c"))
    assert (await cluster.wait_head()).phase is ClusterPhase.READY
    assert cluster.created == [starting.spec.name]
    assert any("It is started again" in text for text in cluster.told)
    always = Changes(starting, slow)
    with pytest.raises(ClusterStartError, match="timed out during startup"):
        await always.wait_head()
    assert len(always.created) == 2
    broken = dataclasses.replace(slow, reason="Its head process 7 is gone.")
    failing = Changes(starting, broken)
    with pytest.raises(ClusterStartError, match="is gone"):
        await failing.wait_head()
    assert failing.created == []


def test_what_can_be_waited_for_is_the_same_in_all_doors() -> None:
    """Words of a line, and of Python."""
    actions = verb_parsers(cluster_parser(""))["up"]._actions
    (choices,) = (action.choices for action in actions if action.dest == "ready")
    for ready in choices:
        check_ready(ready)
    with pytest.raises(UsageError, match="'most'") as caught:
        check_ready("most")
    assert caught.value.hint == f"Give ready one of {', '.join(choices)}."
