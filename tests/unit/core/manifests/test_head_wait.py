"""How a worker waits for its head, as bash does it in the container that KubeRay puts before it."""

from __future__ import annotations

import socket
import subprocess
import threading
from typing import TYPE_CHECKING

import pytest

from rayspace.core.manifests.bash_env import with_bash_env
from rayspace.core.manifests.head_wait import HEAD_WAIT
from tests.unit.core.manifests.test_bash_env import TEMPLATE

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def said(tmp_path: Path):
    """Run a script as KubeRay's container does, and return what was asked of the real program."""
    changed = with_bash_env(TEMPLATE, HEAD_WAIT)
    (functions,) = changed["metadata"]["annotations"].values()
    (tmp_path / "functions.sh").write_text(functions)
    program = tmp_path / "ray"
    program.write_text('#!/bin/sh\necho "ray $*"\nexit 3\n')
    program.chmod(0o755)

    def call(script: str, **env: str) -> str:
        path = f"{tmp_path}:/usr/bin:/bin"
        files = {"PATH": path, "BASH_ENV": str(tmp_path / "functions.sh")}
        done = subprocess.run(
            ["/bin/bash", "-c", "--", script],
            env={**files, **env},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.stderr == ""
        return done.stdout.strip()

    return call


@pytest.fixture
def head():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"127.0.0.1:{listener.getsockname()[1]}"


def test_a_head_that_listens_is_found_without_ray(said, head) -> None:
    assert said(f"ray health-check --address {head}; echo $?") == "0"


def test_a_head_that_comes_later_is_found_in_the_same_question(said) -> None:
    with socket.socket() as late:
        late.bind(("127.0.0.1", 0))
        timer = threading.Timer(0.5, late.listen)
        timer.start()
        port = late.getsockname()[1]
        assert said(f"ray health-check --address 127.0.0.1:{port}; echo $?") == "0"
        timer.join()


def test_its_name_is_looked_for_in_one_place(said) -> None:
    """That of KubeRay ends without a dot, so that a resolver tries five endings first."""
    show = 'timeout() { echo "$5:$6"; }; ray health-check --address'
    assert said(f"{show} one-head-svc.team.svc.cluster.local:6379") == (
        "one-head-svc.team.svc.cluster.local.:6379"
    )
    assert said(f"{show} 10.0.0.1:6379") == "10.0.0.1:6379"
    assert said(f"{show} head:6379") == "head:6379"


def test_what_could_not_be_found_out_is_left_to_ray(said) -> None:
    """Its words are KubeRay's to show; here a stand-in says no, and that all the time is over."""
    words = "ray health-check --address h:1"
    found = said(f"timeout() {{ SECONDS=1000; return 1; }}; {words}; echo $?")
    assert found == f"{words}\n3"


@pytest.mark.parametrize("words", ["start --address h:1 --block", "health-check", "--version"])
def test_all_else_is_rays(said, words) -> None:
    assert said(f"ray {words}; echo $?") == f"ray {words}\n3"


def test_nothing_is_left_where_ray_itself_runs(said, head) -> None:
    words = f"ray health-check --address {head}"
    found = said(f"type -t ray; {words}; echo ${{BASH_ENV-gone}}", KUBERAY_GEN_RAY_START_CMD="ray")
    assert found == f"file\n{words}\ngone"
