"""Pack a bundle into one file, and unpack it where the job runs.

The archive is a gzipped tar whose bytes depend on names, contents and the right to execute only: a
sweep and its retries upload one file. Contents are streamed; no file but a notebook is held in
memory.
"""

from __future__ import annotations

import contextlib
import errno
import gzip
import hashlib
import json
import os
import posixpath
import stat
import tarfile
import zlib
from typing import TYPE_CHECKING, BinaryIO, cast

from rayspace.core.notebooks.notebook import MAX_NOTEBOOK_BYTES, work_of
from rayspace.errors import BundleError, StorageError
from rayspace.model.bundle import PackedBundle

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from rayspace.model.bundle import BundleFile, BundlePlan

_CHUNK_BYTES = 2**20
#: So much of a chunk tells whether it can be compressed. [bytes]
_SAMPLE_BYTES = 2**16
#: What is left of the sample where compressing is not worth its time. [1]
_DENSE_RATIO = 0.95
#: The time of every file: 1980-01-02. zip, in which Ray hands a working directory on, begins with
#: 1980, and local time may lie a day behind. [s since 1970-01-01 UTC]
_MTIME_S = 315_619_200
_DISK_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


def pack(
    plan: BundlePlan, destination: Path, on_bytes: Callable[[int], None] | None = None
) -> PackedBundle:
    """Pack the files of a plan.

    Parameters
    ----------
    plan
        What travels.
    destination
        The archive to write; a file of that name is replaced once the new one is whole.
    on_bytes
        Called now and then with how much of the plan's content has been read so far. [bytes]

    Returns
    -------
    PackedBundle
        The archive.

    Raises
    ------
    BundleError
        If a file vanished, became shorter, or can't be read.
    StorageError
        If the archive can't be written; nothing is left of it.
    """
    part = destination.with_name(f"{destination.name}.part")
    try:
        try:
            with part.open("wb") as stream:
                digest, work_digest = write_archive(plan, stream, on_bytes)
                size_bytes = stream.tell()
            part.replace(destination)
        except OSError as error:
            raise _storage_error(error, destination) from error
    finally:
        part.unlink(missing_ok=True)
    return PackedBundle(destination, digest, size_bytes, work_digest)


def write_archive(
    plan: BundlePlan, stream: BinaryIO, on_bytes: Callable[[int], None] | None = None
) -> tuple[str, str]:
    """Write the files of a plan to a stream.

    Parameters
    ----------
    plan
        What travels.
    stream
        Where to write.
    on_bytes
        Called now and then with how much of the plan's content has been read so far. [bytes]

    Returns
    -------
    tuple of str
        SHA-256 of what was written, and of what of it runs, in hexadecimal; see `PackedBundle`.

    Raises
    ------
    BundleError
        If a file vanished, became shorter, or can't be read.
    OSError
        If the stream can't be written.
    """
    hashing = _HashingWriter(stream)
    work = hashlib.sha256()
    n_read_bytes = 0

    def count(n_bytes: int) -> None:
        nonlocal n_read_bytes
        n_read_bytes += n_bytes
        if on_bytes is not None:
            on_bytes(n_read_bytes)

    with (
        contextlib.closing(_GzipMembers(hashing)) as packed,
        tarfile.open(
            fileobj=cast("BinaryIO", packed),
            mode="w|",
            bufsize=_CHUNK_BYTES,
            format=tarfile.PAX_FORMAT,
        ) as archive,
    ):
        for file in sorted(plan.files, key=lambda item: item.path):
            content = _WorkHash(file.path)
            info = _add(archive, plan.root, file, count, content)
            member = [info.name, info.mode, info.linkname, content.digest()]
            work.update(json.dumps(member).encode())
    return hashing.digest.hexdigest(), work.hexdigest()


def unpack(archive: Path, directory: Path) -> None:
    """Unpack an archive.

    Parameters
    ----------
    archive
        An archive made by `pack`.
    directory
        Where to; made if it is missing. Nothing is written outside of it.

    Raises
    ------
    BundleError
        If the archive is damaged, or would write outside of ``directory``.
    StorageError
        If it can't be read, or the files can't be written.
    """
    try:
        stream = archive.open("rb")
    except OSError as error:
        raise StorageError(f"{archive} can't be read: {error.strerror}.") from error
    try:
        directory.mkdir(parents=True, exist_ok=True)
        with stream, tarfile.open(fileobj=stream, mode="r:gz") as opened:
            _extract(opened, directory)
    except (tarfile.TarError, gzip.BadGzipFile, zlib.error, EOFError) as error:
        raise BundleError(
            f"The bundle {archive.name} is damaged: {error}.", hint="Submit the job again."
        ) from error
    except OSError as error:
        raise _storage_error(error, directory) from error


def _extract(opened: tarfile.TarFile, directory: Path) -> None:
    if hasattr(tarfile, "data_filter"):
        opened.extractall(directory, filter="data")
        return
    # Python before 3.10.12 and 3.11.4, which Debian and images built on it have.
    members = opened.getmembers()
    links = {posixpath.normpath(member.name) for member in members if member.issym()}
    for member in members:
        target = posixpath.join(posixpath.dirname(member.name), member.linkname)
        is_safe = (member.isfile() or member.isdir() or member.issym()) and not (
            _leaves(member.name)
            or (member.issym() and _leaves(target))
            # What lies behind a link is not where its name says.
            or any(parent in links for parent in _parents(posixpath.normpath(member.name)))
        )
        if not is_safe:
            message = f"{member.name!r} would be outside of the bundle"
            raise tarfile.TarError(message)
        member.mode &= 0o755
    opened.extractall(directory, members)  # noqa: S202  each was checked


def _parents(path: str) -> Iterator[str]:
    while path := posixpath.dirname(path):
        yield path


def _leaves(path: str) -> bool:
    return posixpath.isabs(path) or posixpath.normpath(path).split("/")[0] == ".."


class _GzipMembers:
    """Compresses chunk by chunk, but for chunks that compressing does not make smaller.

    Weights, images and Parquet would cost seconds for each 100 MB, and gain nothing. A gzip file
    may have several members, and readers see one content. Source: RFC 1952, 2.2.
    """

    def __init__(self, stream: _HashingWriter) -> None:
        self._stream = stream
        self._level = -1
        self._member: gzip.GzipFile | None = None

    def write(self, chunk: bytes) -> int:
        sample = chunk[:_SAMPLE_BYTES]
        is_dense = len(zlib.compress(sample, 1)) > _DENSE_RATIO * len(sample)
        level = 0 if is_dense else 1
        if self._member is None or level != self._level:
            self.close()
            self._member = gzip.GzipFile(
                "", "wb", compresslevel=level, fileobj=cast("BinaryIO", self._stream), mtime=0
            )
            self._level = level
        return self._member.write(chunk)

    def close(self) -> None:
        member, self._member = self._member, None
        if member is not None:
            member.close()


class _HashingWriter:
    """A stream that knows the hash of what was written to it.

    After a failure it takes all and writes nothing: gzip tries to end its stream once more when it
    is closed and, from Python 3.13 on, again when it is deleted.
    """

    def __init__(self, stream: BinaryIO) -> None:
        self.stream = stream
        self.digest = hashlib.sha256()
        self.has_failed = False

    def write(self, data: bytes) -> int:
        if self.has_failed:
            return len(data)
        self.digest.update(data)
        try:
            return self.stream.write(data)
        except OSError:
            self.has_failed = True
            raise

    def flush(self) -> None:
        self.stream.flush()


class _WorkHash:
    """The hash of what of a file runs: JupyterLab saves notebooks while cells write into them."""

    def __init__(self, path: str) -> None:
        self._hash = hashlib.sha256()
        self._notebook: list[bytes] | None = [] if path.endswith(".ipynb") else None
        self._n_bytes = 0

    def update(self, data: bytes) -> None:
        self._n_bytes += len(data)
        if self._notebook is not None:
            self._notebook.append(data)
            if self._n_bytes <= MAX_NOTEBOOK_BYTES:
                return
            # Not one that could be submitted: it is a file like any other.
            data, self._notebook = b"".join(self._notebook), None
        self._hash.update(data)

    def digest(self) -> str:
        if self._notebook is not None:
            self._hash.update(work_of(b"".join(self._notebook)))
            self._notebook = None
        return self._hash.hexdigest()


class _ExactReader:
    """A file of which exactly as much is read as was announced.

    A log that grows meanwhile is cut at the announced size, so that the archive stays valid.
    """

    def __init__(
        self, stream: BinaryIO, path: str, count: Callable[[int], None], content: _WorkHash
    ) -> None:
        self.stream = stream
        self.path = path
        self.count = count
        self.content = content

    def read(self, size: int = -1) -> bytes:
        try:
            data = self.stream.read(size)
        except OSError as error:
            raise _unpackable(self.path, "can't be read", error) from error
        if len(data) < size:
            raise _unpackable(self.path, "became shorter while it was packed")
        self.count(len(data))
        self.content.update(data)
        return data


def _add(
    archive: tarfile.TarFile,
    root: Path,
    file: BundleFile,
    count: Callable[[int], None],
    content: _WorkHash,
) -> tarfile.TarInfo:
    info = tarfile.TarInfo(file.path)
    info.mtime = _MTIME_S
    if file.link_target:
        info.type, info.linkname, info.mode = tarfile.SYMTYPE, file.link_target, 0o777
        archive.addfile(info)
        return info
    try:
        # A pipe that took the file's place would block otherwise.
        handle = os.open(
            root / (file.source or file.path), os.O_RDONLY | getattr(os, "O_NONBLOCK", 0)
        )
    except FileNotFoundError as error:
        raise _unpackable(file.path, "vanished", error) from error
    except OSError as error:
        raise _unpackable(file.path, "can't be read", error) from error
    status = os.fstat(handle)
    if not stat.S_ISREG(status.st_mode):
        os.close(handle)
        raise _unpackable(file.path, "is no regular file any more")
    with os.fdopen(handle, "rb") as stream:
        info.size = status.st_size
        info.mode = 0o755 if status.st_mode & stat.S_IXUSR else 0o644
        archive.addfile(info, _ExactReader(stream, file.path, count, content))
    return info


def _unpackable(path: str, fact: str, cause: OSError | None = None) -> BundleError:
    why = f" ({cause.strerror})" if cause is not None and cause.strerror else ""
    return BundleError(
        f"The file {path} {fact} after the bundle was planned{why}.",
        hint="Submit again; list files that change all the time in .rayspaceignore.",
        details={"path": path},
    )


def _storage_error(error: OSError, path: Path) -> StorageError:
    if error.errno not in _DISK_FULL:
        return StorageError(
            f"{path} can't be written: {error.strerror or error}.",
            details={"path": str(path)},
        )
    return StorageError(
        f"The disk is full: {path} can't be written.",
        hint="Free some space, or set TMPDIR to a directory on another disk.",
        details={"path": str(path)},
    )
