"""In a job the magics work with what its image has: neither rich nor widgets are needed there."""

from __future__ import annotations

import os
import subprocess
import sys

#: Runs magics as a notebook of a job does, where the import of some packages fails.
PROGRAM = """
import sys
class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {"rich", "ipywidgets", "kubernetes", "mlflow"}:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Missing())
from IPython.testing.globalipapp import start_ipython
shell = start_ipython()
for line in sys.argv[1:]:
    shell.run_cell(line).raise_error()
shell.run_cell("from rayspace.present import html; print(html.show(state))").raise_error()
"""


def test_the_magics_need_no_rich_in_a_job(own_home, tmp_path) -> None:
    """They tell what they do in plain lines, and show values as lines and as HTML."""
    lines = ["%load_ext rayspace", "state = %ray_cluster status", "%ray_cluster profiles"]
    job = {
        "RAYSPACE_RUN_ID": "a-run",
        "RAYSPACE_JOB": "train-bcdfg",
        "RAYSPACE_CLUSTER": "its-own",
        "RAYSPACE_DASHBOARD_URL": "http://127.0.0.1:9",
        "RAYSPACE_STATE_DIR": str(tmp_path / "state"),
    }
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *lines],
        cwd=tmp_path,
        env={**os.environ, **job},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "laptop  Ray on this machine, with all of its CPUs." in done.stdout
    assert "its-own on local</td>" in done.stdout
