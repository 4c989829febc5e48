"""Words that people read: times, what to do next, and what was done."""

from __future__ import annotations

import datetime as dt
import time

import pytest

from rayspace.model.cluster import Activity, ClusterPhase, HeadAddress
from rayspace.model.job import Cause, JobPhase, Progress
from rayspace.present.html import show as html_of
from rayspace.present.times import clock_time
from rayspace.present.words import facts, job_row, short_time, stopped_text
from rayspace.services.ending import DownResult
from tests.factories import a_cluster, a_job


def at(*numbers: int) -> int:
    """Return a local time. [ms since 1970-01-01 UTC]"""
    return round(dt.datetime(*numbers).astimezone().timestamp() * 1000)


@pytest.mark.parametrize(
    ("time_ms", "text"),
    [
        (at(2026, 11, 23, 21, 16), "21:16"),
        (at(2026, 11, 22, 21, 16), "Nov 22 21:16"),
        (at(2025, 11, 23, 21, 16), "2025-11-23"),
        (0, "-"),
    ],
)
def test_a_time_says_no_more_than_is_new(time_ms, text) -> None:
    """The date only where it is not today's, the year where it is another one."""
    assert short_time(time_ms, at(2026, 11, 23, 22, 0)) == text


def test_a_row_is_short() -> None:
    """Cells and time in two small columns."""
    row = job_row(a_job(), time.time_ns() // 1_000_000)
    assert (row["cells"], row["time"]) == ("8/8", "3m20s")


@pytest.mark.parametrize("phase", [JobPhase.FAILED, JobPhase.STOPPED, JobPhase.SUCCEEDED])
def test_an_ended_job_says_how_to_get_its_results(phase) -> None:
    """Until they are here; then it says where."""
    job = a_job(phase=phase, cause=Cause.CELL_ERROR)
    assert "rayspace job fetch train-bcdfg" in dict(facts(job))["results"]
    assert "%ray_job fetch train-bcdfg" in html_of(job)
    assert dict(facts(a_job(phase=phase, results_dir="/r")))["results"] == "/r"


def test_a_job_without_results_promises_none() -> None:
    """One that runs, and one that never began."""
    for job in (
        a_job(phase=JobPhase.RUNNING),
        a_job(phase=JobPhase.FAILED, cause=Cause.NOT_STARTED),
    ):
        assert "results" not in dict(facts(job))


def test_before_the_first_cell_the_kernel_starts() -> None:
    """There is no cell 0."""
    job = a_job(phase=JobPhase.RUNNING, progress=Progress(0, 8, 0, "", 1.0, 0.0))
    assert dict(facts(job))["now"] == "Starting the kernel"


def test_a_shell_is_told_how_to_point_ray_at_a_cluster(monkeypatch) -> None:
    """Nothing in a terminal has set an address: the lines to copy, quoted, without the token."""
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    attach = dict(facts(a_cluster()))["attach"]
    shell, python = attach.splitlines()
    values = "RAY_ADDRESS=127.0.0.1:6379 RAY_AUTH_MODE=token RAY_AUTH_TOKEN_PATH='/state/my token'"
    assert shell == f"export {values}"
    assert python == 'or in Python: rayspace.clusters.use("laptop")'
    open_one = a_cluster(address=HeadAddress("http://h", "127.0.0.1:6379", ""))
    assert "RAY_AUTH_MODE=disabled\n" in dict(facts(open_one))["attach"]


@pytest.mark.parametrize("address", ["127.0.0.1:6379", "ray://127.0.0.1:10001"])
def test_where_ray_is_pointed_at_a_cluster_nothing_is_missing(monkeypatch, address) -> None:
    """As in a notebook after `up` and `use`."""
    monkeypatch.setenv("RAY_ADDRESS", address)
    assert dict(facts(a_cluster()))["attach"] == "ray.init()"


def test_a_notebook_is_told_its_own_way(monkeypatch) -> None:
    """It has no shell to export from."""
    monkeypatch.setenv("RAY_ADDRESS", "127.0.0.1:1")
    page = html_of(a_cluster())
    assert "%ray_cluster use laptop, then ray.init()" in page
    assert "export" not in page


def test_nothing_attaches_to_a_cluster_that_is_gone() -> None:
    """No advice that can't work."""
    assert "attach" not in dict(facts(a_cluster(phase=ClusterPhase.LOST)))


ACTIONS = (
    "stop the job train-bcdfg",
    "end the head process 123 and all that it started",
    "remove /tmp/x (Ray's logs and objects)",
    "forget hers, which somebody else started; Ray goes on",
)


def test_an_idle_cluster_says_since_when_and_until_when() -> None:
    """One that rests already does not say when it will."""
    since_ms, until_ms = at(2026, 11, 23, 9, 5), at(2026, 11, 23, 9, 35)
    seen = Activity(until_ms, (), until_ms, "none", idle_since_ms=since_ms)
    told = f"none since {clock_time(since_ms)}"
    assert dict(facts(a_cluster(activity=seen)))["activity"] == (
        f"{told}; suspends itself at {clock_time(until_ms)} unless it is used"
    )
    rests = a_cluster(activity=seen, phase=ClusterPhase.SUSPENDED)
    assert dict(facts(rests))["activity"] == told


def test_what_would_be_done_and_what_was_done_read_as_such() -> None:
    """The same phrases, in two tenses."""
    ((name, planned),) = facts(DownResult("laptop", ACTIONS, is_dry_run=True))
    ((_, done),) = facts(DownResult("laptop", ACTIONS, is_dry_run=False))
    assert name == "laptop"
    assert planned.splitlines() == [f"Would {action}" for action in ACTIONS]
    assert done.splitlines() == [
        "Stopped the job train-bcdfg",
        "Ended the head process 123 and all that it started",
        "Removed /tmp/x (Ray's logs and objects)",
        "Forgot hers, which somebody else started; Ray goes on",
    ]


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (("job", "logs", "a"), "The job goes on; see it with: rayspace job status a"),
        (("cluster", "logs", ""), "The cluster goes on; see it with: rayspace cluster status"),
        (("job", "list", ""), ""),
    ],
)
def test_who_stops_waiting_is_told_what_goes_on(words, text) -> None:
    """In words for what was waited for; nothing where nothing was started."""
    assert stopped_text(*words) == text
    assert "goes on" in stopped_text("job", "submit", "")
