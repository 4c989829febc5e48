"""Fields of objects that may hold anything."""

from __future__ import annotations

import pytest

from rayspace.core.diagnosis.events import read_events
from rayspace.core.diagnosis.fields import condition, count, field, items, moment_ms, text, texts


def test_a_path_ends_where_there_is_nothing() -> None:
    """Lists, texts and None on the way are nothing."""
    assert field({"a": {"b": 1}}, "a", "b") == 1
    assert field({"a": [1]}, "a", "b") is None
    assert text({"a": 1}, "a") == ""
    assert items({"a": "text"}, "a") == ()
    assert items({"a": [1, {"b": 2}, None]}, "a") == ({"b": 2},)
    assert texts({"a": {"b": "c", "d": 1}}, "a") == {"b": "c"}


@pytest.mark.parametrize("value", [True, "3", 1.5, None, 10**400, -(2**40)])
def test_what_is_no_count_has_the_default(value: object) -> None:
    """Also what is larger than Kubernetes could hold."""
    assert count({"n": value}, "n", default=7) == 7
    assert count({"n": 3}, "n", default=7) == 3


@pytest.mark.parametrize(
    ("written", "moment"),
    [
        ("2026-11-23T06:38:28Z", 1_795_415_908_000),
        ("2026-11-23T06:38:28.250000Z", 1_795_415_908_250),
        ("2026-11-23T07:38:28+01:00", 1_795_415_908_000),
        ("2026-11-23T06:38:28", 1_795_415_908_000),
        ("yesterday", None),
        ("0001-01-01T00:00:00+23:59", -62_135_683_140_000),
    ],
)
def test_a_time_is_read(written: str, moment: int | None) -> None:
    """With and without fractions and zones."""
    assert moment_ms({"at": written}, "at") == moment


def test_a_condition_that_is_not_there_says_nothing() -> None:
    """It is neither true nor false."""
    found = condition({"status": {"conditions": [{"type": "Ready", "status": "True"}]}}, "Ready")
    assert found.is_true
    assert found.words == "True"
    assert condition({"status": {"conditions": "no"}}, "Ready").status == ""


def test_events_come_in_the_order_in_which_they_happened() -> None:
    """Whichever field says when."""
    events = [
        {"reason": "c", "series": {"lastObservedTime": "2026-11-23T06:00:03Z"}},
        {"reason": "b", "eventTime": "2026-11-23T06:00:02Z", "reportingComponent": "x"},
        {"reason": "a", "lastTimestamp": "2026-11-23T06:00:01Z", "source": {"component": "y"}},
        {"reason": "never"},
    ]
    found = read_events(events)
    assert [event.reason for event in found] == ["never", "a", "b", "c"]
    assert [event.component for event in found] == ["", "y", "x", ""]
