"""How a worker waits for its head, as bash does it in the container that KubeRay puts before it."""

from __future__ import annotations

import socket
import subprocess
import threading
from typing import TYPE_CHECKING, Any

import pytest

from rayspace.core.manifests.head_wait import with_head_wait

if TYPE_CHECKING:
    from pathlib import Path

TEMPLATE: dict[str, Any] = {
    "metadata": {"labels": {"a": "b"}},
    "spec": {"containers": [{"name": "ray-worker", "env": [{"name": "A", "value": "1"}]}]},
}


@pytest.fixture
def said(tmp_path: Path):
    """Run a script as KubeRay's container does, and return what was asked of the real program."""
    changed = with_head_wait(TEMPLATE)
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


def test_a_template_keeps_all_that_it_has() -> None:
    changed = with_head_wait(TEMPLATE)
    (ray,) = changed["spec"]["containers"]
    assert changed["metadata"]["labels"] == {"a": "b"}
    assert ray["env"][0] == {"name": "A", "value": "1"}
    assert "annotations" not in TEMPLATE["metadata"]


def test_a_file_of_somebody_else_for_bash_stays() -> None:
    env = [{"name": "BASH_ENV", "value": "/etc/own.sh"}]
    template = {**TEMPLATE, "spec": {"containers": [{"name": "ray-worker", "env": env}]}}
    assert with_head_wait(template) is template
