"""A bundle is packed without memory, the same for the same content, and unpacked safely."""

from __future__ import annotations

import gc
import hashlib
import io
import json
import os
import random
import resource
import tarfile
import tracemalloc
from pathlib import Path

import pytest

from rayspace.core.notebooks.notebook import MAX_NOTEBOOK_BYTES
from rayspace.errors import BundleError, StorageError
from rayspace.gateways.project.archive import pack, unpack, write_archive
from rayspace.model.bundle import BundleFile, BundlePlan


def plan_of(root: Path, **contents: bytes) -> BundlePlan:
    root.mkdir(exist_ok=True)
    files = []
    for name, content in contents.items():
        path = name.replace("__", "/")
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(content)
        files.append(BundleFile(path, len(content)))
    return BundlePlan(root, files[0].path, tuple(files))


@pytest.fixture(params=[True, False], ids=["filter", "no-filter"])
def any_tarfile(request, monkeypatch) -> None:
    """Run with a tarfile that checks itself, and with one of an older Python that does not."""
    if not request.param:
        monkeypatch.delattr(tarfile, "data_filter", raising=False)


@pytest.mark.usefixtures("any_tarfile")
def test_what_is_packed_is_unpacked(tmp_path: Path) -> None:
    """Contents, names, links and the right to execute arrive."""
    plan = plan_of(tmp_path / "p", a__run=b"#!/bin/sh", b=b"", c__é=b"\0\xff" * 1000)
    (tmp_path / "p/a/run").chmod(0o750)
    links = (BundleFile("link", 0, "a/run"), BundleFile("folder", 0, "a"))
    packed = pack(BundlePlan(plan.root, "b", plan.files + links), tmp_path / "out.tar.gz")
    unpack(packed.path, tmp_path / "u")
    found = {
        path.relative_to(tmp_path / "u").as_posix(): path.read_bytes()
        for path in (tmp_path / "u").rglob("*")
        if path.is_file()
    }
    assert found == {"a/run": b"#!/bin/sh", "b": b"", "c/é": b"\0\xff" * 1000, "link": b"#!/bin/sh"}
    assert (tmp_path / "u/folder").readlink() == Path("a")
    assert os.access(tmp_path / "u/a/run", os.X_OK)
    assert not os.access(tmp_path / "u/b", os.X_OK)


def test_the_hash_is_that_of_the_file_and_of_the_content_alone(tmp_path: Path) -> None:
    """Order, times, places and names of the archive change nothing; content and modes do."""
    first = pack(plan_of(tmp_path / "p", a=b"1", b=b"2"), tmp_path / "one.tar.gz")
    other = plan_of(tmp_path / "q", b=b"2", a=b"1")
    os.utime(tmp_path / "q/a", (1, 1))
    (tmp_path / "q/a").chmod(0o600)
    second = pack(other, tmp_path / "two.tar.gz")
    assert first.sha256 == second.sha256
    assert first.sha256 == hashlib.sha256(first.path.read_bytes()).hexdigest()
    assert first.size_bytes == first.path.stat().st_size
    (tmp_path / "q/a").chmod(0o700)
    assert pack(other, tmp_path / "two.tar.gz").sha256 != first.sha256
    (tmp_path / "q/a").chmod(0o600)
    (tmp_path / "q/a").write_bytes(b"3")
    assert pack(other, tmp_path / "two.tar.gz").sha256 != first.sha256


def test_what_a_notebook_shows_is_no_part_of_the_work(tmp_path: Path) -> None:
    """The notebook in which a job is submitted is saved with new outputs time and again."""

    def work(**files: bytes) -> str:
        plan = plan_of(tmp_path / "p", **{"a.py": b"1", "n.ipynb": notebook("1"), **files})
        return pack(plan, tmp_path / "one.tar.gz").work_sha256

    def notebook(source: str, **shown: object) -> bytes:
        cell = {"cell_type": "code", "source": [source], "metadata": {}, **shown}
        return json.dumps({"cells": [cell], "metadata": {}}).encode()

    first = work()
    assert work(**{"n.ipynb": notebook("1", outputs=["shown"], execution_count=3)}) == first
    assert work(**{"n.ipynb": notebook("2")}) != first
    assert work(**{"a.py": b"2"}) != first
    assert work(**{"n.ipynb": b"no notebook"}) != first
    large = b" " * (MAX_NOTEBOOK_BYTES + 1)
    assert len({work(**{"n.ipynb": large}), work(**{"n.ipynb": large + b"1"}), first}) == 3


def test_no_owner_and_no_time_travel(tmp_path: Path) -> None:
    """Who packed it, and when, is nobody's business; zip can hold the time that is written."""
    packed = pack(plan_of(tmp_path / "p", a=b"1"), tmp_path / "one.tar.gz")
    with tarfile.open(packed.path) as archive:
        (member,) = archive.getmembers()
    assert (member.uid, member.gid, member.uname, member.gname) == (0, 0, "", "")
    assert (member.mtime, member.mode) == (315_619_200, 0o644)
    # Bytes 4 to 8 of gzip's header are its time, bit 3 of byte 3 a file name. RFC 1952, 2.3.
    assert packed.path.read_bytes()[3:8] == b"\0" * 5


def test_progress_ends_at_the_size_of_the_plan(tmp_path: Path) -> None:
    """A bar that is fed with it reaches its end."""
    plan = plan_of(tmp_path / "p", a=b"1" * 300_000, b=b"2" * 5)
    seen: list[int] = []
    pack(plan, tmp_path / "out", seen.append)
    assert seen == sorted(seen)
    assert seen[-1] == plan.total_bytes == 300_005


def test_large_files_are_not_held_in_memory(tmp_path: Path) -> None:
    """64 MiB are packed and unpacked in less than 4."""
    plan = plan_of(tmp_path / "p", a=b"")
    os.truncate(tmp_path / "p/a", 64 * 2**20)
    tracemalloc.start()
    packed = pack(plan, tmp_path / "out")
    unpack(packed.path, tmp_path / "u")
    peak_bytes = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak_bytes < 4 * 2**20
    assert (tmp_path / "u/a").stat().st_size == 64 * 2**20


def test_what_does_not_become_smaller_is_not_compressed(tmp_path: Path) -> None:
    """Dense contents between others stay as they are, and one archive holds all."""
    dense = random.Random(0).randbytes(3 * 2**20)
    even = b"1" * 3 * 2**20
    plan = plan_of(tmp_path / "p", a=even, b=dense, c=even)
    packed = pack(plan, tmp_path / "out")
    content = packed.path.read_bytes()
    # A stored block of deflate holds 65,535 bytes as they are. RFC 1951, 3.2.4.
    assert any(dense[at : at + 4096] in content for at in (2**20, 2**20 + 2**15))
    assert len(dense) < packed.size_bytes < len(dense) + 2**20
    unpack(packed.path, tmp_path / "u")
    assert [(tmp_path / "u" / name).read_bytes() for name in "abc"] == [even, dense, even]
    assert pack(plan, tmp_path / "again").sha256 == packed.sha256


def test_a_file_that_grows_is_cut_where_it_was(tmp_path: Path) -> None:
    """A log that is written meanwhile leaves a valid archive."""
    plan = plan_of(tmp_path / "p", a=b"1" * 200_000, b=b"2")
    log = tmp_path / "p/a"

    def append(n_bytes: int) -> None:
        if n_bytes < 200_000:
            with log.open("ab") as stream:
                stream.write(b"9" * 50)

    packed = pack(plan, tmp_path / "out", append)
    unpack(packed.path, tmp_path / "u")
    assert (tmp_path / "u/a").read_bytes() == b"1" * 200_000
    assert (tmp_path / "u/b").read_bytes() == b"2"


def test_a_file_of_another_size_than_planned_is_packed_as_it_is(tmp_path: Path) -> None:
    """The size at the time of packing counts."""
    plan = plan_of(tmp_path / "p", a=b"1")
    (tmp_path / "p/a").write_bytes(b"12345")
    unpack(pack(plan, tmp_path / "out").path, tmp_path / "u")
    assert (tmp_path / "u/a").read_bytes() == b"12345"


def test_a_file_that_becomes_shorter_is_an_error(tmp_path: Path) -> None:
    """A cut file must not run; nothing is left of the archive."""
    plan = plan_of(tmp_path / "p", a=b"1" * 200_000)
    with pytest.raises(BundleError, match="The file a became shorter while it was packed"):
        pack(plan, tmp_path / "out", lambda _: os.truncate(tmp_path / "p/a", 100_000))
    assert [path.name for path in tmp_path.iterdir()] == ["p"]


def test_a_file_that_vanished_is_an_error(tmp_path: Path) -> None:
    """The file is named."""
    plan = plan_of(tmp_path / "p", a=b"1", b=b"2")
    (tmp_path / "p/b").unlink()
    with pytest.raises(BundleError, match="The file b vanished after the bundle was planned"):
        pack(plan, tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["p"]


@pytest.mark.parametrize("kind", ["pipe", "folder"])
def test_a_file_whose_place_something_else_took_is_an_error(tmp_path: Path, kind: str) -> None:
    """A pipe must not block, a directory must not pass."""
    plan = plan_of(tmp_path / "p", a=b"1")
    (tmp_path / "p/a").unlink()
    os.mkfifo(tmp_path / "p/a") if kind == "pipe" else (tmp_path / "p/a").mkdir()
    with pytest.raises(BundleError, match=r"The file a (is no regular file|can't be read)"):
        pack(plan, tmp_path / "out")


@pytest.mark.filterwarnings("error")
def test_a_full_disk_is_a_storage_error() -> None:
    """/dev/full says what a full disk says; no second error follows it."""
    root = Path(__file__).parent
    plan = BundlePlan(root, Path(__file__).name, (BundleFile(Path(__file__).name, 1),))
    with (
        Path("/dev/full").open("wb", buffering=0) as stream,
        pytest.raises(OSError, match="No space"),
    ):
        write_archive(plan, stream)
    gc.collect()


def test_a_disk_that_fills_up_leaves_nothing_behind(tmp_path: Path) -> None:
    """The half-written archive is removed, and a former one stays as it was."""
    plan = plan_of(tmp_path / "p", a=os.urandom(200_000))
    (tmp_path / "out").write_bytes(b"former")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    try:
        with pytest.raises(StorageError, match="The disk is full") as caught:
            pack(plan, tmp_path / "out")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert "TMPDIR" in caught.value.hint
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "p"]
    assert (tmp_path / "out").read_bytes() == b"former"


def test_a_directory_that_is_not_there_is_a_storage_error(tmp_path: Path) -> None:
    """The path is named."""
    plan = plan_of(tmp_path / "p", a=b"1")
    with pytest.raises(StorageError, match="missing/out can't be written: No such file"):
        pack(plan, tmp_path / "missing/out")


def test_unpacking_onto_a_full_disk_is_a_storage_error(tmp_path: Path) -> None:
    """The job says why it could not begin."""
    packed = pack(plan_of(tmp_path / "p", a=bytes(200_000)), tmp_path / "out")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    try:
        with pytest.raises(StorageError, match="The disk is full"):
            unpack(packed.path, tmp_path / "u")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def archive_of(path: Path, *members: tarfile.TarInfo) -> Path:
    with tarfile.open(path, "w:gz") as archive:
        for member in members:
            archive.addfile(member, io.BytesIO(b"x" * member.size))
    return path


@pytest.mark.usefixtures("any_tarfile")
@pytest.mark.parametrize("name", ["../evil", "a/../../evil"])
def test_an_archive_can_not_write_outside(tmp_path: Path, name: str) -> None:
    """An archive from elsewhere is not trusted."""
    member = tarfile.TarInfo(name)
    member.size = 1
    archive = archive_of(tmp_path / "x.tar.gz", member)
    with pytest.raises(BundleError, match="is damaged"):
        unpack(archive, tmp_path / "u")
    assert not (tmp_path / "evil").exists()


@pytest.mark.usefixtures("any_tarfile")
def test_nothing_is_written_behind_a_link(tmp_path: Path) -> None:
    """Two links that each point inside may lead outside together."""
    here, up = tarfile.TarInfo("here"), tarfile.TarInfo("here/up")
    here.type, here.linkname = tarfile.SYMTYPE, "."
    up.type, up.linkname = tarfile.SYMTYPE, ".."
    with pytest.raises(BundleError, match="is damaged"):
        unpack(archive_of(tmp_path / "x.tar.gz", here, up), tmp_path / "u")


@pytest.mark.usefixtures("any_tarfile")
def test_a_link_to_the_outside_is_refused(tmp_path: Path) -> None:
    """Nor can it point there."""
    member = tarfile.TarInfo("link")
    member.type, member.linkname = tarfile.SYMTYPE, "../../etc/passwd"
    with pytest.raises(BundleError, match="is damaged"):
        unpack(archive_of(tmp_path / "x.tar.gz", member), tmp_path / "u")


@pytest.mark.parametrize("keep", [0, 5, 40, 100])
def test_a_damaged_archive_is_an_error(tmp_path: Path, keep: int) -> None:
    """Whatever was cut off, the error is ours."""
    packed = pack(plan_of(tmp_path / "p", a=os.urandom(500)), tmp_path / "out")
    packed.path.write_bytes(packed.path.read_bytes()[:keep])
    with pytest.raises(BundleError, match="is damaged"):
        unpack(packed.path, tmp_path / "u")


def test_a_missing_archive_is_a_storage_error(tmp_path: Path) -> None:
    """It is told from a damaged one."""
    with pytest.raises(StorageError, match="can't be read: No such file"):
        unpack(tmp_path / "missing", tmp_path / "u")
