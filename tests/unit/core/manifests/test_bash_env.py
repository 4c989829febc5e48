"""What the shells of a pod read before they do anything."""

from __future__ import annotations

import subprocess
from typing import Any

from rayspace.core.manifests.bash_env import with_bash_env

TEMPLATE: dict[str, Any] = {
    "metadata": {"labels": {"a": "b"}},
    "spec": {"containers": [{"name": "ray-worker", "env": [{"name": "A", "value": "1"}]}]},
}


def test_a_template_keeps_all_that_it_has() -> None:
    changed = with_bash_env(TEMPLATE, "true\n")
    (ray,) = changed["spec"]["containers"]
    assert changed["metadata"]["labels"] == {"a": "b"}
    assert ray["env"][0] == {"name": "A", "value": "1"}
    assert "annotations" not in TEMPLATE["metadata"]


def test_a_file_of_somebody_else_for_bash_stays() -> None:
    env = [{"name": "BASH_ENV", "value": "/etc/own.sh"}]
    template = {**TEMPLATE, "spec": {"containers": [{"name": "ray-worker", "env": env}]}}
    assert with_bash_env(template, "true\n") is template


def test_what_a_shell_starts_does_not_read_it(tmp_path) -> None:
    changed = with_bash_env(TEMPLATE, "echo read\n")
    (text,) = changed["metadata"]["annotations"].values()
    (tmp_path / "functions.sh").write_text(text)
    done = subprocess.run(
        ["/bin/bash", "-c", "bash -c 'echo inner ${BASH_ENV-gone}'"],
        env={"PATH": "/usr/bin:/bin", "BASH_ENV": str(tmp_path / "functions.sh")},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines() == ["read", "inner gone"]
