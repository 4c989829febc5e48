"""Names of images on a node."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
from typing import TYPE_CHECKING

from tests.cluster import front
from tests.cluster.errors import ClusterToolError

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextlib.contextmanager
def also_named(image: str, other: str, name: str = front.DEFAULT_NAME) -> Iterator[None]:
    """Let the first node have an image under another name too, as if it had been pulled."""
    inside = _images_of(name)
    _done([*inside, "tag", "--force", image, other])
    try:
        yield
    finally:
        _done([*inside, "rm", other])


def _images_of(name: str) -> list[str]:
    """Return the words that manage the images of the first node."""
    program = shutil.which("ctr") or "/usr/bin/ctr"
    return ["nsenter", "-t", str(front.init_pid(name)), "-m", "-n", "-p", program,
            "-a", "/run/containerd/containerd.sock", "-n", "k8s.io", "images"]  # fmt: skip


def _done(words: list[str]) -> None:
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode:
        raise ClusterToolError(
            f"{' '.join(words[-3:])} failed on the node: {done.stderr.strip()[-800:]}",
            hint="See whether the cluster is well: python -m tests.cluster status",
        )
