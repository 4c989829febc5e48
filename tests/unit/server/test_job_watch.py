"""When jobs are looked at, in a loop whose time flies: to the second, however busy the machine."""

from __future__ import annotations

import asyncio
import contextlib

import pytest

from rayspace.errors import GatewayUnavailableError
from rayspace.model.job import JobPhase
from rayspace.server.apps import Apps
from rayspace.server.hub import Hub
from rayspace.server.job_watch import JobWatch
from tests.factories import a_job

pytestmark = pytest.mark.looptime


class Project:
    """The services of a project whose jobs are in memory, and when somebody looked. [s]"""

    def __init__(self, path) -> None:
        self.project = path
        self.tracking_uri = "http://127.0.0.1:9"
        self.jobs = self
        self.found = [a_job()]
        self.looks_s: list[float] = []
        self.is_away = False

    def targets(self) -> list[str]:
        return ["local"]

    async def list(self, **_):
        self.looks_s.append(asyncio.get_running_loop().time())
        if self.is_away:
            raise GatewayUnavailableError("It is away.", system="MLflow", operation="list")
        return self.found


class Tab:
    """Somebody who listens."""

    def __init__(self, hub: Hub, watch: JobWatch) -> None:
        self._watch = watch
        hub.listen(self, lambda _: None, 0, "")
        self.see(is_visible=True)

    def see(self, *, is_visible: bool) -> None:
        self._watch.see(self, is_visible=is_visible)


@pytest.fixture
def project(tmp_path) -> Project:
    """Have a project with a job that has ended."""
    return Project(tmp_path)


@pytest.fixture
async def hub(project) -> Hub:
    """Have what all tabs are told."""
    return Hub()


@pytest.fixture
async def watch(project, hub):
    """Watch the jobs of the project; nobody listens yet."""
    watch = JobWatch(Apps(project.project, {}, lambda *_: project), hub)
    going = asyncio.create_task(watch.run())
    yield watch
    going.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await going


async def test_what_is_at_rest_is_looked_at_seldom(project, hub, watch) -> None:
    Tab(hub, watch)
    await asyncio.sleep(35)
    assert project.looks_s == pytest.approx([0, 10, 20, 30], abs=1.5)


async def test_what_is_under_way_is_looked_at_often(project, hub, watch) -> None:
    """Also by many tabs together, and as soon as it is at rest no longer so."""
    project.found = [a_job(), a_job(name="new", phase=JobPhase.RUNNING)]
    tabs = [Tab(hub, watch) for _ in range(3)]
    await asyncio.sleep(7)
    assert project.looks_s == pytest.approx([0, 2, 4, 6], abs=0.9)
    assert len(tabs) == hub.n_listeners
    project.found = [a_job()]
    await asyncio.sleep(20)
    assert len(project.looks_s) == 6


async def test_nobody_looks_at_jobs_that_nobody_sees(project, hub, watch) -> None:
    """One tab that is seen is enough; who looks again sees what there is at once."""
    one, two = Tab(hub, watch), Tab(hub, watch)
    one.see(is_visible=False)
    await asyncio.sleep(15)
    assert len(project.looks_s) == 2
    two.see(is_visible=False)
    assert not watch.is_seen
    await asyncio.sleep(3600)
    assert len(project.looks_s) == 2
    one.see(is_visible=True)
    await asyncio.sleep(0.1)
    assert len(project.looks_s) == 3


async def test_what_is_done_here_is_seen_at_once(project, hub, watch) -> None:
    """At most once a second, however much is done."""
    Tab(hub, watch)
    await asyncio.sleep(5)
    for _ in range(25):
        watch.poke()
        await asyncio.sleep(0.1)
    assert project.looks_s == pytest.approx([0, 5, 6, 7], abs=0.5)


async def test_a_database_of_this_machine_tells_of_itself(project, hub, watch) -> None:
    """Then a minute is soon enough for what it can't tell of: a head that was lost."""
    database = project.project / "mlflow.db"
    database.touch()
    project.tracking_uri = f"sqlite:///{database}"
    Tab(hub, watch)
    await asyncio.sleep(50)
    assert len(project.looks_s) == 1
    database.write_text("more")
    await asyncio.sleep(1)
    assert len(project.looks_s) == 2
    await asyncio.sleep(62)
    assert len(project.looks_s) == 3


async def test_jobs_of_a_server_that_is_away_are_still_told(project, hub, watch) -> None:
    Tab(hub, watch)
    await asyncio.sleep(1)
    project.is_away = True
    await asyncio.sleep(20)
    told = hub.snapshot()
    assert [job["name"] for job in told["jobs"]] == ["train-bcdfg"]
    assert [item["problem"]["code"] for item in told["jobs_problems"]] == ["gateway_unavailable"]
