"""A log that is told from one copy goes on in another without a gap and without a line twice."""

from __future__ import annotations

import pytest

from rayspace.core.jobs.log_continuation import TAIL_CHARS, rest_after

RAYS_OWN = "Running entrypoint for job j: exec python runner.zip\n"


def _rest(told: str, text: str) -> str:
    return rest_after(text, told[-TAIL_CHARS:], len(told))


@pytest.mark.parametrize(
    ("told", "text", "rest"),
    [
        ("", "a\nb\n", "a\nb\n"),
        ("a\n", "a\nb\n", "b\n"),
        (f"{RAYS_OWN}a\n", "a\nb\n", "b\n"),
        (f"{RAYS_OWN}a\nb", "a\nbc\nd\n", "c\nd\n"),
        (f"{RAYS_OWN}a\nb\n", "a\nb\n", ""),
        (f"{RAYS_OWN}first attempt\nsecond\n", "second\nend\n", "end\n"),
        # The job printed nothing yet.
        (RAYS_OWN, "a\nb\n", "a\nb\n"),
        # The copy is older, or lacks a line of those who say that it ended.
        (f"{RAYS_OWN}a\nb\nc\n", "a\nb\n", ""),
        (f"{RAYS_OWN}a\nb\nended\n", "a\nb\n", ""),
        (
            "".join(f"line {i}\n" for i in range(1000)),
            "".join(f"line {i}\n" for i in range(900)),
            "",
        ),
        # The copy has more before it.
        ("a\n", "an earlier attempt, cut off\na\nb\n", "b\n"),
    ],
)
def test_it_goes_on_where_it_broke_off(told, text, rest) -> None:
    """Whatever the one copy has before what both have."""
    assert _rest(told, text) == rest


def test_lines_that_repeat_are_not_taken_for_each_other() -> None:
    """Of a hundred equal lines forty were told."""
    assert _rest("tick\n" * 40, "tick\n" * 100) == "tick\n" * 60
    # All of a tail is alike: off by no more than what the one copy has more.
    rest = _rest(RAYS_OWN + "tick\n" * 4000, "tick\n" * 10_000)
    assert rest == "tick\n" * (6000 - len(RAYS_OWN) // len("tick\n"))
