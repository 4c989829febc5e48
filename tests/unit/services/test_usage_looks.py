"""Looking at a cluster again and again: what fails for a moment is told, and looked at again."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from rayspace.errors import ClusterNotFoundError, GatewayError, GatewayUnavailableError
from rayspace.model.cluster_usage import ClusterUsage
from rayspace.services.usage import UsageLooker

AWAY = GatewayUnavailableError("The head does not answer.", system="Ray", operation="list nodes")
GONE = ClusterNotFoundError("There is no cluster 'train'.", hint="")


class Clusters:
    """Answers or fails as a test says; the last of it again and again."""

    def __init__(self, *answers: Exception | None) -> None:
        self.answers = list(answers)

    async def nodes(self, name: str, *, target: str) -> list:
        assert (name, target) == ("train", "team-a")
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if answer is not None:
            raise answer
        return []


class Clock:
    """Time that goes on by waiting."""

    now_s = 0.0

    async def sleep(self, duration_s: float) -> None:
        self.now_s += duration_s

    def monotonic_s(self) -> float:
        return self.now_s

    def now_ms(self) -> int:
        return int(self.now_s * 1000)


def looks(*answers: Exception | None):
    state = SimpleNamespace(name="train", target="team-a")
    return UsageLooker(Clusters(*answers), state, Clock()).looks(2.0)


async def test_a_look_that_fails_is_told_between_those_that_do_not():
    seen = looks(None, AWAY, AWAY, None)

    kinds = [type(await anext(seen)) for _ in range(4)]

    assert kinds == [ClusterUsage, GatewayUnavailableError, GatewayUnavailableError, ClusterUsage]


@pytest.mark.parametrize("error", [AWAY, GONE])
async def test_a_first_look_that_fails_is_the_end(error):
    with pytest.raises(type(error)):
        await anext(looks(error))


async def test_a_cluster_that_is_gone_is_the_end_at_once():
    seen = looks(None, GONE)
    await anext(seen)

    with pytest.raises(ClusterNotFoundError):
        await anext(seen)


async def test_too_many_failures_in_a_row_are_the_end():
    seen = looks(None, AWAY)
    await anext(seen)

    told = [await anext(seen) for _ in range(30)]
    with pytest.raises(GatewayError):
        await anext(seen)
    assert told == [AWAY] * 30
