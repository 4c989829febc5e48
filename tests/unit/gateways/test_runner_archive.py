"""The archive of the runner: what travels with each job on Kubernetes."""

from __future__ import annotations

import zipfile
from typing import TYPE_CHECKING

from rayspace.gateways.runner_archive import runner_archive

if TYPE_CHECKING:
    from pathlib import Path

#: All that a Secret may hold. Source: MaxSecretSize of Kubernetes' core API. [bytes]
_SECRET_BYTES = 2**20


def test_the_archive_fits_a_secret_with_room_to_grow(tmp_path: Path) -> None:
    """The order of a job lies elsewhere; credentials have a Secret of their own."""
    assert runner_archive(tmp_path).stat().st_size < 0.85 * _SECRET_BYTES


def test_the_archive_holds_no_server_and_no_front_end(tmp_path: Path) -> None:
    """Its bytes depend on contents only, so that equal versions are one file."""
    archive = runner_archive(tmp_path / "one")
    names = zipfile.ZipFile(archive).namelist()
    assert "rayspace/runner/supervisor.py" in names
    assert not [name for name in names if name.split("/")[1:2] in (["server"], ["labextension"])]
    assert runner_archive(tmp_path / "two").read_bytes() == archive.read_bytes()
