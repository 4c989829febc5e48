"""Which of two logs is that of a run."""

from __future__ import annotations

import pytest

from rayspace.core.kube.run_log import of_run

BEFORE = "2026-01-02T04:05:06.000000001+01:00 a b\n2026-01-02T04:05:07.5+01:00 c\n"


@pytest.mark.parametrize(
    ("ended", "before", "log"),
    [
        ({"startedAt": "2026-01-02T03:05:06Z"}, BEFORE, "a b\nc"),
        ({"startedAt": "2026-01-02T03:05:07Z"}, BEFORE, "newest"),
        ({"startedAt": "2026-01-02T03:05:06Z"}, "", "newest"),
        ({"startedAt": "2026-01-02T03:05:06Z"}, "no time\n", "newest"),
        ({"startedAt": None}, BEFORE, "newest"),
        ({}, BEFORE, "newest"),
    ],
)
def test_a_log_is_of_the_run_that_began_before_its_first_line(ended, before, log) -> None:
    assert of_run(ended, "newest", before) == log
