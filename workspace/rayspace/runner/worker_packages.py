"""Give Ray's workers on other machines the packages that were installed for the notebook.

The first worker of a job on a machine installs exactly what the runner did, the others wait for
it. Ray's own ``pip`` would clone a whole virtual environment for that, start workers with another
Python, and not go together with a ``conda``, ``uv`` or ``pip`` that the notebook asks for itself.
Standard library only; a failure here leaves the worker without the package, and says so.

=========================  ======================================================================
RAYSPACE_WORKER_PACKAGES   JSON: the directory where they are on the runner's machine, and exact
                           requirements
=========================  ======================================================================
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib
import json
import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from rayspace.runner.install_failure import InstallError, secret_values
from rayspace.runner.installer import Installer
from rayspace.runner.log import RunnerLog

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

NAME = "RAYSPACE_WORKER_PACKAGES"
#: As long as a runner has for the same. [s]
_TIMEOUT_S = 900.0
_PREFIX = "rayspace-packages-"


def provide() -> None:
    """Put the job's packages on this worker's path, installed first where they are not."""
    try:
        said = json.loads(os.environ.get(NAME) or "{}")
        directory, exact = str(said["directory"]), [str(text) for text in said["requirements"]]
    except (ValueError, KeyError, TypeError):
        return
    if not Path(directory).is_dir():
        log = RunnerLog(_to_stderr, secret_values(os.environ))
        try:
            directory = _installed_here(exact, log)
        except (InstallError, OSError) as exc:
            reason = exc.sentence if isinstance(exc, InstallError) else str(exc)
            log.line(f"rayspace: this worker lacks {', '.join(exact)}: {reason}")
            return
    if directory not in sys.path:
        sys.path.insert(0, directory)
    known = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    if directory not in known:
        # For programs that tasks start.
        os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [directory, *known]))
    importlib.invalidate_caches()


def _installed_here(exact: Sequence[str], log: RunnerLog) -> str:
    digest = hashlib.sha256(json.dumps([sys.version, *exact]).encode()).hexdigest()[:16]
    directory = Path(tempfile.gettempdir(), f"{_PREFIX}{os.getuid()}-{digest}")
    with _alone(directory.with_name(f"{directory.name}.lock")):
        if directory.is_dir():
            if directory.lstat().st_uid != os.getuid():
                raise InstallError(f"{directory} belongs to somebody else.")
            return str(directory)
        log.line(f"rayspace: installing {', '.join(exact)} for Ray's workers")
        part = Path(tempfile.mkdtemp(prefix=f".{directory.name}-", dir=directory.parent))
        try:
            Installer(os.environ, _TIMEOUT_S).install(exact, str(part))
            part.rename(directory)
        finally:
            shutil.rmtree(part, ignore_errors=True)
    return str(directory)


@contextlib.contextmanager
def _alone(lock: Path) -> Iterator[None]:
    import fcntl

    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW
    descriptor = os.open(lock, flags, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _to_stderr(content: bytes) -> None:
    # Ray hands it on to the notebook.
    with contextlib.suppress(OSError, ValueError):
        sys.stderr.write(content.decode(errors="replace"))
        sys.stderr.flush()
