"""The cache of what takes long to build: each part in a folder named by what defines it."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import shutil
import time
from pathlib import Path
from typing import TYPE_CHECKING

from tests.cluster.errors import ClusterToolError
from tests.cluster.stages import stage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
#: The environment as it was before tests got a home of their own: what is built belongs to the
#: person who runs them.
ENVIRON = dict(os.environ)
#: What the largest part takes while it is built. [bytes]
_PART_BYTES = 6 * 10**9
#: A part that nobody has used for so many other versions of it is removed. [1]
_N_KEPT = 2


def cache_dir() -> Path:
    """Return where parts are kept."""
    home = ENVIRON.get("HOME") or str(Path.home())
    base = Path(ENVIRON.get("XDG_CACHE_HOME") or f"{home}/.cache")
    return base / "rayspace-tests" / "cluster"


def key_of(pieces: Iterable[str | bytes | Path]) -> str:
    """Return a short name for contents; a path stands for the file, or all files below it."""
    digest = hashlib.sha256()
    for piece in pieces:
        for content in _contents(piece):
            digest.update(len(content).to_bytes(8, "big") + content)
    return digest.hexdigest()[:16]


def _contents(piece: str | bytes | Path) -> Iterator[bytes]:
    if isinstance(piece, Path):
        files = [piece] if piece.is_file() else sorted(p for p in piece.rglob("*") if p.is_file())
        # What Python makes of sources comes and goes with their use.
        for file in (file for file in files if file.suffix != ".pyc"):
            yield file.name.encode()
            yield file.read_bytes()
    else:
        yield piece.encode() if isinstance(piece, str) else piece


def part(name: str, pieces: Iterable[str | bytes | Path], make: Callable[[Path], None]) -> Path:
    """Return the folder of a part, made first if it is missing.

    Parameters
    ----------
    name
        Name of the part.
    pieces
        What defines it.
    make
        Fills an empty folder; one that did not end is thrown away.

    Returns
    -------
    pathlib.Path
        The folder.
    """
    folder = cache_dir() / f"{name}-{key_of(pieces)}"
    folder.parent.mkdir(parents=True, exist_ok=True)
    with _lock(folder.parent / f"{name}.lock"):
        if not folder.exists():
            for left in folder.parent.glob(f"{name}-*.unfinished"):
                _remove(left)
            require_disk(folder.parent)
            unfinished = folder.with_name(f"{folder.name}.unfinished")
            unfinished.mkdir()
            began_s = time.monotonic()
            with stage(f"build {name}"):
                make(unfinished)
            unfinished.rename(folder)
            elapsed_s = time.monotonic() - began_s
            folder.with_name(f"{folder.name}.seconds").write_text(f"{elapsed_s:.1f}")
        os.utime(folder)
        versions = sorted(folder.parent.glob(f"{name}-????????????????"), key=_age, reverse=True)
        for old in versions[_N_KEPT:]:
            _remove(old)
            old.with_name(f"{old.name}.seconds").unlink(missing_ok=True)
    return folder


def build_times_s() -> dict[str, float]:
    """Return what each part took when it was built. [s]"""
    files = sorted(cache_dir().glob("*.seconds"))
    return {file.stem: float(file.read_text()) for file in files}


def require_disk(folder: Path) -> None:
    """Raise `ClusterToolError` where a folder has no room for any part."""
    free_bytes = shutil.disk_usage(folder).free
    if free_bytes < _PART_BYTES:
        raise ClusterToolError(
            f"{folder} has {free_bytes / 1e9:.1f} GB free; the largest part of the cluster takes"
            f" {_PART_BYTES / 1e9:.0f} GB while it is built.",
            hint="Free some, or name another folder with XDG_CACHE_HOME.",
        )


def _age(path: Path) -> float:
    return path.stat().st_mtime


def _remove(folder: Path) -> None:
    if folder.exists():
        shutil.rmtree(folder)


@contextlib.contextmanager
def _lock(path: Path) -> Iterator[None]:
    with path.open("w") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        yield
