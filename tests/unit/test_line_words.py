"""Lines of magics become words."""

from __future__ import annotations

import pytest

from rayspace.errors import UsageError
from rayspace.line_words import words_of

NAMES = {"lr": 0.1, "title": "two words", "layers": [64, 32], "tricky": "it's {x}"}


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("submit a.ipynb -p lr {lr}", ["submit", "a.ipynb", "-p", "lr", "0.1"]),
        ("-p title {title}", ["-p", "title", "two words"]),
        ("-p title $title", ["-p", "title", "two words"]),
        ("-p layers {layers}", ["-p", "layers", "[64, 32]"]),
        ("-p n {len(layers) + 1}", ["-p", "n", "3"]),
        ("-p t {tricky}", ["-p", "t", "it's {x}"]),
        ("""-p cfg '{"a": 1}'""", ["-p", "cfg", '{"a": 1}']),
        ("""-p cfg '{lr}'""", ["-p", "cfg", "{lr}"]),
        ('-p say "don\'t"', ["-p", "say", "don't"]),
        (
            '-p note "it\'s {lr}" -p b "isn\'t {lr}"',
            ["-p", "note", "it's 0.1", "-p", "b", "isn't 0.1"],
        ),
        ("""-p note "it's fine" -p b '{lr}'""", ["-p", "note", "it's fine", "-p", "b", "{lr}"]),
        (
            r"""-p a it\'s -p b {lr} -p c it\'s""",
            ["-p", "a", "it's", "-p", "b", "0.1", "-p", "c", "it's"],
        ),
        (r"""-p a "say \"it's\" {lr}" -p b 'x'""", ["-p", "a", 'say "it\'s" 0.1', "-p", "b", "x"]),
        ("""-p a {[k for k in 'xy']} -p b '{lr}'""", ["-p", "a", "['x', 'y']", "-p", "b", "{lr}"]),
        ("""-p a "{'it' + "'s"}" -p b {lr}""", ["-p", "a", "it's", "-p", "b", "0.1"]),
        ("""-p a '"' -p b "it's" -p c '"'""", ["-p", "a", '"', "-p", "b", "it's", "-p", "c", '"']),
        ("-p braces {{lr}}", ["-p", "braces", "{lr}"]),
        ("", []),
    ],
)
def test_each_word_is_expanded_alone(line: str, words: list[str]) -> None:
    """A value with a space stays one word, and single quotes keep braces."""
    assert words_of(line, NAMES) == words


@pytest.mark.parametrize(
    "line", ["-p a don't", "-p a {missing}", "-p a $missing", '-p a "open', '"' + "{lr}" * 60]
)
def test_a_line_that_can_not_be_read_is_refused(line: str) -> None:
    """An open quote or an unknown name is told, not passed on."""
    with pytest.raises(UsageError):
        words_of(line, NAMES)
