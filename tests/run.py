"""Run every check and every test, on a fresh machine too.

Makes a virtual environment, installs what the tests need and runs them, and prints where the time
went. ``python3 tests/run.py``; what is written after it goes to pytest, and with paths only these
tests run. Needs Python 3.11, Node 20 with npm for JupyterLab's front end, and Go 1.26 for a real
Kubernetes, which ``--no-cluster`` leaves out.
As root on Debian it installs the Debian packages it lacks; not root, it names them.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import tomllib
from concurrent.futures import Future, wait
from pathlib import Path
from typing import IO

ROOT = Path(__file__).resolve().parent.parent
#: Debian packages that tests need, by a program that each brings.
DEBIAN = {"chromium": "chromium", "git": "git"}
#: What pytest returns after Ctrl-C. [1]
INTERRUPTED = 2
#: An environment that was not used for so long is removed. [s]
UNUSED_S = 7 * 86400


def say(text: str) -> None:
    """Print at once, also into a pipe."""
    print(text, flush=True)


def require_venv() -> None:
    """Make sure that this Python can make virtual environments: Debian's can't by itself."""
    missing = [package for program, package in DEBIAN.items() if shutil.which(program) is None]
    if subprocess.run([sys.executable, "-c", "import ensurepip, venv"], check=False).returncode:
        missing.append("python3-venv")
    if not missing:
        return
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        sys.exit(
            f"error: this machine lacks {', '.join(missing)}.\n"
            f"hint:  install it as root: apt-get install {' '.join(missing)}"
        )
    env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    subprocess.run(["apt-get", "update", "-q"], check=True, env=env)
    subprocess.run(["apt-get", "install", "-yq", *missing], check=True, env=env)


def cache_dir() -> Path:
    """Return where environments are kept between runs."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "rayspace-tests"


def forget_old() -> None:
    """Remove environments that nobody used for long: each takes almost 2 GB."""
    for folder in cache_dir().glob("venv-*"):
        ready = folder / "ready"
        if ready.exists() and time.time() - ready.stat().st_mtime > UNUSED_S:
            shutil.rmtree(folder, ignore_errors=True)


def environment() -> Path:
    """Make the virtual environment for what pyproject.toml says of the package, or find it."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())
    # What the checks are told is no part of it.
    tools = {"hatch": settings.pop("tool")["hatch"]}
    parts = (json.dumps([settings, tools]), sys.version, str(ROOT))
    key = hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]
    folder = cache_dir() / f"venv-{key}"
    ready = folder / "ready"
    if ready.exists():
        ready.touch()
    else:
        forget_old()
        shutil.rmtree(folder, ignore_errors=True)
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
        pip = [str(folder / "bin" / "python"), "-m", "pip", "--disable-pip-version-check"]
        # Groups of pyproject.toml are known to pip from 25.1 on.
        subprocess.run([*pip, "install", "-q", "--upgrade", "pip>=25.1"], check=True)
        subprocess.run(
            [*pip, "install", "-q", "-e", ".[local]", "--group", "test", "--group", "check"],
            check=True,
            cwd=ROOT,
            # It has a stage of its own, and is kept between environments.
            env={**os.environ, "RAYSPACE_FRONT_END": "skip"},
        )
        ready.touch()
    return folder


def one_by_one(
    stages: dict[str, list[str]],
    env: dict[str, str],
    output: IO[bytes],
    times: list[tuple[str, float, int]],
    built: Future[None],
) -> None:
    """Run stages while others run, each in a process of its own; what they print is kept.

    All but the first wait until the test cluster is built: compilers leave Ray no time to start.
    """
    for position, (name, command) in enumerate(stages.items()):
        if position and wait([built]) and built.cancelled():
            break
        began = time.monotonic()
        done = subprocess.run(
            command, check=False, cwd=ROOT, env=env, stdout=output, stderr=subprocess.STDOUT
        )
        times.append((f"{name}, beside others", time.monotonic() - began, done.returncode))
        if done.returncode == INTERRUPTED:
            break


def main() -> int:
    """Run all stages; the first that fails decides the exit code, the others still run."""
    require_venv()
    times: list[tuple[str, float, int]] = []

    def stage(name: str, command: list[str]) -> None:
        say(f"\n== {name}")
        began = time.monotonic()
        code = subprocess.run(command, check=False, cwd=ROOT, env=env).returncode
        times.append((name, time.monotonic() - began, code))

    began = time.monotonic()
    say("== environment")
    folder = environment()
    times.append(("environment", time.monotonic() - began, 0))
    bin_dir = folder / "bin"
    env = {**os.environ, "PATH": f"{bin_dir}{os.pathsep}{os.environ.get('PATH', '')}"}
    python = str(bin_dir / "python")
    paths = [word for word in sys.argv[1:] if not word.startswith("-")]
    if not paths:
        stage("ruff check", [python, "-m", "ruff", "check", "."])
        stage("ruff format", [python, "-m", "ruff", "format", "--check", "."])
        stage("mypy", [python, "-m", "mypy"])
        stage("layers", [str(bin_dir / "lint-imports")])
        stage(
            "spelling", [str(bin_dir / "codespell"), "workspace", "templates", "tests", "README.md"]
        )
        stage("front end of JupyterLab", [python, "-m", "tests.extension_build"])
    pytest = [python, "-m", "pytest", "--durations=40", *sys.argv[1:]]
    if paths or "--no-cluster" in sys.argv:
        stage("tests", pytest)
    else:
        # What is built waits for networks and disks, tests on a Kubernetes wait for it: the others
        # use what they leave.
        beside = {
            "unit tests": [*pytest, "tests/unit"],
            "other tests": [*pytest, "--ignore=tests/cluster", "--ignore=tests/unit"],
        }
        with tempfile.TemporaryFile() as output:
            built: Future[None] = Future()
            others = threading.Thread(target=one_by_one, args=(beside, env, output, times, built))
            others.start()
            try:
                # A stage of its own, so that its time shows.
                stage("build of the test cluster", [python, "-m", "tests.cluster", "build"])
            except KeyboardInterrupt:
                built.cancel()
                raise
            built.set_result(None)
            stage("tests on a Kubernetes", [*pytest, "tests/cluster"])
            others.join()
            say("\n== tests beside them")
            output.seek(0)
            say(output.read().decode(errors="replace"))

    say("\n== where the time went")
    for name, seconds, code in times:
        say(f"{seconds:8.1f} s  {name}{'' if code == 0 else f'  FAILED ({code})'}")
    return next((code for _, _, code in times if code), 0)


if __name__ == "__main__":
    sys.exit(main())
