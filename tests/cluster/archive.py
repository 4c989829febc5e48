"""Write an image as an archive that containerd and buildah read, without an image builder.

Source: the layout that ``docker save`` writes, image spec v1.2.
"""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_BLOCK_BYTES = 1 << 22


def write_image(
    archive: Path,
    name: str,
    layer: Path,
    *,
    command: Sequence[str],
    env: Mapping[str, str] | None = None,
    user: str = "",
    directory: str = "/",
) -> None:
    """Write an image of one layer.

    Parameters
    ----------
    archive
        The file to write.
    name
        Name and tag of the image.
    layer
        Uncompressed tar of its files.
    command
        What it runs.
    env
        Environment variables beside PATH.
    user
        Who runs it; empty for root.
    directory
        Where it runs.
    """
    digest = hashlib.sha256()
    with layer.open("rb") as stream:
        while block := stream.read(_BLOCK_BYTES):
            digest.update(block)
    variables = {"PATH": _PATH, **(env or {})}
    config = {
        "architecture": "amd64",
        "os": "linux",
        "config": {
            "User": user,
            "WorkingDir": directory,
            "Cmd": list(command),
            "Env": [f"{key}={value}" for key, value in variables.items()],
        },
        # As many entries as layers, or buildah adds none.
        "history": [{"created_by": "rayspace tests"}],
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{digest.hexdigest()}"]},
    }
    text = json.dumps(config).encode()
    config_name = f"{hashlib.sha256(text).hexdigest()}.json"
    manifest = [{"Config": config_name, "RepoTags": [name], "Layers": ["layer.tar"]}]
    with tarfile.open(archive, "w") as tar:
        for path, content in (
            (config_name, text),
            ("manifest.json", json.dumps(manifest).encode()),
        ):
            member = tarfile.TarInfo(path)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
        tar.add(layer, "layer.tar")


def write_layer(layer: Path, files: Mapping[str, Path], links: Mapping[str, str]) -> None:
    """Write a layer of programs, and a directory for temporary files.

    Parameters
    ----------
    layer
        The file to write.
    files
        Programs by their path in the image.
    links
        Targets of symbolic links by their path in the image.
    """
    with tarfile.open(layer, "w") as tar:
        writable = tarfile.TarInfo("tmp")
        writable.type, writable.mode = tarfile.DIRTYPE, 0o1777
        tar.addfile(writable)
        for path, source in files.items():
            member = tarfile.TarInfo(path.lstrip("/"))
            member.size, member.mode = source.stat().st_size, 0o755
            with source.open("rb") as stream:
                tar.addfile(member, stream)
        for path, target in links.items():
            member = tarfile.TarInfo(path.lstrip("/"))
            member.type, member.linkname = tarfile.SYMTYPE, target
            tar.addfile(member)
