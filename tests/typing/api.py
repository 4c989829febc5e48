"""The public names as people use them: read by the type checker, never run.

A line with an ignored error is a wrong call that has to be one: an ignore too many is an error too.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, assert_type

import rayspace
from rayspace.services.ending import DownResult
from rayspace.services.results import ResultPaths


def clusters() -> None:
    """Clusters keep names and types of their options, without waiting for them."""
    state = rayspace.clusters.up(
        "laptop", name="a", workers=2, cpus=0.5, memory="2GiB", env={"A": "1"}, wait=False
    )
    assert_type(state, rayspace.ClusterState)
    assert_type(state.phase, rayspace.ClusterPhase)
    assert_type(rayspace.clusters.list(), list[rayspace.ClusterState])
    assert_type(rayspace.clusters.status("a"), rayspace.ClusterState)
    assert_type(rayspace.clusters.nodes(), list[rayspace.Node])
    assert_type(rayspace.clusters.profiles(), list[rayspace.Profile])
    assert_type(rayspace.clusters.scale("a", workers=3), rayspace.ClusterState)
    assert_type(rayspace.clusters.down(dry_run=True), DownResult)
    assert_type(rayspace.clusters.logs("a", follow=True), Iterator[str])

    rayspace.clusters.up(workers="2")  # type: ignore[arg-type]
    rayspace.clusters.up(worker=2)  # type: ignore[call-arg]
    rayspace.clusters.up(ready="min")
    rayspace.clusters.up(ready="most")  # type: ignore[arg-type]
    rayspace.clusters.scale("a")  # type: ignore[call-arg]
    rayspace.clusters.status(1)  # type: ignore[arg-type]


def jobs() -> None:
    """Jobs too."""
    job = rayspace.jobs.submit("train.ipynb", {"lr": 0.1}, cluster="a", deadline_s=60, wait=True)
    assert_type(job, rayspace.JobState)
    assert_type(job.phase, rayspace.JobPhase)
    assert_type(rayspace.jobs.list(limit=5), list[rayspace.JobState])
    assert_type(rayspace.jobs.status(job.name), rayspace.JobState)
    assert_type(rayspace.jobs.wait(timeout_s=10), rayspace.JobState)
    assert_type(rayspace.jobs.fetch(job.name), ResultPaths)
    assert_type(rayspace.jobs.stop(), rayspace.JobState)
    assert_type(rayspace.jobs.retry(job.name, wait=True), rayspace.JobState)
    assert_type(rayspace.jobs.logs(), Iterator[str])

    rayspace.jobs.submit()  # type: ignore[call-arg]
    rayspace.jobs.submit("train.ipynb", deadline=60)  # type: ignore[call-arg]
    rayspace.jobs.list(5)  # type: ignore[call-arg]


async def coroutines() -> None:
    """The asynchronous face has the same names, to be awaited."""
    state = await rayspace.aio.clusters.up("laptop", workers=1)
    assert_type(state, rayspace.ClusterState)
    assert_type(await rayspace.aio.clusters.list(), list[rayspace.ClusterState])
    assert_type(await rayspace.aio.jobs.submit("train.ipynb"), rayspace.JobState)
    async for line in rayspace.aio.clusters.logs():
        assert_type(line, str)


def show(stage: rayspace.Stage) -> None:
    """Whoever watches is told stages."""
    assert_type(stage.text, str)
    rayspace.clusters.up(report=show)
    rayspace.jobs.stop(report=show)


def errors() -> str:
    """An error has words for people and values for programs."""
    try:
        rayspace.clusters.status()
    except rayspace.errors.ClusterNotFoundError as exc:
        assert_type(exc.hint, str)
        assert_type(exc.details, dict[str, Any])
    except rayspace.RayspaceError as exc:
        assert_type(exc.exit_code, int)
        return exc.code
    return ""
