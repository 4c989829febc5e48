"""The promises of `JobGateway`, for whoever makes one: the twin, and the real Kubernetes."""

from __future__ import annotations

import asyncio
import dataclasses
import time
from typing import TYPE_CHECKING

import pytest

from rayspace.errors import ClusterNotFoundError, ConflictError, JobNotFoundError, NotFoundError
from rayspace.model.cluster import ClusterSpec
from rayspace.model.profile import NodeResources
from rayspace.model.ray_job import Launch, RayJobStage
from tests.waiting import SLOW_S

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from rayspace.gateways.contracts import JobGateway

#: Before KubeRay has submitted anything.
_EARLY = {RayJobStage.NEW, RayJobStage.INITIALIZING, RayJobStage.WAITING}


def launch(name: str) -> Launch:
    """Return what starts a job of one small pod."""
    part = NodeResources(cpus=0.2, memory_bytes=2**30)
    spec = ClusterSpec(name=name, profile="tiny", head=part, worker=part)
    return Launch(spec, f"run-of-{name}", {"RAYSPACE_RUN_ID": f"run-of-{name}"})


async def until(what: str, holds: Callable[[], Awaitable[bool]]) -> None:
    """Wait until something holds."""
    deadline_s = time.monotonic() + SLOW_S
    while not await holds():
        assert time.monotonic() < deadline_s, what
        await asyncio.sleep(0.2)


class JobPromises:
    """Tests of one gateway, which a fixture ``gateway`` makes; ``archive`` is a file."""

    @pytest.fixture
    def archive(self, tmp_path: Path) -> Path:
        """Have a file that stands for the runner."""
        path = tmp_path / "runner.zip"
        path.write_bytes(b"a program")
        return path

    async def test_what_is_not_there_is_not_found(self, gateway: JobGateway) -> None:
        """To delete it is no error: it is gone."""
        with pytest.raises(JobNotFoundError, match="nothing"):
            await gateway.get("nothing")
        with pytest.raises(NotFoundError):
            await gateway.end_when_stopped("nothing")
        await gateway.delete("nothing")
        assert await gateway.pod_logs("nothing") == {}

    async def test_a_preview_changes_nothing(self, gateway: JobGateway) -> None:
        """It shows the object."""
        shown = await gateway.preview(launch("shown"))
        assert (shown["kind"], shown["metadata"]["name"]) == ("RayJob", "shown")
        with pytest.raises(JobNotFoundError):
            await gateway.get("shown")

    async def test_a_job_from_its_start_to_its_end(
        self, gateway: JobGateway, archive: Path
    ) -> None:
        """It is observed, told of, not taken by another of its name, and taken away."""
        made = await gateway.create(launch("one"), archive)
        assert (made.name, made.run_id, made.is_ending) == ("one", "run-of-one", False)
        assert made.uid
        found = await gateway.get("one")
        assert found.uid == made.uid
        assert found.stage in _EARLY
        silent = await gateway.get("one", explain=False)
        assert (silent.waits_for, silent.is_hopeless) == ("", False)
        # Named before it is made, or waiting for its place in a queue.
        for name in ("nowhere", ""):
            with pytest.raises(ClusterNotFoundError):
                await gateway.cluster(dataclasses.replace(found, cluster=name))
        # Before anything runs nothing ends by it.
        await gateway.end_when_stopped("one")
        assert (await gateway.get("one")).uid == made.uid
        other = dataclasses.replace(launch("one"), run_id="another")
        with pytest.raises(ConflictError, match="one"):
            await gateway.create(other, archive)
        assert (await gateway.get("one")).run_id == "run-of-one"

        async def is_told() -> bool:
            return "RayJob/one" in await gateway.events("one")

        await until("an event of it", is_told)
        await gateway.delete("one")

        async def is_gone() -> bool:
            try:
                return (await gateway.get("one", explain=False)).is_ending
            except JobNotFoundError:
                return True

        await until("it goes", is_gone)
