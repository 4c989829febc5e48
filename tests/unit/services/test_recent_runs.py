"""The latest runs as tabs are told of them: what has ended is read once, and looks are shared."""

from __future__ import annotations

import asyncio

import pytest

from rayspace.errors import GatewayUnavailableError
from rayspace.gateways.memory.runs import MemoryRunGateway
from rayspace.model.run import RunStatus
from rayspace.services import recent_runs
from rayspace.services.recent_runs import RecentRuns
from tests.unit.services.test_jobs import HandClock


class Counted(MemoryRunGateway):
    """A tracking server that counts what it is asked."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[str] = []

    def latest(self, *, experiment: str | None = None, limit: int = 5):
        self.asked.append("latest")
        return super().latest(experiment=experiment, limit=limit)

    def history(self, run_id: str, key: str):
        self.asked.append(key)
        return super().history(run_id, key)

    def made(self, name: str, status: RunStatus) -> str:
        run = self.create(experiment="e", name=name, tags={}, params={})
        self.update(run.run_id, metrics=[(f"loss of {name}", 0.5, 1, 1)])
        self.set_status(run.run_id, status)
        return run.run_id


@pytest.fixture
def runs() -> Counted:
    """Have a run that goes on, and one that has ended."""
    made = Counted()
    made.made("new", RunStatus.RUNNING)
    made.made("old", RunStatus.FINISHED)
    return made


async def test_a_run_that_has_ended_is_read_once(runs) -> None:
    """One that goes on is read at each look, and so is what somebody goes on with."""
    clock = HandClock()
    recent = RecentRuns(clock)
    first = await recent.find(runs, "uri", experiment=None, limit=5)
    assert sorted(runs.asked) == ["latest", "loss of new", "loss of old"]
    runs.asked.clear()
    await clock.sleep(10)
    assert await recent.find(runs, "uri", experiment=None, limit=5) == first
    assert runs.asked == ["latest", "loss of new"]
    old = next(item.record for item in first if item.record.name == "old")
    runs.update(old.run_id, metrics=[("loss of old", 0.25, 2, 2)])
    runs.asked.clear()
    await clock.sleep(10)
    again = await recent.find(runs, "uri", experiment=None, limit=5)
    (curve,) = next(item.metrics for item in again if item.record.name == "old")
    assert (curve.value, len(curve.points)) == (0.25, 2)


async def test_tabs_share_a_look(runs) -> None:
    """Each that asks at the same time, or some seconds later, and only for the same."""
    clock = HandClock()
    recent = RecentRuns(clock)

    async def asks(uri: str = "uri", limit: int = 5):
        return await recent.find(runs, uri, experiment=None, limit=limit)

    one, two = await asyncio.gather(asks(), asks())
    await clock.sleep(4)
    assert one == two == await asks()
    assert runs.asked.count("latest") == 1
    await asks(limit=1)
    await asks("another")
    assert runs.asked.count("latest") == 3
    await clock.sleep(1)
    await asks()
    assert runs.asked.count("latest") == 4


async def test_a_look_that_fails_is_not_shared(runs) -> None:
    """The next one asks again."""
    recent = RecentRuns(HandClock())
    runs.is_away = True
    with pytest.raises(GatewayUnavailableError):
        await recent.find(runs, "uri", experiment=None, limit=5)
    runs.is_away = False
    assert len(await recent.find(runs, "uri", experiment=None, limit=5)) == 2


async def test_what_is_kept_has_a_bound(runs, monkeypatch) -> None:
    """The oldest goes first."""
    monkeypatch.setattr(recent_runs, "_CURVES", 2)
    clock = HandClock()
    recent = RecentRuns(clock)
    for name in "abc":
        runs.made(name, RunStatus.FINISHED)
    for _ in range(2):
        assert len(await recent.find(runs, "uri", experiment=None, limit=9)) == 5
        assert len(recent._ended) == 2
        await clock.sleep(10)
