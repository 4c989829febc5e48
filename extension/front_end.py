"""Build the front end: which sources it is made of, whether it is built from them, and how.

Needs npm to build, and nothing but Python's standard library. Called where a wheel is built and by
the tests.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from pathlib import Path

#: This folder.
SOURCES = Path(__file__).resolve().parent
#: What a build depends on, beside the folders of sources.
_FILES = ("package.json", "package-lock.json", "tsconfig.json")
_FOLDERS = ("src", "style", "schema")
#: In what was built: of which sources it is.
_KEY_FILE = "sources.sha256"


def built_dir(root: Path = SOURCES.parent) -> Path:
    """Return where the built front end lies, below a root as this repository has it."""
    return root / "workspace" / "rayspace" / "labextension"


def source_files(sources: Path = SOURCES, folders: tuple[str, ...] = _FOLDERS) -> list[Path]:
    """List the files that a build depends on, sorted."""
    found = [sources / name for name in _FILES]
    for folder in folders:
        found += (path for path in (sources / folder).rglob("*") if path.is_file())
    return sorted(path for path in found if "__tests__" not in path.parts)


def source_key(sources: Path = SOURCES) -> str:
    """Return the hash of names and contents of all that a build depends on."""
    digest = hashlib.sha256()
    for path in source_files(sources):
        digest.update(path.relative_to(sources).as_posix().encode() + b"\0")
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def is_built(built: Path, key: str) -> bool:
    """Say whether a folder holds what is built from these sources."""
    path = built / _KEY_FILE
    return path.is_file() and path.read_text("utf-8").strip() == key


def npm() -> str | None:
    """Return the program npm; None where there is none."""
    return shutil.which("npm")


def install(sources: Path = SOURCES) -> None:
    """Install the packages of the lock file, unless they are there."""
    mark = sources / "node_modules" / ".package-lock.sha256"
    wanted = hashlib.sha256((sources / "package-lock.json").read_bytes()).hexdigest()
    if mark.is_file() and mark.read_text("utf-8") == wanted:
        return
    run("ci", sources=sources)
    mark.write_text(wanted, "utf-8")


def build(sources: Path = SOURCES) -> Path:
    """Build the front end, and return where it lies."""
    install(sources)
    built = built_dir(sources.parent)
    shutil.rmtree(built, ignore_errors=True)
    # What an earlier build left of sources that are gone.
    shutil.rmtree(sources / "lib", ignore_errors=True)
    run("run", "--silent", "build", sources=sources)
    (built / _KEY_FILE).write_text(source_key(sources), "utf-8")
    return built


def run(*words: str, sources: Path = SOURCES) -> None:
    """Run npm; raises `subprocess.CalledProcessError` when it fails."""
    subprocess.run([npm() or "npm", *words], cwd=sources, check=True)
