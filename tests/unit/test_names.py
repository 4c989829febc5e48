"""Names are always valid, and never collide where the text was cut."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rayspace.names import MAX_NAME_LENGTH, distinct_name, is_safe_name, nearest, safe_name

# RFC 1035, section 2.3.1, and RFC 1123, section 2.1, in lower case.
DNS_LABEL = re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])?")


@given(st.text())
def test_every_text_becomes_a_dns_label(text: str) -> None:
    """Whatever was typed, the name is one that Kubernetes takes."""
    name = safe_name(text)
    assert DNS_LABEL.fullmatch(name)
    assert len(name) <= MAX_NAME_LENGTH
    assert is_safe_name(name)


@given(st.text())
def test_a_safe_name_stays_as_it_is(text: str) -> None:
    """Making a name safe twice changes nothing more."""
    assert safe_name(safe_name(text)) == safe_name(text)


@given(st.lists(st.text(min_size=MAX_NAME_LENGTH + 1, max_size=80), unique=True, max_size=20))
def test_texts_that_are_cut_do_not_collide(texts: list[str]) -> None:
    """Long texts bear a hash of the whole, unless they come down to the same short word."""
    cut = [safe_name(text) for text in texts if len(safe_name(text)) == MAX_NAME_LENGTH]
    assert len(set(cut)) == len(cut)


def test_what_a_name_means_tells_it_apart() -> None:
    """The same meaning has the same name; where it is cut differs."""
    first, second = distinct_name("a-b-c", "a-b", "c"), distinct_name("a-b-c", "a", "b-c")
    assert first != second
    assert first == distinct_name("a-b-c", "a-b", "c")
    assert is_safe_name(distinct_name("prod/ada@x" * 9, "x"))


def test_equal_beginnings_give_different_names() -> None:
    """Two long names that differ at the end only stay apart."""
    first, second = safe_name("a" * 60 + "1"), safe_name("a" * 60 + "2")
    assert first != second
    assert first.startswith("a" * 33)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("train", "train"),
        ("My Model_v2", "my-model-v2"),
        ("Übung 1", "ubung-1"),
        ("--x--", "x"),
        ("2024 report", "report"),
    ],
)
def test_readable_texts_stay_readable(text: str, name: str) -> None:
    """What can be kept of a text is kept."""
    assert safe_name(text) == name


@pytest.mark.parametrize("text", ["", "???", "日本", "123"])
def test_texts_without_letters_bear_a_hash(text: str) -> None:
    """A text of which nothing is left is told apart by its hash."""
    assert re.fullmatch(r"x-[0-9a-f]{6}", safe_name(text))


def test_nearest_lists_the_likeliest_first() -> None:
    """A slip of the pen finds the word that was meant."""
    assert nearest("worker", ["workers", "cpus", "work"]) == ["workers", "work"]
    assert nearest("zzz", ["workers"]) == []
