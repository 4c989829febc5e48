"""Ask git where a project stands.

git runs as a program of its own, for a limited time and without hooks that a repository could
bring along. That it is missing, or that there is no repository, is an answer and no failure.
"""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING
from urllib.parse import urlsplit, urlunsplit

from rayspace.model.bundle import GitState

if TYPE_CHECKING:
    from pathlib import Path

#: For each of two questions; a submission should not wait for a slow disk. [s]
_TIMEOUT_S = 5.0


def git_state(root: Path) -> GitState:
    """Describe the repository that a directory belongs to.

    Parameters
    ----------
    root
        The directory.

    Returns
    -------
    GitState
        Its commit and so on; all empty where there is no repository, no git, or no answer in
        time. Files that git does not track don't make it dirty.
    """
    # https://git-scm.com/docs/git-status#_porcelain_format_version_2
    status = _git(root, "status", "--porcelain=v2", "--branch", "--untracked-files=no")
    if not status:
        return GitState()
    headers = dict(
        line.removeprefix("# ").partition(" ")[::2]
        for line in status.splitlines()
        if line.startswith("# ")
    )
    commit = headers.get("branch.oid", "")
    branch = headers.get("branch.head", "")
    remote = headers.get("branch.upstream", "").partition("/")[0] or "origin"
    return GitState(
        commit="" if commit == "(initial)" else commit,
        is_dirty=any(not line.startswith("# ") for line in status.splitlines()),
        branch="" if branch == "(detached)" else branch,
        remote=without_credentials(_git(root, "config", "--get", f"remote.{remote}.url").strip()),
    )


def without_credentials(url: str) -> str:
    """Remove user names, passwords and tokens from the URL of a remote.

    Parameters
    ----------
    url
        A URL, ``user@host:path``, or a path.

    Returns
    -------
    str
        The same place; empty for a URL that can't be taken apart.
    """
    if "://" not in url:
        # user@host:path: a user's name is part of how to reach it, a password is not.
        user, at, place = url.rpartition("@")
        return place if ":" in user else f"{user}{at}{place}"
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    user, at, host = parts.netloc.rpartition("@")
    if at and parts.scheme.endswith("ssh"):
        host = f"{user.partition(':')[0]}@{host}"
    return urlunsplit((parts.scheme, host, parts.path, "", ""))


def _git(root: Path, *arguments: str) -> str:
    """Return what git prints, empty where it fails."""
    # Variables such as GIT_DIR, set by hooks, would speak of another repository.
    environ = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
    environ |= {"GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"}
    command = ["git", "-c", "core.fsmonitor=false", "-C", os.fspath(root), *arguments]
    try:
        done = subprocess.run(
            command,
            env=environ,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_TIMEOUT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.decode("utf-8", "replace") if done.returncode == 0 else ""
