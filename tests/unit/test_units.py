"""Quantities keep their units, in both directions."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rayspace.errors import QuantityError
from rayspace.units import (
    format_bytes,
    format_count,
    format_duration,
    parse_bytes,
    parse_duration,
    short_duration,
)

# Written out once more by hand: IEC 80000-13 and SI.
FACTORS = {
    "B": 1,
    "kB": 1_000,
    "MB": 1_000_000,
    "GB": 1_000_000_000,
    "TB": 1_000_000_000_000,
    "KiB": 1_024,
    "MiB": 1_048_576,
    "GiB": 1_073_741_824,
    "TiB": 1_099_511_627_776,
    "Ki": 1_024,
    "Mi": 1_048_576,
    "Gi": 1_073_741_824,
    "Ti": 1_099_511_627_776,
    "k": 1_000,
    "M": 1_000_000,
    "G": 1_000_000_000,
    "T": 1_000_000_000_000,
}


@given(st.integers(0, 8_000), st.sampled_from(sorted(FACTORS)), st.sampled_from(["", " "]))
def test_a_whole_number_and_a_unit_are_multiplied(number: int, unit: str, space: str) -> None:
    """Every unit stands for its factor."""
    assert parse_bytes(f"{number}{space}{unit}") == number * FACTORS[unit]


def test_gigabytes_and_gibibytes_differ() -> None:
    """8GB and 8GiB are different sizes."""
    assert (parse_bytes("8GB"), parse_bytes("8GiB")) == (8_000_000_000, 8_589_934_592)
    assert parse_bytes("1.5GiB") == 1_610_612_736


@pytest.mark.parametrize(
    "text",
    ["8", "", "GiB", "8 gb", "8gib", "-1GiB", "1e3B", "8GiB8", "8Gib", "9" * 400 + "GiB", "1,5GiB"],
)
def test_a_size_without_a_known_unit_is_refused(text: str) -> None:
    """What is not a number with a unit is no size, and the hint names both kinds of unit."""
    with pytest.raises(QuantityError) as caught:
        parse_bytes(text)
    assert "8GiB" in caught.value.hint
    assert "8GB" in caught.value.hint


@pytest.mark.parametrize("value", [8, 8.5, None, True, ["8GiB"]])
def test_a_bare_number_is_no_size(value: object) -> None:
    """A number could be meant in any unit."""
    with pytest.raises(QuantityError):
        parse_bytes(value)


@given(st.integers(0, 2**49))
def test_a_formatted_size_reads_back_within_its_rounding(size_bytes: int) -> None:
    """One decimal of a binary unit is off by 5 % of the unit at most."""
    text = format_bytes(size_bytes)
    unit_bytes = FACTORS[text.rpartition(" ")[2]]
    # Half of the last decimal, and half a byte for rounding to whole bytes.
    assert abs(parse_bytes(text) - size_bytes) <= 0.05 * unit_bytes + 0.5


@pytest.mark.parametrize(
    ("size_bytes", "text"),
    [
        (0, "0 B"),
        (1023, "1023 B"),
        (1024, "1.0 KiB"),
        (3_250_586, "3.1 MiB"),
        (2**50, "1024.0 TiB"),
    ],
)
def test_sizes_are_written_in_binary_units(size_bytes: int, text: str) -> None:
    """Sizes for people are KiB and so on."""
    assert format_bytes(size_bytes) == text


@pytest.mark.parametrize(
    ("text", "duration_s"),
    [("90s", 90), ("1h30m", 5400), ("30 m", 1800), ("250ms", 0.25), ("2d", 172_800), ("5min", 300)],
)
def test_durations_add_up(text: str, duration_s: float) -> None:
    """Parts of a duration are summed."""
    assert parse_duration(text) == pytest.approx(duration_s)


@pytest.mark.parametrize(
    "text", ["30", "", "0s", "-5m", "1x", "11y", "4000d", "m", "1h 30", 5, None, "9" * 400 + "s"]
)
def test_durations_without_unit_or_sense_are_refused(text: object) -> None:
    """A duration has units, is above zero and below ten years."""
    with pytest.raises(QuantityError):
        parse_duration(text)


@given(st.integers(1, 59), st.integers(0, 23), st.integers(0, 59))
def test_parts_of_a_duration_are_independent(minutes: int, hours: int, seconds: int) -> None:
    """Hours, minutes and seconds may be given together in any order."""
    expected_s = hours * 3600 + minutes * 60 + seconds
    assert parse_duration(f"{minutes}m{hours}h{seconds}s") == expected_s


@pytest.mark.parametrize(
    ("duration_s", "text"),
    [
        (1.23, "1.2 s"),
        (42, "42 s"),
        (200, "3 min 20 s"),
        (120, "2 min"),
        (7500, "2 h 5 min"),
        (7200, "2 h"),
        (180_000, "2 d 2 h"),
        (172_800, "2 d"),
    ],
)
def test_durations_are_written_with_two_units_at_most(duration_s: float, text: str) -> None:
    """Durations for people are short."""
    assert format_duration(duration_s) == text


@pytest.mark.parametrize(
    ("duration_s", "text"), [(0, "0s"), (41.7, "42s"), (59.9, "1m"), (200, "3m20s"), (7500, "2h5m")]
)
def test_durations_of_columns_are_shorter_and_read_back(duration_s: float, text: str) -> None:
    """In the notation that options take."""
    assert short_duration(duration_s) == text
    assert not duration_s or parse_duration(text) == pytest.approx(duration_s, abs=0.5)


@pytest.mark.parametrize(
    ("count", "text"), [(0, "0 workers"), (1, "1 worker"), (2, "2 workers"), (0.5, "0.5 workers")]
)
def test_counts_are_words(count, text):
    assert format_count(count, "worker") == text
