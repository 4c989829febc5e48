"""The files that travel with a job: as planned, and as packed."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rayspace.units import format_bytes

if TYPE_CHECKING:
    from pathlib import Path


class Skip(enum.Enum):
    """Why a file or directory stays behind."""

    #: Named by an ignore file; ``--include`` brings it back.
    IGNORED = "ignored"
    #: Made by a tool and made again when needed; ``--include`` brings it back.
    GENERATED = "generated"
    #: Larger than a file may be; ``--include`` brings it back.
    TOO_LARGE = "too_large"
    #: A key, a password or the like. Nothing brings it back.
    SECRET = "secret"  # noqa: S105 - a word for a kind of file
    #: The store of a version control system. Nothing brings it back.
    VERSION_CONTROL = "version_control"
    #: A link to something that does not travel.
    LINK = "link"
    #: No regular file: a socket, a pipe, a device.
    SPECIAL = "special"
    #: It, or its name, can't be read.
    UNREADABLE = "unreadable"

    @property
    def is_final(self) -> bool:
        """Whether asking for it by name does not help."""
        return self not in {Skip.IGNORED, Skip.GENERATED, Skip.TOO_LARGE}


@dataclass(frozen=True)
class BundleFile:
    """One file that travels.

    Parameters
    ----------
    path
        Path inside the bundle, with ``/``.
    size_bytes
        Its size when the bundle was planned; 0 for a link. [bytes]
    link_target
        Of a symbolic link its target, relative to its directory; empty for a file.
    source
        Where it is on this machine, when not below the root; empty for a file of the project.
    """

    path: str
    size_bytes: int
    link_target: str = ""
    source: str = ""


@dataclass(frozen=True)
class Skipped:
    """One file or directory that stays behind.

    Parameters
    ----------
    path
        Path below the root, with ``/``; a directory's ends with one.
    kind
        Why, for programs.
    reason
        Why, for people.
    size_bytes
        Its size; None where finding it out would take long. [bytes]
    """

    path: str
    kind: Skip
    reason: str
    size_bytes: int | None = None


@dataclass(frozen=True)
class BundlePlan:
    """Which files travel, decided before anything is packed.

    Parameters
    ----------
    root
        The directory that becomes the job's working tree.
    notebook
        Path of the notebook below the root, with ``/``.
    files
        What travels, sorted by path.
    skipped
        What stays behind, sorted by path.
    """

    root: Path
    notebook: str
    files: tuple[BundleFile, ...]
    skipped: tuple[Skipped, ...] = ()

    @property
    def n_files(self) -> int:
        """Number of files that travel [1]."""
        return len(self.files)

    @property
    def total_bytes(self) -> int:
        """Size of all files that travel [bytes]."""
        return sum(file.size_bytes for file in self.files)

    def largest_skipped(self, n_most: int = 5) -> tuple[Skipped, ...]:
        """Return what people would miss most.

        Parameters
        ----------
        n_most
            How many at most. [1]

        Returns
        -------
        tuple of Skipped
            The largest first; without what tools make again and version control.
        """
        quiet = {Skip.GENERATED, Skip.VERSION_CONTROL}
        missed = [item for item in self.skipped if item.kind not in quiet]
        # Of a directory the size is unknown where counting took too long: likely it is large.
        unknown_bytes = {Skip.IGNORED: 2**63}
        missed.sort(
            key=lambda item: (
                unknown_bytes.get(item.kind, 0) if item.size_bytes is None else item.size_bytes
            ),
            reverse=True,
        )
        return tuple(missed[:n_most])

    def summary(self) -> str:
        """Say what travels and the largest of what does not, in one line."""
        plural = "" if self.n_files == 1 else "s"
        text = f"{self.n_files} file{plural}, {format_bytes(self.total_bytes)}"
        parts = [
            f"{item.path} {'' if item.size_bytes is None else format_bytes(item.size_bytes) + ' '}"
            f"({item.reason})"
            for item in self.largest_skipped()
        ]
        return f"{text}; skipped {', '.join(parts)}" if parts else text


@dataclass(frozen=True)
class PackedBundle:
    """A bundle as one file.

    Parameters
    ----------
    path
        The archive.
    sha256
        Hash of the archive, in hexadecimal; the same for the same names, contents and modes.
    size_bytes
        Its size. [bytes]
    work_sha256
        Hash of what of its files runs, in hexadecimal: what notebooks show does not count.
    """

    path: Path
    sha256: str
    size_bytes: int
    work_sha256: str


@dataclass(frozen=True)
class GitState:
    """Where a project stands in git. All empty: it is in no repository, or git is missing.

    Parameters
    ----------
    commit
        The commit that is checked out; empty before the first.
    is_dirty
        Whether a tracked file differs from it.
    branch
        The branch; empty when detached.
    remote
        URL of the remote, without credentials.
    """

    commit: str = ""
    is_dirty: bool = False
    branch: str = ""
    remote: str = ""
