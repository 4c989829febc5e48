"""Profiles come from four layers, and the nearest wins."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from rayspace.errors import ProfileError, ProfileNotFoundError
from rayspace.gateways.profile_files import ProfileFiles
from rayspace.model.profile_entry import ProfileFile

if TYPE_CHECKING:
    from pathlib import Path


def write(path: Path, text: str = "") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


BUILT_IN = ["cpu-autoscale", "cpu-small", "gpu-multi", "gpu-small", "head-only", "laptop"]


@pytest.fixture
def files(tmp_path: Path) -> ProfileFiles:
    return ProfileFiles(
        tmp_path / "project",
        system_dirs=[tmp_path / "system", tmp_path / "site"],
        user_dir=tmp_path / "user",
    )


def test_the_built_in_laptop_is_there_without_any_file(files: ProfileFiles) -> None:
    """A fresh install can start a cluster."""
    laptop = files.get("laptop")
    assert (laptop.layer, laptop.path) == ("built-in", "profiles/laptop.yaml")
    assert [profile.name for profile in files.list()] == BUILT_IN


def test_nearer_layers_hide_farther_ones(files: ProfileFiles, tmp_path: Path) -> None:
    """Project over user over system over built-in, file by file."""
    expected = [
        ("built-in", "profiles/laptop.yaml"),
        ("system", str(write(tmp_path / "site/laptop.yaml", "workers: 1"))),
        ("system", str(write(tmp_path / "system/laptop.yaml", "workers: 2"))),
        ("user", str(write(tmp_path / "user/laptop.yaml", "workers: 3"))),
        ("project", str(write(tmp_path / "project/.rayspace/profiles/laptop.yaml", "workers: 4"))),
    ]
    (entry,) = (entry for entry in files.entries() if entry.name == "laptop")
    assert (entry.layer, entry.path) == expected[-1]
    assert entry.shadows == tuple(f"{layer}: {path}" for layer, path in reversed(expected[:-1]))
    for n_workers in (4, 3, 2, 1, 0):
        profile = files.get("laptop")
        assert (profile.n_workers, profile.layer) == (n_workers, expected[n_workers][0])
        if n_workers:
            (tmp_path / expected[n_workers][1]).unlink()


def test_a_broken_file_does_not_break_the_others(files: ProfileFiles, tmp_path: Path) -> None:
    """It is listed with its problem, and asking for it says what is wrong."""
    write(tmp_path / "user/bad.yaml", "memory: 8")
    (tmp_path / "user/bytes.yaml").write_bytes(b"\xff")
    (tmp_path / "user/folder.yaml").mkdir()
    write(tmp_path / "user/good.yml")
    problems = {entry.name: entry.problem for entry in files.entries()}
    assert problems["good"] == problems["laptop"] == ""
    assert "line 1: 'memory' is 8" in problems["bad"]
    assert "it is not UTF-8" in problems["bytes"]
    assert "is a directory" in problems["folder"]
    assert [profile.name for profile in files.list()] == sorted([*BUILT_IN, "good"])
    with pytest.raises(ProfileError, match="'memory' is 8"):
        files.get("bad")
    with pytest.raises(ProfileError, match="it is not UTF-8"):
        files.get("bytes")


def test_a_broken_file_is_not_replaced_by_a_farther_one(
    files: ProfileFiles, tmp_path: Path
) -> None:
    """Who wrote a file wants that one."""
    write(tmp_path / "project/.rayspace/profiles/laptop.yaml", "memory: 8")
    with pytest.raises(ProfileError):
        files.get("laptop")
    assert "laptop" not in [profile.name for profile in files.list()]


def test_other_files_are_no_profiles(files: ProfileFiles, tmp_path: Path) -> None:
    """Schemas, notes and hidden files lie beside."""
    for name in ("schema.json", "README.md", ".hidden.yaml", "old.yaml~"):
        write(tmp_path / "user" / name)
    assert [entry.name for entry in files.entries()] == BUILT_IN


def test_of_two_endings_yaml_wins(files: ProfileFiles, tmp_path: Path) -> None:
    """The other file is told as hidden."""
    write(tmp_path / "user/a.yml", "workers: 1")
    write(tmp_path / "user/a.yaml", "workers: 2")
    assert files.get("a").n_workers == 2
    assert files.entries()[0].shadows == (f"user: {tmp_path / 'user/a.yml'}",)


@pytest.mark.parametrize("name", ["latop", "../laptop", "", "/etc/passwd", "laptop.yaml"])
def test_an_unknown_name_is_told_with_the_list(files: ProfileFiles, name: str) -> None:
    """A name is looked up, never opened."""
    with pytest.raises(ProfileNotFoundError) as caught:
        files.get(name)
    assert caught.value.details["known"] == BUILT_IN


def test_the_usual_directories_are_those_of_the_platform(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Settings lie where other programs keep theirs."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_CONFIG_DIRS", str(tmp_path / "site"))
    write(tmp_path / "home/rayspace/profiles/mine.yaml")
    write(tmp_path / "site/rayspace/profiles/ours.yaml")
    files = ProfileFiles(tmp_path)
    assert (files.get("mine").layer, files.get("ours").layer) == ("user", "system")


def test_a_namespace_stands_between_system_and_user(files: ProfileFiles, tmp_path: Path) -> None:
    """What an administrator set there beats the machine's, and one's own beats that."""
    write(tmp_path / "system/a.yaml", "workers: 1")
    theirs = ProfileFile("a", "namespace", "configmap", "workers: 2")
    assert files.get("a", [theirs]).n_workers == 2
    write(tmp_path / "user/a.yaml", "workers: 3")
    assert files.get("a", [theirs]).n_workers == 3
