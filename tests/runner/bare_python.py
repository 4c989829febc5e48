"""A Python that has what the smallest image of Ray has, and nothing else of what a job needs."""

from __future__ import annotations

import hashlib
import importlib.metadata
import os
import pwd
import shutil
import subprocess
import sys
import tempfile
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
    folder = _kept("bare", f"{ray} {sys.version}")
    python = folder / "bin" / "python"
    pip = [str(python), "-m", "pip"]
    if not (folder / "ready").exists():
        shutil.rmtree(folder, ignore_errors=True)
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
        subprocess.run([*pip, "install", "-q", ray], check=True)
        (folder / "ready").touch()
    own = [item.text for item in RUNNER_REQUIREMENTS]
    wheels = _kept("wheels", "\n".join([ray, *own, sys.version]))
    if not wheels.exists():
        part = Path(tempfile.mkdtemp(dir=wheels.parent))
        download = ["download", "-q", "--only-binary", ":all:", "-d", str(part)]
        subprocess.run([*pip, *download, *own], check=True)
        part.rename(wheels)
    return Bare(python, wheels)


def _kept(name: str, content: str) -> Path:
    """Return where something is kept, by what defines it."""
    home = os.environ.get("RAYSPACE_TEST_CACHE") or pwd.getpwuid(os.getuid()).pw_dir
    digest = hashlib.sha256(content.encode()).hexdigest()[:16]
    return Path(home, ".cache", "rayspace-tests", f"{name}-{digest}")
