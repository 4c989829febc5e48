"""Check and build JupyterLab's front end, where it is kept between runs.

``python -m tests.extension_build``. Packages are kept by the lock file, and what was checked and
built by the sources: a run without a change does nothing. What was built is put where a wheel takes
it from.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import pwd
import shutil
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock

if TYPE_CHECKING:
    from types import ModuleType

ROOT = Path(__file__).resolve().parent.parent
EXTENSION = ROOT / "extension"
#: What is checked beside what is built from.
_CHECKED = (
    ".npmrc",
    ".prettierignore",
    ".prettierrc.json",
    "eslint.config.mjs",
    "jest.config.js",
    "tsconfig.check.json",
)


def front_end() -> ModuleType:
    """Return the module that builds it."""
    spec = importlib.util.spec_from_file_location("front_end", EXTENSION / "front_end.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def cache_dir() -> Path:
    """Return where packages and builds are kept; that of whoever calls, not of a test's home."""
    home = os.environ.get("RAYSPACE_TEST_CACHE") or pwd.getpwuid(os.getuid()).pw_dir
    return Path(home, ".cache", "rayspace-tests", "front-end")


def build() -> Path:
    """Build the front end, or find it; return the folder that JupyterLab takes it from.

    The folder holds ``labextensions/rayspace``, and goes to ``JUPYTER_PATH``.
    """
    module = front_end()
    key = module.source_key()
    kept = cache_dir() / f"built-{key[:16]}"
    labextension = kept / "labextensions" / "rayspace"
    with FileLock(_lock()):
        if not module.is_built(labextension, key):
            shutil.rmtree(kept, ignore_errors=True)
            shutil.copytree(module.build(_bench()), labextension)
        ours = module.built_dir()
        if not module.is_built(ours, key):
            shutil.rmtree(ours, ignore_errors=True)
            shutil.copytree(labextension, ours)
    return kept


def package(path: str) -> Path:
    """Return a file of a package of the lock file, such as ``axe-core/axe.min.js``."""
    with FileLock(_lock()):
        bench = _bench()
        front_end().install(bench)
    return bench / "node_modules" / path


def check() -> None:
    """Check types, style and tests, unless that was done for the same files."""
    digest = hashlib.sha256()
    for path in _checked_files():
        digest.update(path.relative_to(EXTENSION).as_posix().encode() + path.read_bytes())
    done = cache_dir() / f"checked-{digest.hexdigest()[:16]}"
    module = front_end()
    with FileLock(_lock()):
        if done.exists():
            return
        bench = _bench()
        module.install(bench)
        for script in ("check", "lint", "test"):
            began = time.monotonic()
            module.run("run", "--silent", script, sources=bench)
            sys.stdout.write(f"{time.monotonic() - began:8.1f} s  npm run {script}\n")
            sys.stdout.flush()
        done.touch()


def _lock() -> Path:
    cache_dir().mkdir(parents=True, exist_ok=True)
    return cache_dir() / "lock"


def _bench() -> Path:
    """Return a copy of the sources beside the packages of their lock file."""
    lock_file = (EXTENSION / "package-lock.json").read_bytes()
    bench = cache_dir() / f"bench-{hashlib.sha256(lock_file).hexdigest()[:16]}" / "extension"
    for name in ("src", "style", "schema"):
        shutil.rmtree(bench / name, ignore_errors=True)
    for path in _checked_files():
        copy = bench / path.relative_to(EXTENSION)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, copy)
    return bench


def _checked_files() -> list[Path]:
    folders = [
        path for name in ("src", "style", "schema") for path in (EXTENSION / name).rglob("*")
    ]
    files = [EXTENSION / name for name in ("package.json", "package-lock.json", "tsconfig.json")]
    files += [EXTENSION / name for name in _CHECKED]
    return sorted(path for path in [*files, *folders] if path.is_file())


if __name__ == "__main__":
    check()
    build()
