"""What the README tells people to type is typed here, in its order, on a real Ray."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.documented_lines import blocks, lines_of
from tests.laboratory import notebook_json

pytestmark = pytest.mark.timeout(1800)


@pytest.fixture(scope="module")
def typed(own_home, tmp_path_factory):
    """Type a line in a project with a notebook, as a person does."""
    project = tmp_path_factory.mktemp("readme")
    (project / ".rayspace").mkdir()
    #: While it is there, jobs don't end.
    hold = tmp_path_factory.mktemp("readme-hold") / "hold"
    notebook = notebook_json(
        f"import os, time\nwhile os.path.exists({str(hold)!r}): time.sleep(0.1)\nprint('lr', lr)",
        parameters="lr: float = 0.1  # rate\nlayers: list[int] = [64]",
    )
    (project / "train.ipynb").write_text(json.dumps(notebook))
    env = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "RAYSPACE_STATE_DIR": str(tmp_path_factory.mktemp("readme-state")),
        "KUBECONFIG": str(project / "none"),
        # Pages are opened in it, and it ends at once.
        "BROWSER": "true",
    }

    def call(line: str) -> str:
        began_s = time.monotonic()
        done = subprocess.run(
            ["/bin/sh", "-c", line], cwd=project, env=env, capture_output=True, text=True,
            stdin=subprocess.DEVNULL, check=False, timeout=600,
        )  # fmt: skip
        assert done.returncode == 0, f"{line}\n{done.stdout}\n{done.stderr}"
        print(f"{time.monotonic() - began_s:6.1f} s  {line}")
        return done.stdout

    call.project, call.hold = project, hold
    yield call
    subprocess.run(
        ["/bin/sh", "-c", "rayspace cluster down"], cwd=project, env=env, check=False,
        capture_output=True, timeout=600,
    )  # fmt: skip


def test_all_that_needs_only_this_machine_works_in_the_order_of_the_readme(typed):
    """Lines of the shell, of a notebook and of Python; a job that is submitted is waited for."""
    lines = lines_of("tests/local/test_readme_lines.py")
    ours = list(dict.fromkeys(line for line in lines if line.startswith("rayspace ")))
    with_names = [line for line in ours if line.endswith(" NAME")]
    ours = [line for line in ours if line not in with_names]
    (papermill,) = [line for line in lines if line.startswith("papermill ")]
    (ignored,) = [line for line in lines if line.startswith("printf ")]
    untyped = set(lines) - {*ours, *with_names, papermill, ignored}
    assert not untyped, f"Nobody types these lines: {untyped}"
    # What follows a job on Kubernetes there is typed of one here.
    first = ours.index("rayspace cluster up laptop")
    for line in [*ours[first:], *ours[:first]]:
        is_sent = line.startswith("rayspace job submit") and "--dry-run" not in line
        if line == "rayspace job retry":
            # Nobody waits for it, and what is stopped must not have ended by then.
            typed.hold.touch()
        typed(f"{line} --wait" if is_sent and "--wait" not in line else line)
        if line == "rayspace job stop":
            typed.hold.unlink()
    magics, program = (
        next(block for block in blocks("python") if start in block)
        for start in ("%load_ext", "import rayspace")
    )
    (typed.project / "lines.ipy").write_text(magics)
    (typed.project / "program.py").write_text(program)
    python = shlex.quote(sys.executable)
    assert "succeeded" in typed(f"{python} -m IPython --no-banner lines.ipy")
    typed(f"{python} program.py")
    for line in with_names:
        assert "laptop" in typed(line.replace("NAME", "laptop"))
    typed(papermill)
    assert "lr 0.05" in (typed.project / "out.ipynb").read_text("utf-8")
    typed(ignored)
    assert "mlflow.db" in (typed.project / ".gitignore").read_text("utf-8")
