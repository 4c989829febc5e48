"""The chosen cluster, on disk."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from rayspace.errors import StorageError
from rayspace.gateways.selection_file import SelectionFile


def test_a_choice_is_kept_by_project_and_can_be_forgotten(tmp_path):
    file = SelectionFile(tmp_path / "state" / "selection.json")
    file.set("/a", "one")
    file.set("/b", "two")
    assert (file.get("/a"), file.get("/b"), file.get("/c")) == ("one", "two", "")
    file.set("/a", "")
    assert SelectionFile(tmp_path / "state" / "selection.json").get("/a") == ""
    assert file.get("/b") == "two"


def test_choices_made_at_once_are_all_kept(tmp_path):
    path = tmp_path / "selection.json"
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda i: SelectionFile(path).set(f"/{i}", f"c{i}"), range(64)))
    assert [SelectionFile(path).get(f"/{i}") for i in range(64)] == [f"c{i}" for i in range(64)]


@pytest.mark.parametrize("text", ["{", "[]", "\udcff"])
def test_an_unreadable_choice_is_made_again(tmp_path, text):
    path = tmp_path / "selection.json"
    path.write_text(text, "utf-8", errors="surrogateescape")
    assert SelectionFile(path).get("/a") == ""
    SelectionFile(path).set("/a", "one")
    assert SelectionFile(path).get("/a") == "one"


def test_a_place_that_cannot_be_written_is_told(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(StorageError):
        SelectionFile(tmp_path / "file" / "selection.json").set("/a", "one")
