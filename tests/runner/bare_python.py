"""A Python that has what the smallest image of Ray has, and nothing else of what a job needs."""

from __future__ import annotations

import hashlib
import importlib.metadata
import os
import pwd
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from rayspace.model.packages import RUNNER_REQUIREMENTS
from rayspace.runner.presence import plain_name


@dataclass(frozen=True)
class Bare:
    """A virtual environment with ``ray[default]`` alone.

    Parameters
    ----------
    python
        Its Python.
    wheels
        Directory with wheels of what a runner needs beside that.
    """

    python: Path
    wheels: Path

    def offer(self, index: Path) -> None:
        """Let an index offer those wheels."""
        for wheel in self.wheels.iterdir():
            folder = index / "simple" / plain_name(wheel.name.partition("-")[0])
            folder.mkdir(parents=True, exist_ok=True)
            (folder / wheel.name).symlink_to(wheel)


def bare_python() -> Bare:
    """Make the environment, or find it where environments are kept between runs."""
    ray = f"ray[default]=={importlib.metadata.version('ray')}"
    own = [item.text for item in RUNNER_REQUIREMENTS]
    key = hashlib.sha256("\n".join([ray, *own, sys.version]).encode()).hexdigest()[:16]
    home = os.environ.get("RAYSPACE_TEST_CACHE") or pwd.getpwuid(os.getuid()).pw_dir
    folder = Path(home, ".cache", "rayspace-tests", f"bare-{key}")
    bare = Bare(folder / "bin" / "python", folder / "wheels")
    if not (folder / "ready").exists():
        shutil.rmtree(folder, ignore_errors=True)
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
        pip = [str(bare.python), "-m", "pip"]
        subprocess.run([*pip, "install", "-q", ray], check=True)
        download = ["download", "-q", "--only-binary", ":all:", "-d", str(bare.wheels)]
        subprocess.run([*pip, *download, *own], check=True)
        (folder / "ready").touch()
    return bare
