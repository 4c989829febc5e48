"""What was asked of a job, on record and asked again."""

from __future__ import annotations

import json

import pytest

from rayspace.core.jobs.wishes import JobWishes, job_wishes, wishes_again, wishes_on_record


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"workers": 2, "memory": "4GiB", "gpu_type": "L4", "settings": {"spec.x": [1, {"a": 2}]}},
        {"driver_cpus": 1.5, "keep_failed_s": 0.0, "start_deadline_s": 60.0, "queue": "q"},
    ],
)
def test_what_was_asked_is_asked_again(options: dict) -> None:
    """Also when it went through JSON."""
    wishes = job_wishes(options)
    record = json.loads(json.dumps(wishes_on_record(wishes)))
    again = wishes_again(record, None, "small", "team-a")
    assert (again.profile, again.target, again.own) == ("small", "team-a", wishes.own)
    assert (again.driver_cpus, again.keep_failed_s) == (wishes.driver_cpus, wishes.keep_failed_s)
    assert again.start_deadline_s == wishes.start_deadline_s


def test_nothing_asked_is_nothing_on_record() -> None:
    """The order stays short."""
    assert wishes_on_record(JobWishes(cluster="c", retries=2)) == {}


def test_a_running_cluster_stays_as_it_is() -> None:
    """What was asked of the job's own cluster does not count there."""
    record = wishes_on_record(job_wishes({"workers": 2, "driver_gpus": 1.0}))
    again = wishes_again(record, "shared", None, None)
    assert (again.asks_for_own, again.driver_gpus) == (False, 1.0)


def test_what_a_newer_program_wrote_is_left_out() -> None:
    """Only what is known here can be asked."""
    assert wishes_again({"colour": "red", "driver_cpus": 2}, None, None, None).driver_cpus == 2
