"""A token is in a file only while somebody needs it, and for this person alone."""

from __future__ import annotations

import subprocess
import sys

import pytest

from rayspace.errors import StorageError
from rayspace.gateways.ray_head.token_file import TokenFile


def test_a_token_is_there_for_this_person_until_it_is_closed(tmp_path) -> None:
    """In a directory that nobody else looks into; closing twice does no harm."""
    folder = tmp_path / "connections"
    token = TokenFile.write(folder, "secret")
    assert token.path.read_text() == "secret"
    assert (folder.stat().st_mode & 0o777, token.path.stat().st_mode & 0o777) == (0o700, 0o600)
    token.close()
    token.close()
    assert list(folder.glob("*.token")) == []


def test_two_are_kept_apart(tmp_path) -> None:
    """Writing one takes away none that is held."""
    first, second = (TokenFile.write(tmp_path, text) for text in ("a", "b"))
    assert [first.path.read_text(), second.path.read_text()] == ["a", "b"]
    first.close()
    assert second.path.read_text() == "b"
    second.close()


def test_what_a_killed_process_left_is_removed_by_the_next(tmp_path) -> None:
    """Of one that lives, nothing is."""
    code = (
        "import os, pathlib, signal, sys\n"
        "from rayspace.gateways.ray_head.token_file import TokenFile\n"
        "made = TokenFile.write(pathlib.Path(sys.argv[1]), 'left')\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=False)
    assert [path.read_text() for path in tmp_path.glob("*.token")] == ["left"]
    (tmp_path / "notes.txt").write_text("mine")
    token = TokenFile.write(tmp_path, "new")
    assert sorted(path.read_text() for path in tmp_path.iterdir()) == ["mine", "new"]
    token.close()


def test_a_directory_that_is_a_file_is_told(tmp_path) -> None:
    """With the variable that names another."""
    (tmp_path / "connections").write_text("")
    with pytest.raises(StorageError, match="can't be written") as caught:
        TokenFile.write(tmp_path / "connections", "secret")
    assert "RAYSPACE_STATE_DIR" in caught.value.hint
