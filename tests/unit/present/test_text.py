"""What a terminal of some width shows, and what other programs read."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from rayspace.model.check import Check
from rayspace.model.cluster import ClusterPhase
from rayspace.model.job import Cause, JobPhase
from rayspace.present.text import show
from rayspace.verbs import Listing
from tests.factories import TIME_MS, a_cluster, a_job

LONG = "Cell 3 raised ValueError: " + "no convergence after 1000 steps, " * 9
#: As long as names may be.
NAME = "classify-the-handwritten-digits-ag-bcdfg"
JOBS = Listing(
    "jobs",
    (
        a_job(name=NAME, phase=JobPhase.FAILED, cause=Cause.CELL_ERROR, reason=LONG),
        a_job(name="short-bcdfg", phase=JobPhase.PENDING, reason="Waits.", progress=None),
    ),
)
CLUSTERS = Listing(
    "clusters",
    (
        a_cluster(name=NAME, phase=ClusterPhase.UNREACHABLE, reason=LONG),
        a_cluster(name="b", profile="as-long-as-they-get"),
    ),
    chosen=NAME,
)
DAY_MS = 86_400_000


def lines_of(value: object, width: int | None, now_ms: int = TIME_MS) -> list[str]:
    """Print a value to a terminal of a width, or to a file, and return the lines."""
    file = io.StringIO()
    console = Console(file=file, width=width, force_terminal=width is not None, no_color=True)
    show(value, console, now_ms)
    return file.getvalue().splitlines()


def plain(line: str) -> str:
    """Remove the weights that a terminal without colours still has."""
    for code in ("0", "1", "2"):
        line = line.replace(f"\x1b[{code}m", "")
    return line


@pytest.mark.parametrize("listing", [JOBS, CLUSTERS], ids=["jobs", "clusters"])
@pytest.mark.parametrize("width", [80, 120, 200])
@pytest.mark.parametrize("age_ms", [0, 2 * DAY_MS, 500 * DAY_MS], ids=["today", "days", "years"])
def test_a_listing_fits_its_terminal_and_keeps_names_whole(listing, width, age_ms) -> None:
    """A name of full length is on one line; a long reason is cut, and never breaks a line."""
    lines = [plain(line) for line in lines_of(listing, width, TIME_MS + age_ms)]
    assert max(map(len, lines)) <= width
    rows = [line for line in lines if not line.startswith("  ")]
    assert [row.split()[0] for row in rows[1:]] == [item.name for item in listing.items]
    (cut,) = (line for line in lines if line.endswith("…"))
    assert cut.startswith("  Cell 3 raised ValueError")


def test_a_short_reason_stands_in_its_row() -> None:
    """Only what does not fit goes below."""
    (row,) = (line for line in lines_of(JOBS, 120) if "short-bcdfg" in line)
    assert row.endswith("Waits.")


def test_a_file_gets_all_of_each_thing_on_one_line() -> None:
    """No colours, nothing cut, and as many columns in each row."""
    head, *rows = lines_of(JOBS, None)
    assert head.split() == ["job", "phase", "cells", "time", "submitted", "cluster", "notebook",
                            "why"]  # fmt: skip
    assert len(rows) == 2
    assert rows[0].endswith(LONG.strip())
    assert [rows[1][head.index(name) :].split()[0] for name in ("cells", "notebook", "why")] == [
        "-",
        "train.ipynb",
        "Waits.",
    ]
    assert "\x1b" not in "".join((head, *rows))


def test_advice_of_a_check_is_never_cut() -> None:
    """It holds the command to copy."""
    hint = f"Install it: pip install {'x' * 200}"
    found = [Check("ray", "problem", "ray is not installed", hint)]
    assert any(hint in plain(line) for line in lines_of(Listing("checks", tuple(found)), 80))
