"""Ignore files mean here what they mean to git."""

from __future__ import annotations

import random
import subprocess
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rayspace.core.bundles.ignore import read_ignore_file

if TYPE_CHECKING:
    from pathlib import Path

    from rayspace.core.bundles.ignore import IgnoreFile


def verdict(text: str, path: str, *, is_dir: bool = False) -> bool | None:
    rules = read_ignore_file(text, source=".gitignore", base="/p")
    return rules.verdict(f"/p/{path}", is_dir=is_dir)


@pytest.mark.parametrize(
    ("text", "path", "is_dir", "expected"),
    [
        ("*.csv", "a/b.csv", False, True),
        ("*.csv", "a/b.csvx", False, None),
        ("/data", "data", True, True),
        ("/data", "a/data", True, None),
        ("data/", "a/data", True, True),
        ("data/", "data", False, None),
        ("a/b", "a/b", False, True),
        ("a/b", "x/a/b", False, None),
        ("**/b", "x/a/b", False, True),
        ("a/**/b", "a/b", False, True),
        ("a/**/b", "a/x/y/b", False, True),
        ("a/**", "a", True, None),
        ("a/**", "a/x", False, True),
        ("a/**", "a/x/y", False, True),
        ("a/**/", "a", True, None),
        ("a/**/", "a/x", True, True),
        ("a/*", "a/x/y", False, None),
        ("**", "a", False, True),
        ("**/", "a", True, True),
        ("**/", "a", False, None),
        ("*/", "a/b", True, True),
        ("/*", "a", False, True),
        ("/*", "a/b", False, None),
        ("a", "a/b", False, None),
        ("*.d\n!keep.d/", "keep.d", True, False),
        ("*.d\n!keep.d/", "keep.d/y.d", False, True),
        ("*\n!*.py", "x.py", False, False),
        ("*\n!*/\n!*.py", "src", True, False),
        ("*\n!*/\n!*.py", "src/x.txt", False, True),
        ("!x", "x", False, False),
        ("# x\n\n\\#x", "#x", False, True),
        ("\\!x", "!x", False, True),
        ("a\\ ", "a ", False, True),
        ("a  ", "a", False, True),
        ("a/  ", "a", True, True),
        ("a\r\nb", "a", False, True),
        ("\ufeffa", "a", False, True),
        ("[a-c]x", "bx", False, True),
        ("[!a-c]x", "bx", False, None),
        ("[^a-c]x", "dx", False, True),
        ("a[!b]", "a", True, None),
        ("a[!b]c", "a/c", False, None),
        ("[]]", "]", False, True),
        ("[z-a]", "b", False, None),
        ("[ab\\", "a", False, None),
        ("[unclosed", "[unclosed", False, None),
        ("a\\", "a", False, None),
        ("a[/]b", "a/b", False, None),
        ("?", "/", False, None),
        ("/", "a", True, None),
        ("!", "a", True, None),
        ("!/", "a", True, None),
        ("", "a", False, None),
        # git takes a byte for a character, which nobody means.
        ("?", "é", False, True),
    ],
)
def test_patterns_mean_what_git_says(
    text: str, path: str, is_dir: bool, expected: bool | None
) -> None:
    """Each rule of gitignore(5) has its case."""
    assert verdict(text, path, is_dir=is_dir) is expected


def test_a_base_at_the_top_of_the_disk_works() -> None:
    """The top of the disk ends with a slash already."""
    assert read_ignore_file("a", source="x", base="/").verdict("/a", is_dir=False) is True


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    ("text", "path", "expected"),
    [
        ("[[:digit:]]", "7", None),
        ("[a\\-z]", "-", None),
        ("[z-ax]", "x", None),
        ("x/a[!b]c", "x/a/c", True),
        ("a\t", "a", True),
        ("a\\  ", "a ", None),
        ("x/***", "x/a/b", None),
    ],
)
def test_of_rare_patterns_the_reading_is_known(text: str, path: str, expected: bool | None) -> None:
    """Here the library differs from git; who updates it sees when that changes."""
    assert verdict(text, path) is expected


@given(st.text())
def test_any_text_is_a_list_of_patterns(text: str) -> None:
    """No line makes the reader fail."""
    assert verdict(text, "a/b") in {None, True, False}


NAMES = ["a", "b", "ab", "a.py", "b.txt", "foo", "[x]", "a b", "-x", "x!", "#x", "!x", "a "]
#: What people write, and nothing that only a test would.
SEGMENTS = [
    *("a", "b", "*", "**", "?", "a*", "*.py", "foo", "[ab]", "[!a]", "[^a]", "[a-b]*", "*.p[yc]"),
    *("**a", "a?", "\\[x\\]", "a b", "a\\ ", "*b*", "\\#x", "x\\!", "\\!x", "[!.]*", "*[!b]"),
]


def pattern(chance: random.Random) -> str:
    text = "/".join(chance.choice(SEGMENTS) for _ in range(chance.choice([1, 1, 2, 3])))
    text = ("/" if chance.random() < 0.2 else "") + text + ("/" if chance.random() < 0.3 else "")
    if chance.random() < 0.1:
        return chance.choice(["# " + text, "", "  "])
    end = chance.choice(["", "", "\r", "" if text.endswith(" ") else "  "])
    return ("!" if chance.random() < 0.35 else "") + text + end


def grow(folder: Path, chance: random.Random, depth: int = 0) -> list[Path]:
    folders = [folder]
    for name in chance.sample(NAMES, chance.randint(1, 4)):
        if depth < 3 and chance.random() < 0.5:
            (folder / name).mkdir()
            folders += grow(folder / name, chance, depth + 1)
        else:
            (folder / name).touch()
    return folders


def walk(folder: Path, rules: list[IgnoreFile]) -> set[str]:
    ignore_file = folder / ".gitignore"
    if ignore_file.exists():
        text = ignore_file.read_text("utf-8")
        rules = [*rules, read_ignore_file(text, source="", base=str(folder))]
    found: set[str] = set()
    for entry in folder.iterdir():
        verdicts = (rule.verdict(str(entry), is_dir=entry.is_dir()) for rule in reversed(rules))
        if entry.name == ".git" or next((told for told in verdicts if told is not None), False):
            continue
        found |= walk(entry, rules) if entry.is_dir() else {str(entry)}
    return found


def test_the_same_files_are_left_as_by_git_itself(tmp_path: Path) -> None:
    """On random trees with random patterns git lists exactly the files that are found here."""
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    listing = ["git", "ls-files", "--others", "--exclude-standard", "-z", "."]
    n_kept = n_all = 0
    for seed in range(60):
        chance = random.Random(seed)
        root = tmp_path / str(seed)
        root.mkdir()
        folders = grow(root, chance)
        for folder in dict.fromkeys([root, *chance.sample(folders, min(2, len(folders)))]):
            lines = [pattern(chance) for _ in range(chance.randint(1, 5))]
            (folder / ".gitignore").write_text("\n".join(lines), "utf-8")
        done = subprocess.run(listing, cwd=root, capture_output=True, check=True)
        expected = {str(root / name) for name in done.stdout.decode().split("\0") if name}
        assert walk(root, []) == expected, seed
        n_kept += len(expected)
        n_all += sum(path.is_file() for path in root.rglob("*"))
    # The trees are no trivial ones: much is kept, and much is not.
    assert 0.2 < n_kept / n_all < 0.8
