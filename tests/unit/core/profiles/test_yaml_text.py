"""YAML is read without its surprises."""

from __future__ import annotations

import contextlib

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from rayspace.core.profiles.yaml_text import read_yaml_mapping
from rayspace.errors import ProfileError


def read(text: str) -> dict[str, object]:
    value: dict[str, object] = read_yaml_mapping(text, name="f.yaml", error=ProfileError).value
    return value


def test_entries_know_their_lines_and_their_text() -> None:
    """A message can name the line, and a value its own spelling."""
    document = read_yaml_mapping(
        "# comment\nmode: 0755\nhead:\n  cpus: 2\n", name="f.yaml", error=ProfileError
    )
    assert (document.entries["mode"].line, document.entries["mode"].text) == (2, "0755")
    assert document.entries["head"].line == 3
    assert document.entries["head"].entries["cpus"].line == 4


def test_keys_are_what_was_typed() -> None:
    """A word that YAML takes for a truth value is a word as a key."""
    assert read("no: 1\n1: 2\nyes: no") == {"no": 1, "1": 2, "yes": False}


@pytest.mark.parametrize(
    ("text", "fact"),
    [
        ("a: &x [1]\nb: *x", "aliases ('*name') are not allowed"),
        ("a: &x [*x]", "aliases ('*name') are not allowed"),
        ("a: {b: 1, b: 2}", "line 1: the key 'b' is there twice"),
        ("? [a]\n: 1", "line 1: a key must be a word"),
        ("a: 1\n---\nb: 2", "line 2: but found another document"),
        ("a: !!python/object/apply:os.system [ls]", "is not allowed"),
        ("a: !!set {x}", "the tag 'tag:yaml.org,2002:set' is not allowed"),
        ("a: !!binary aGk=", "is not allowed"),
        ("a: !!int x", "line 1: 'x' can't be read"),
        ("a: [", "line 1: expected the node content"),
        ("a: 1\n\tb: 2", "line 2"),
        ("\x01", "it is not YAML"),
        ('a: "\\UFFFFFFFF"', "it is not YAML"),
        ('a: "\\U00110000"', "it is not YAML"),
        ("[" * 5_000, "nested too deep"),
        ("just text", "a mapping of names to values is expected"),
    ],
)
def test_what_is_not_plain_is_refused_with_its_line(text: str, fact: str) -> None:
    """Tags, aliases and duplicates have no place in a file for people."""
    with pytest.raises(ProfileError) as caught:
        read(text)
    assert caught.value.message.startswith("f.yaml, line ")
    assert fact in caught.value.message


def test_a_bomb_does_not_go_off() -> None:
    """Aliases of aliases, which grow without bounds, are refused at the first."""
    lines = ["a0: &a0 [x, x]"]
    lines += [f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]" for n in range(1, 60)]
    with pytest.raises(ProfileError, match="aliases"):
        read("\n".join(lines))


JSON_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"])),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text("abc", min_size=1), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(st.dictionaries(st.text("abc", min_size=1), JSON_VALUES, max_size=4))
def test_what_yaml_writes_is_read_back(values: dict[str, object]) -> None:
    """JSON values pass through YAML."""
    assert read(yaml.safe_dump(values)) == values


@given(st.text())
def test_any_text_is_read_or_refused(text: str) -> None:
    """No text makes the reader fail in another way."""
    with contextlib.suppress(ProfileError):
        assert all(isinstance(key, str) for key in read(text))
