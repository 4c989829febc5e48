"""Whether a head is reached is told while its workers come, and keeps nobody from going on."""

from __future__ import annotations

import asyncio

import pytest

from rayspace.errors import AccessError, GatewayUnavailableError
from rayspace.model.progress import silent
from rayspace.services.reaching import reaching
from tests.factories import a_cluster
from tests.unit.services.test_clusters import Clock

_AWAY = GatewayUnavailableError("It does not answer.", system="Ray", operation="reach it")
_REFUSED = AccessError("You may not.", hint="Ask.")


class Head:
    """A head that answers in turn; the last answer stays."""

    def __init__(self, *answers) -> None:
        self.answers = list(answers)
        self.n_asked = 0

    async def version(self, _address):
        self.n_asked += 1
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return {"ray_version": answer}


async def told(head: Head, namespace: str = "team-a") -> list[tuple[str, str]]:
    """Return what is told of a way to a head."""
    stages = []
    state = a_cluster(namespace=namespace)
    async with reaching(head, state, Clock(), stages.append):
        pass
    assert {stage.key for stage in stages} <= {"reachable"}
    return [(stage.text, stage.state) for stage in stages]


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        (["2.60.0"], ("Ray 2.60.0 answers", "done")),
        # What leads to it learns of it a moment later.
        ([_AWAY, _AWAY, "2.60.0"], ("Ray 2.60.0 answers", "done")),
        ([_REFUSED], ("Its head is not reached from here: You may not. Ask.", "note")),
        ([_AWAY], ("Its head is not reached from here: It does not answer.", "note")),
    ],
)
async def test_what_was_found_is_told(answers, expected) -> None:
    """Once."""
    assert await told(Head(*answers)) == [expected]


async def test_of_this_machine_it_is_known() -> None:
    """Whose head is not ready before it answers."""
    head = Head("2.60.0")
    assert await told(head, namespace="") == []
    assert head.n_asked == 0


async def test_who_stops_waiting_stops_looking() -> None:
    """Ctrl-C, or workers that never come."""
    begun, state = asyncio.Event(), a_cluster(namespace="team-a")

    class Slow(Head):
        async def version(self, address):
            begun.set()
            await asyncio.Event().wait()

    async def leave() -> None:
        async with reaching(Slow(""), state, Clock(), silent):
            await begun.wait()
            raise RuntimeError("enough")

    before = asyncio.all_tasks()
    with pytest.raises(RuntimeError, match="enough"):
        await leave()
    await asyncio.sleep(0)
    assert asyncio.all_tasks() == before
