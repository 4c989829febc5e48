"""Includes mean what a person would say they mean."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rayspace.core.bundles.include import read_include
from rayspace.errors import BundleError


@pytest.mark.parametrize(
    ("glob", "path", "covered"),
    [
        ("data/x.csv", "data/x.csv", True),
        ("./data/x.csv", "data/x.csv", True),
        ("data/x.csv", "sub/data/x.csv", False),
        ("x.csv", "deep/in/x.csv", True),
        ("./x.csv", "deep/x.csv", False),
        ("./x.csv", "x.csv", True),
        ("*.csv", "deep/in/x.csv", True),
        ("data", "data/deep/x.csv", True),
        ("data/", "data/deep/x.csv", True),
        ("data/**", "data/deep/x.csv", True),
        ("data/*.csv", "data/x.csv", True),
        ("data/*.csv", "data/deep/x.csv", False),
        ("data/**/*.csv", "data/x.csv", True),
        ("data/**/*.csv", "data/a/b/x.csv", True),
        ("data/**/*.csv", "data/a/b/x.txt", False),
        ("data/[ab].csv", "data/b.csv", True),
    ],
)
def test_globs_cover_files(glob: str, path: str, covered: bool) -> None:
    """A name, a path, a directory and stars do what they do elsewhere."""
    assert read_include(glob).covers(path) is covered


@pytest.mark.parametrize(
    ("glob", "folder", "reached"),
    [
        ("data/x.csv", "data", True),
        ("data/x.csv", "other", False),
        ("data/a/x.csv", "data/b", False),
        ("*.csv", "anything/at/all", True),
        ("data/**/x.csv", "data/a/b", True),
        ("data", "data/a", True),
    ],
)
def test_directories_are_entered_only_where_needed(glob: str, folder: str, reached: bool) -> None:
    """A walk enters an ignored directory only for a file that an include may mean."""
    assert read_include(glob).reaches(folder) is reached


@pytest.mark.parametrize(
    ("glob", "path", "named"),
    [
        ("*.csv", "node_modules", False),
        ("**", "node_modules", False),
        ("*", "node_modules", False),
        ("src", "src/__pycache__", False),
        ("node_modules", "node_modules", True),
        ("node_*", "node_modules", True),
        ("web/node_modules/x.js", "web/node_modules", True),
        ("**/mlruns/0", "deep/mlruns", True),
    ],
)
def test_what_tools_make_has_to_be_named(glob: str, path: str, named: bool) -> None:
    """A wish for all tables is no wish for those in a virtual environment."""
    assert read_include(glob).reaches(path, by_name=True) is named


@pytest.mark.parametrize("glob", ["", "/", ".", "/etc/passwd", "../x", "a/../../b", "~/x"])
def test_globs_that_leave_the_project_are_refused(glob: str) -> None:
    """Only files of the project travel."""
    with pytest.raises(BundleError, match="not a path below the project"):
        read_include(glob)


PARTS = st.lists(st.sampled_from(["a", "b", "c.py"]), min_size=1, max_size=4)
GLOBS = st.lists(st.sampled_from(["a", "b", "*", "**", "c.*"]), min_size=1, max_size=4)


@given(GLOBS, PARTS)
def test_what_is_covered_is_reached_through_all_directories(
    glob_parts: list[str], parts: list[str]
) -> None:
    """A walk that enters only what is reached finds everything that is covered."""
    include = read_include("./" + "/".join(glob_parts))
    if include.covers("/".join(parts)):
        folders = ["/".join(parts[:length]) for length in range(1, len(parts))]
        assert all(include.reaches(folder) for folder in folders)
