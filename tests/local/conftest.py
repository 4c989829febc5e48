"""Fixtures of the tests on a real Ray of this machine."""

from __future__ import annotations

import subprocess
import sys

import pytest


@pytest.fixture
def ipython(lab, own_home):
    """Run a script in a fresh IPython, in the project of the running cluster."""

    def call(script: str) -> subprocess.CompletedProcess[str]:
        path = lab.app.project / "script.ipy"
        path.write_text(script, "utf-8")
        return subprocess.run(
            [sys.executable, "-m", "IPython", "--no-banner", "--colors=NoColor", str(path)],
            cwd=lab.app.project,
            env={**lab.app.environ, "IPYTHONDIR": str(own_home / "ipython")},
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )

    return call
