"""Links travel only where what they point to does."""

from __future__ import annotations

from rayspace.core.bundles.links import Link, travelling_links
from rayspace.model.bundle import BundleFile

PATHS = {"a/x.py", "b/c/y.py", "z.py"}


def test_links_are_relative_to_their_own_directory() -> None:
    """An unpacked link works wherever the bundle lies."""
    links = [Link("b/c/link.py", "a/x.py"), Link("top.py", "z.py"), Link("folder", "b/c")]
    taken, left = travelling_links(links, PATHS)
    assert taken == [
        BundleFile("b/c/link.py", 0, "../../a/x.py"),
        BundleFile("folder", 0, "b/c"),
        BundleFile("top.py", 0, "z.py"),
    ]
    assert left == []


def test_a_link_to_what_stays_behind_stays_too() -> None:
    """Nothing gets in by a side door."""
    taken, left = travelling_links([Link("key", ".env"), Link("data", "data")], PATHS)
    assert taken == []
    assert [(item.path, item.reason) for item in left] == [
        ("data", "a link to data, which does not travel"),
        ("key", "a link to .env, which does not travel"),
    ]


def test_a_link_to_a_directory_above_it_would_make_a_loop() -> None:
    """Whoever follows it would never end."""
    links = [Link("b/c/up", "b"), Link("b/root", "."), Link("a/a", "a")]
    taken, left = travelling_links(links, PATHS)
    assert taken == []
    assert [item.reason for item in left] == [
        "a link to a, which would make a loop",
        "a link to b, which would make a loop",
        "a link to ., which would make a loop",
    ]


def test_two_links_that_lead_to_each_other_lose_the_second() -> None:
    """A loop of several links is cut once."""
    links = [Link("a/to_b", "b"), Link("b/c/to_a", "a")]
    taken, left = travelling_links(links, PATHS)
    assert [file.path for file in taken] == ["a/to_b"]
    assert [item.path for item in left] == ["b/c/to_a"]
