"""A Python that has what the smallest image of Ray has, and nothing else of what a job needs."""

from __future__ import annotations

import hashlib
import importlib.metadata
import os
import pwd
import shutil
import subprocess
import sys
from pathlib import Path


def bare_python() -> Path:
    """Make a virtual environment with ``ray[default]`` alone, or find it; returns its Python."""
    requirement = f"ray[default]=={importlib.metadata.version('ray')}"
    key = hashlib.sha256(f"{requirement} {sys.version}".encode()).hexdigest()[:16]
    home = os.environ.get("RAYSPACE_TEST_CACHE") or pwd.getpwuid(os.getuid()).pw_dir
    folder = Path(home, ".cache", "rayspace-tests", f"bare-{key}")
    python = folder / "bin" / "python"
    if not (folder / "ready").exists():
        shutil.rmtree(folder, ignore_errors=True)
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
        subprocess.run([python, "-m", "pip", "install", "-q", requirement], check=True)
        (folder / "ready").touch()
    return python
