"""The directory in which the two processes of a runner keep what must not be lost.

Whatever one of them wrote here the other can finish: the log, the latest notebook, the verdict.
Every file is replaced as a whole, so a reader never sees half of one. Standard library only.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rayspace.model.job import Cause, JobPhase, Verdict
from rayspace.model.packages import Installation
from rayspace.model.run import Artifact
from rayspace.model.wire import to_wire
from rayspace.runner.processes import ProcessIdentity, identify

if TYPE_CHECKING:
    from collections.abc import Mapping


_PREFIX = "rayspace-job-"
#: Kept free for the end of a job whose notebook fills the disk: its executed notebook, its page and
#: its verdict. [bytes]
_RESERVE_BYTES = 16 << 20


class Spool:
    """One spool directory, readable by its owner only.

    Parameters
    ----------
    directory
        A directory that exists.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        #: All that the runner and the notebook printed.
        self.driver_log = directory / "driver.log"
        #: The executed notebook and its HTML, under the names that they have in the run.
        self.results_dir = directory / "results"
        #: Where the bundle is unpacked.
        self.work_dir = directory / "work"
        #: Credentials for Ray's workers on this machine.
        self.credentials = directory / "credentials.json"
        #: What the nodes were used for, as files.
        self.metrics_dir = directory / "metrics"
        #: What Kubernetes told of the job's pods, as it lies in the run's directory of logs.
        self.pods_dir = directory / "pods"
        self._verdict = directory / "verdict.json"
        self._kernel = directory / "kernel.json"
        #: Where packages are installed that the image lacks.
        self.packages_dir = directory / "packages"
        self._installation = directory / "installation.json"
        self._stored = directory / "stored"
        self._attempt = directory / "attempt.json"
        self._to_retry = directory / "retry"
        self._left = directory / "left"
        self._reserve = directory / "reserve"
        #: Descriptor of the lock that says that somebody needs the spool; None in other processes.
        self.held: int | None = None

    @classmethod
    def create(cls, run_id: str) -> Spool:
        """Make a new, empty spool, and remove those that killed runners left behind."""
        _remove_orphans(Path(tempfile.gettempdir()))
        spool = cls(Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{run_id[:8]}-")))
        spool._hold()
        spool.results_dir.mkdir()
        spool.driver_log.touch(mode=0o600)
        spool._keep_room()
        return spool

    def _keep_room(self) -> None:
        """Take the room that the end of the job needs; where that can't be, without it."""
        if hasattr(os, "posix_fallocate"):
            with contextlib.suppress(OSError), self._reserve.open("wb") as stream:
                os.posix_fallocate(stream.fileno(), 0, _RESERVE_BYTES)

    def make_room(self) -> None:
        """Give back the room that was kept, once no notebook runs any more that would take it."""
        self._reserve.unlink(missing_ok=True)

    def remove(self) -> None:
        """Remove the spool and all that is in it."""
        shutil.rmtree(self.directory, ignore_errors=True)
        self.let_go()

    def let_go(self) -> None:
        """Hold the spool no longer, as if this process had ended."""
        if self.held is not None:
            os.close(self.held)
            self.held = None

    def _hold(self) -> None:
        """Lock the spool for as long as this process lives, or one that inherits the lock."""
        new = self.directory / ".held.part"
        self.held = os.open(new, os.O_RDWR | os.O_CREAT, 0o600)
        fcntl.flock(self.held, fcntl.LOCK_EX)
        # It gets its name only now: by that name others ask whether it is held.
        new.replace(self.directory / "held")

    def write(self, path: Path, content: bytes) -> None:
        """Replace a file as a whole.

        Parameters
        ----------
        path
            A file below the spool.
        content
            What it shall hold.

        Raises
        ------
        OSError
            If it can't be written; then the file is as it was.
        """
        temporary = path.with_name(f".{path.name}.part")
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(content)
        temporary.replace(path)

    def write_credentials(self, credentials: Mapping[str, str]) -> None:
        """Keep credentials for Ray's workers, for this user only."""
        self.write(self.credentials, json.dumps(dict(credentials)).encode())

    def notebook(self) -> Path | None:
        """Return the latest executed notebook; None before there is one."""
        return next(iter(sorted(self.results_dir.glob("*.ipynb"))), None)

    @property
    def verdict(self) -> Verdict | None:
        """The verdict; None before there is one."""
        fields = self._read(self._verdict)
        if fields is None:
            return None
        return Verdict(
            **{**fields, "phase": JobPhase(fields["phase"]), "cause": Cause(fields["cause"])}
        )

    def write_verdict(self, verdict: Verdict) -> None:
        """Keep the verdict: from now on the job has ended."""
        self.write(self._verdict, json.dumps(to_wire(verdict)).encode())

    @property
    def kernel(self) -> ProcessIdentity | None:
        """The kernel that was started; None if there was none."""
        fields = self._read(self._kernel)
        return None if fields is None else ProcessIdentity(fields["pid"], fields["started"])

    def write_kernel(self, pid: int) -> None:
        """Keep which process the kernel is."""
        identity = identify(pid)
        if identity is not None:
            self.write(self._kernel, json.dumps(to_wire(identity)).encode())

    @property
    def installation(self) -> Installation:
        """What was installed for the job; nothing where nobody said so."""
        fields = self._read(self._installation)
        if fields is None:
            return Installation()
        return Installation(
            directory=fields["directory"],
            installed=tuple(fields["installed"]),
            for_workers=tuple(fields["for_workers"]),
            failure=fields["failure"],
            source_dirs=tuple(fields["source_dirs"]),
        )

    def write_installation(self, installation: Installation) -> None:
        """Keep what was installed, and what came of it."""
        self.write(self._installation, json.dumps(to_wire(installation)).encode())

    def write_events(self, text: str) -> None:
        """Keep the events of the job's pods."""
        self.pods_dir.mkdir(exist_ok=True)
        self.write(self.pods_dir / Path(Artifact.EVENTS).name, text.encode())

    def write_pod_log(self, pod: str, text: str) -> None:
        """Keep the log of a pod."""
        self.pods_dir.mkdir(exist_ok=True)
        self.write(self.pods_dir / f"{pod}.log", text.encode())

    @property
    def attempt(self) -> int:
        """Number of the attempt that has the job, from 1; 0 before one has it [1]."""
        fields = self._read(self._attempt)
        return 0 if fields is None else int(fields["attempt"])

    def write_attempt(self, attempt: int) -> None:
        """Keep that the attempt of this number has the job. [1]"""
        self.write(self._attempt, json.dumps({"attempt": attempt}).encode())

    @property
    def is_to_retry(self) -> bool:
        """Whether another attempt follows."""
        return self._to_retry.exists()

    def mark_to_retry(self) -> None:
        """Note that another attempt follows."""
        self._to_retry.touch()

    @property
    def is_stored(self) -> bool:
        """Whether the record of the job is complete, so that nothing here is needed."""
        return self._stored.exists()

    def mark_stored(self) -> None:
        """Note that the record of the job is complete."""
        self._stored.touch()

    @property
    def is_left(self) -> bool:
        """Whether the attempt did what it could, and left the rest here on purpose."""
        return self._left.exists()

    def mark_left(self) -> None:
        """Note that trying again is of no use, and keep nothing but results."""
        self.make_room()
        self._left.touch()
        self.credentials.unlink(missing_ok=True)
        shutil.rmtree(self.work_dir, ignore_errors=True)

    @staticmethod
    def _read(path: Path) -> dict[str, Any] | None:
        try:
            fields: dict[str, Any] = json.loads(path.read_bytes())
        except FileNotFoundError:
            return None
        return fields


def _remove_orphans(directory: Path) -> None:
    """Remove spools of this user that nobody holds: they keep a copy of credentials.

    Both processes of their runner were killed. The record of such a job is completed by whoever
    looks at it, from what its run holds.
    """
    for path in directory.glob(f"{_PREFIX}*/held"):
        try:
            if path.parent.lstat().st_uid != os.getuid():
                continue
            descriptor = os.open(path, os.O_RDWR)
        except OSError:
            # Its owner removes it at this moment.
            continue
        spool = Spool(path.parent)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if not spool.is_left:
                spool.remove()
        except BlockingIOError:
            # It is held: its job runs.
            continue
        finally:
            os.close(descriptor)
