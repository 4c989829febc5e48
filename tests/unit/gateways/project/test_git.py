"""git is asked where a project stands, and its silence is an answer."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from rayspace.gateways.project.git import git_state, without_credentials
from rayspace.model.bundle import GitState

if TYPE_CHECKING:
    from pathlib import Path


def git(root: Path, *arguments: str) -> str:
    command = ["git", "-C", str(root), "-c", "user.name=a", "-c", "user.email=a@b.c", *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    git(tmp_path, "init", "-q", "-b", "main")
    (tmp_path / "a.py").write_text("1")
    git(tmp_path, "add", "a.py")
    git(tmp_path, "commit", "-q", "-m", "first")
    return tmp_path


def test_commit_branch_and_remote_are_told(repository: Path) -> None:
    """The state is that of the repository, seen from any directory in it."""
    git(repository, "remote", "add", "origin", "https://ada:secret@example.org/p.git")
    (repository / "sub").mkdir()
    commit = git(repository, "rev-parse", "HEAD")
    expected = GitState(commit, False, "main", "https://example.org/p.git")
    assert git_state(repository) == expected
    assert git_state(repository / "sub") == expected


def test_a_changed_file_makes_it_dirty_and_a_new_one_does_not(repository: Path) -> None:
    """Only what git tracks can differ from the commit."""
    (repository / "new.py").write_text("1")
    assert not git_state(repository).is_dirty
    (repository / "a.py").write_text("2")
    assert git_state(repository).is_dirty


def test_a_detached_head_has_no_branch(repository: Path) -> None:
    """The commit is told all the same."""
    git(repository, "checkout", "-q", "--detach")
    state = git_state(repository)
    assert (state.branch, len(state.commit)) == ("", 40)


def test_the_remote_is_that_of_the_branch(repository: Path) -> None:
    """A branch may follow another remote than origin."""
    git(repository, "remote", "add", "fork", "git@example.org:ada/p.git")
    git(repository, "config", "branch.main.remote", "fork")
    git(repository, "config", "branch.main.merge", "refs/heads/main")
    git(repository, "update-ref", "refs/remotes/fork/main", "HEAD")
    assert git_state(repository).remote == "git@example.org:ada/p.git"


def test_a_repository_without_a_commit_has_none(tmp_path: Path) -> None:
    """Before the first commit there is a branch only."""
    git(tmp_path, "init", "-q", "-b", "main")
    assert git_state(tmp_path) == GitState(branch="main")


def test_no_repository_is_an_empty_state(tmp_path: Path) -> None:
    """A project without git is no error."""
    assert git_state(tmp_path) == GitState()
    assert git_state(tmp_path / "missing") == GitState()


def test_no_git_is_an_empty_state(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine without git is no error."""
    monkeypatch.setenv("PATH", "")
    assert git_state(repository) == GitState()


def test_variables_of_git_do_not_lead_astray(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A submission from within a git hook describes its own project."""
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "elsewhere"))
    assert git_state(repository).branch == "main"


def test_a_repository_runs_no_program_of_its_own(repository: Path) -> None:
    """Settings of a repository that somebody else made are not executed."""
    ran = repository / "ran"
    git(repository, "config", "core.fsmonitor", f"touch {ran}; false")
    git_state(repository)
    assert not ran.exists()


@pytest.mark.parametrize(
    ("url", "clean"),
    [
        ("https://example.org/p.git", "https://example.org/p.git"),
        ("https://token@example.org/p.git", "https://example.org/p.git"),
        ("https://a:b@c@example.org:8443/p.git", "https://example.org:8443/p.git"),
        ("https://example.org/p.git?token=x#y", "https://example.org/p.git"),
        ("ssh://git@example.org/p.git", "ssh://git@example.org/p.git"),
        ("ssh://git:secret@example.org/p.git", "ssh://git@example.org/p.git"),
        ("git@example.org:p.git", "git@example.org:p.git"),
        ("git:secret@example.org:p.git", "example.org:p.git"),
        ("../p", "../p"),
        ("", ""),
        ("https://[broken/p", ""),
    ],
)
def test_urls_lose_their_credentials(url: str, clean: str) -> None:
    """The place stays, the secret goes."""
    assert without_credentials(url) == clean
