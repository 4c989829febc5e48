"""What is told of a cluster that is waited for: what `why` says of it, for few requests."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import pytest

from rayspace.core.diagnosis.diagnose import diagnose, is_half_known
from rayspace.errors import ClusterStartError, GatewayTimeoutError, GatewayUnavailableError
from rayspace.gateways.memory.clusters import MemoryWorld
from rayspace.gateways.memory.namespace import MemoryNamespaceGateway
from rayspace.model.cluster import ClusterPhase, ClusterSpec
from rayspace.model.problem import Owner, Problem
from rayspace.model.progress import silent
from rayspace.services.readiness import wait_ready, wait_workers
from tests.unit.core.diagnosis.snapshots import golden, golden_names
from tests.unit.services.test_clusters import Clock

if TYPE_CHECKING:
    from collections.abc import Callable

NO_ROOM = Problem(
    "unschedulable_gpu", "The head can't be placed yet.", "Wait.", Owner.YOU, is_about_head=True
)
TOO_LARGE = dataclasses.replace(
    NO_ROOM, summary="The head can't be placed: the largest node has 4.", hint="Ask for less.",
    is_final=True,
)  # fmt: skip
CRASH = Problem("crash_loop", "The worker ended.", "Read.", Owner.YOU, groups=("workers",))
MISMATCH = dataclasses.replace(
    CRASH, code="version_mismatch", summary="The worker has another Ray.", is_final=True
)
NO_IMAGE = dataclasses.replace(TOO_LARGE, code="image_not_found", summary="There is no image.")


class Waiting:
    """A cluster that is waited for, and what happens to it, by the time. [s]"""

    def __init__(self, *, n_workers: int = 0) -> None:
        self.world, self.clock = MemoryWorld(), Clock()
        self.gateway = MemoryNamespaceGateway(self.world, clock=self.clock)
        self.spec = ClusterSpec("c", "p", n_workers=n_workers)
        self.told: list[str] = []
        self.plan: list[tuple[float, Callable[[], None]]] = []
        self.clock.then = self.happen

    def at(self, moment_s: float, act) -> None:
        self.plan.append((moment_s, act))

    def happen(self) -> None:
        due = [item for item in self.plan if item[0] <= self.clock.elapsed_s]
        for item in due:
            self.plan.remove(item)
            item[1]()

    def watched(self, *problems: Problem) -> None:
        self.gateway.problems["c"] = problems

    def read(self, *problems: Problem) -> None:
        self.gateway.causes["c"] = problems

    async def wait(self, timeout_s: float = 100.0, *, workers: bool = False):
        self.world.starts_ready = workers
        state = await self.gateway.create(self.spec, silent)
        if workers:
            self.world.lose_worker("c")
            state = await self.gateway.get("c")
        wait = wait_workers if workers else wait_ready
        report = self.told.append
        return await wait(
            self.gateway, state, self.clock, timeout_s, lambda stage: report(stage.text)
        )


@pytest.fixture
def waiting() -> Waiting:
    return Waiting()


async def test_a_start_that_is_well_costs_nothing_more(waiting) -> None:
    """For two seconds no node takes the head, which nobody needs to know."""
    waiting.watched(NO_ROOM)
    waiting.at(2.0, waiting.watched)
    waiting.at(30.0, lambda: waiting.world.make_ready("c"))
    assert (await waiting.wait()).phase is ClusterPhase.READY
    assert waiting.gateway.n_explained == 0
    assert NO_ROOM.summary not in waiting.told


async def test_what_no_node_could_hold_ends_the_waiting_at_once(waiting) -> None:
    """Though the watch sees no nodes, and so only that no node takes it yet."""
    waiting.watched(NO_ROOM)
    waiting.read(TOO_LARGE)
    with pytest.raises(ClusterStartError, match="the largest node has 4") as caught:
        await waiting.wait()
    assert caught.value.hint == "Ask for less."
    assert caught.value.details["problems"][0]["is_final"]
    assert waiting.clock.elapsed_s < 5
    assert waiting.gateway.n_explained == 1


async def test_what_becomes_final_later_is_seen_soon(waiting) -> None:
    """The scheduler gets its time; meanwhile the same words are told once."""
    open_yet = dataclasses.replace(TOO_LARGE, is_final=False)
    waiting.watched(NO_ROOM)
    waiting.read(open_yet)
    waiting.at(30.0, lambda: waiting.read(TOO_LARGE))
    with pytest.raises(ClusterStartError):
        await waiting.wait()
    assert waiting.told == [TOO_LARGE.summary]
    assert 30 < waiting.clock.elapsed_s < 35
    assert waiting.gateway.n_explained == 3


async def test_what_a_watch_tells_whole_is_not_read_again(waiting) -> None:
    """An image that is nowhere ends the waiting as it is."""
    waiting.watched(NO_IMAGE)
    with pytest.raises(ClusterStartError, match="There is no image"):
        await waiting.wait()
    assert waiting.gateway.n_explained == 0


async def test_the_words_of_who_waited_in_vain_are_those_of_why(waiting) -> None:
    """Read once more at the end, also where the watch knows of no problem."""
    waiting.watched()
    waiting.read(dataclasses.replace(NO_ROOM, code="node_lost", summary="A node is gone."))
    with pytest.raises(GatewayTimeoutError, match="A node is gone"):
        await waiting.wait(timeout_s=2.0)
    assert waiting.gateway.n_explained == 1


async def test_a_silent_start_is_looked_at_after_a_minute(waiting) -> None:
    """Pods on a lost node have no problem of their own."""
    waiting.read(dataclasses.replace(NO_ROOM, code="node_lost", summary="A node is gone."))
    waiting.at(100.0, lambda: waiting.world.make_ready("c"))
    await waiting.wait(timeout_s=200.0)
    assert "A node is gone." in waiting.told
    assert waiting.gateway.n_explained == 1


async def test_workers_are_told_of_by_their_cause(waiting) -> None:
    """Their log names it: another Ray, which no start mends."""
    waiting = Waiting(n_workers=2)
    waiting.watched(CRASH)
    waiting.read(MISMATCH)
    with pytest.raises(ClusterStartError, match="has another Ray"):
        await waiting.wait(workers=True)
    assert not any(CRASH.summary in text for text in waiting.told)
    assert waiting.gateway.n_explained == 1


async def test_a_problem_that_comes_and_goes_is_not_read_each_time(waiting) -> None:
    """Between two crashes a container runs."""
    for second in range(0, 60, 5):
        waiting.at(second, lambda: waiting.watched(dataclasses.replace(CRASH, groups=())))
        waiting.at(second + 4, waiting.watched)
    waiting.at(60.0, lambda: waiting.world.make_ready("c"))
    await waiting.wait()
    assert waiting.gateway.n_explained <= 4


async def test_where_nothing_can_be_read_the_watch_s_words_are_told(waiting, monkeypatch) -> None:
    """And the waiting goes on."""

    async def away(name: str):
        raise GatewayUnavailableError("It is away.", system="Kubernetes", operation="read")

    monkeypatch.setattr(waiting.gateway, "explain", away)
    waiting.watched(NO_ROOM)
    waiting.at(10.0, lambda: waiting.world.make_ready("c"))
    await waiting.wait()
    assert NO_ROOM.summary in waiting.told


async def test_a_watch_that_is_in_trouble_is_told_of(waiting, monkeypatch) -> None:
    """What was read before may be old as well."""
    waiting.watched(NO_ROOM)
    changes = waiting.gateway.changes

    async def troubled(name: str):
        async for state in changes(name):
            is_troubled = waiting.clock.elapsed_s > 10
            yield dataclasses.replace(state, reason="It is away.") if is_troubled else state

    monkeypatch.setattr(waiting.gateway, "changes", troubled)
    waiting.at(20.0, lambda: waiting.world.make_ready("c"))
    await waiting.wait()
    assert waiting.told[:2] == [NO_ROOM.summary, "It is away."]


@pytest.mark.parametrize("name", golden_names())
def test_what_a_watch_sees_half_is_known_to_be_half(name: str) -> None:
    """Of what it calls whole, all that is read says the same."""
    whole = golden(name)[0]
    seen = dataclasses.replace(
        whole, nodes=None, quotas=None, limit_ranges=None, claims=None, logs={}
    )
    found = {p.code: p for p in diagnose(whole)}
    for problem in diagnose(seen):
        if not is_half_known(problem):
            assert (found[problem.code].summary, found[problem.code].is_final) == (
                problem.summary,
                problem.is_final,
            )
