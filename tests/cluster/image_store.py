"""States of a containerd that hold images, so that no start of a cluster imports them."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from tests.cluster.derived_images import derived_archives
from tests.cluster.errors import ClusterToolError
from tests.cluster.images import ray_images, run, small_images
from tests.cluster.sandbox.node import copy_images
from tests.cluster.store import part

if TYPE_CHECKING:
    from collections.abc import Iterator


def images_dir() -> Path:
    """Return the state that holds all images."""
    first = [*small_images(), *ray_images()]
    then = derived_archives()

    def make_first(folder: Path) -> None:
        _import(first, folder)

    # Theirs change with what the product depends on, the others almost never.
    base = part("images", [archive.parent.name for archive in first], make_first)

    def make(folder: Path) -> None:
        copy_images(base, folder)
        _import(then, folder)

    return part("all-images", [base.name, *(archive.parent.name for archive in then)], make)


def _import(archives: list[Path], folder: Path) -> None:
    with _containerd(folder) as socket:
        for archive in archives:
            run("ctr", "-a", str(socket), "-n", "k8s.io", "images", "import", str(archive))


@contextmanager
def _containerd(folder: Path) -> Iterator[Path]:
    """Run a containerd on a state, and yield where it listens."""
    state = Path(tempfile.mkdtemp(prefix="rsc-"))
    config, socket = state / "config.toml", state / "containerd.sock"
    config.write_text(
        f'version = 2\nroot = "{folder}"\nstate = "{state}/state"\n'
        f'[grpc]\n  address = "{socket}"\n'
        'disabled_plugins = ["io.containerd.grpc.v1.cri"]\n'
    )
    with (state / "log").open("w") as log:
        process = subprocess.Popen(["containerd", "-c", str(config)], stdout=log, stderr=log)
    try:
        deadline_s = time.monotonic() + 30
        while subprocess.run(
            ["ctr", "-a", str(socket), "version"], capture_output=True, check=False
        ).returncode:
            if process.poll() is not None or time.monotonic() > deadline_s:
                raise ClusterToolError(
                    f"containerd does not come up: {(state / 'log').read_text()[-800:]}",
                    hint="See whether Debian's containerd is installed whole.",
                )
            time.sleep(0.1)
        yield socket
    finally:
        process.terminate()
        process.wait(30)
        shutil.rmtree(state)
