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
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

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


class Stages:
    """What runs, each in a process of its own, and what each took.

    Parameters
    ----------
    env
        What the processes find in their environment.
    """

    def __init__(self, env: dict[str, str]) -> None:
        self._env = env
        self._times: list[tuple[str, float, int]] = []

    def run(self, name: str, command: list[str], output: IO[bytes] | None = None) -> int:
        """Run one and return its exit code; what it prints may go to a file."""
        if output is None:
            say(f"\n== {name}")
        began = time.monotonic()
        code = subprocess.run(
            command, check=False, cwd=ROOT, env=self._env, stdout=output,
            stderr=None if output is None else subprocess.STDOUT,
        ).returncode  # fmt: skip
        self.note(name, time.monotonic() - began, code)
        return code

    def note(self, name: str, seconds: float, code: int = 0) -> None:
        """Keep what one took, and tell it at once: who ends this early learns where it was."""
        self._times.append((name, seconds, code))
        say(f"-- {self._line(name, seconds, code)}")

    def sum_up(self) -> int:
        """Tell where the time went, and return the exit code of the first that failed."""
        say("\n== where the time went")
        for line in self._times:
            say(self._line(*line))
        return next((code for _, _, code in self._times if code), 0)

    @staticmethod
    def _line(name: str, seconds: float, code: int) -> str:
        return f"{seconds:8.1f} s  {name}{'' if code == 0 else f'  FAILED ({code})'}"


@contextmanager
def beside(stages: Stages, commands: dict[str, list[str]]) -> Iterator[Future[None]]:
    """Run stages one by one while others run, and print at the end what they printed.

    All but the first wait for the result that is yielded: compilers leave Ray no time to start.
    """
    built: Future[None] = Future()

    def one_by_one() -> None:
        for position, (name, command) in enumerate(commands.items()):
            if position and wait([built]) and built.cancelled():
                break
            if stages.run(f"{name}, beside others", command, output) == INTERRUPTED:
                break

    with tempfile.TemporaryFile() as output:
        others = threading.Thread(target=one_by_one)
        others.start()
        try:
            yield built
        finally:
            # Without a result by now there is none to wait for.
            built.cancel()
            others.join()
            say("\n== tests beside them")
            output.seek(0)
            say(output.read().decode(errors="replace"))


def check(stages: Stages, bin_dir: Path) -> None:
    """Run what reads the code only, and build the front end."""
    python = str(bin_dir / "python")
    spelled = ["workspace", "templates", "tests", "README.md"]
    stages.run("ruff check", [python, "-m", "ruff", "check", "."])
    stages.run("ruff format", [python, "-m", "ruff", "format", "--check", "."])
    # What did not change since an earlier run, of any clone, is not read again.
    stages.run("mypy", [python, "-m", "mypy", "--cache-dir", str(cache_dir() / "mypy")])
    stages.run("layers", [str(bin_dir / "lint-imports")])
    stages.run("spelling", [str(bin_dir / "codespell"), *spelled])
    stages.run("front end of JupyterLab", [python, "-m", "tests.extension_build"])


def main() -> int:
    """Run all stages; the first that fails decides the exit code, the others still run."""
    require_venv()
    began = time.monotonic()
    say("== environment")
    bin_dir = environment() / "bin"
    env = {**os.environ, "PATH": f"{bin_dir}{os.pathsep}{os.environ.get('PATH', '')}"}
    # Hundreds of processes import the package: each would compile it.
    env.pop("PYTHONDONTWRITEBYTECODE", None)
    stages = Stages(env)
    stages.note("environment", time.monotonic() - began)
    python = str(bin_dir / "python")
    pytest = [python, "-m", "pytest", "--durations=40", *sys.argv[1:]]
    if [word for word in sys.argv[1:] if not word.startswith("-")]:
        stages.run("tests", pytest)
    elif "--no-cluster" in sys.argv:
        check(stages, bin_dir)
        stages.run("tests", pytest)
    else:
        # What is built waits for networks and disks, tests on a Kubernetes wait for it: the others
        # use what they leave.
        others = {
            "unit tests": [*pytest, "tests/unit"],
            "other tests": [*pytest, "--ignore=tests/cluster", "--ignore=tests/unit"],
        }
        with beside(stages, others) as built:
            check(stages, bin_dir)
            # A stage of its own, so that its time shows.
            stages.run("build of the test cluster", [python, "-m", "tests.cluster", "build"])
            built.set_result(None)
            stages.run("tests on a Kubernetes", [*pytest, "tests/cluster"])
    return stages.sum_up()


if __name__ == "__main__":
    sys.exit(main())
