"""The image of MLflow's server, brought into a running cluster by the tests that need it.

It is not among the images that every cluster starts with: it is large, and few tests need it.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from typing import TYPE_CHECKING

from tests.cluster import front
from tests.cluster.errors import ClusterToolError
from tests.cluster.images import PREFIX, RAY, bud, buildah, ray_images
from tests.cluster.stages import stage
from tests.cluster.store import HERE, part

if TYPE_CHECKING:
    from pathlib import Path

MLFLOW = f"{PREFIX}/mlflow:test"


def mlflow_archive() -> Path:
    """Build the image on Ray's, whose layers every node has, and return its archive."""
    recipe = HERE / "images" / "mlflow"
    ray, _ = ray_images()

    def make(folder: Path) -> None:
        with tempfile.TemporaryDirectory(dir=folder) as storage:
            with stage("load the image of Ray"):
                buildah(storage, "pull", "--quiet", f"docker-archive:{ray}")
            with stage("build the image of MLflow"):
                bud(storage, RAY, MLFLOW, recipe)
                target = f"docker-archive:{folder}/image.tar:{MLFLOW}"
                buildah(storage, "push", "--quiet", MLFLOW, target)

    return part("image-mlflow", [recipe, ray.parent.name, MLFLOW], make) / "image.tar"


def bring_mlflow_image(name: str = front.DEFAULT_NAME) -> str:
    """Import the image into the first node of a running cluster if it has none.

    Parameters
    ----------
    name
        The cluster.

    Returns
    -------
    str
        Name of the image.

    Raises
    ------
    ClusterToolError
        If it can't be built or imported.
    """
    return bring_image(MLFLOW, mlflow_archive(), name)


def bring_image(image: str, archive: Path, name: str) -> str:
    """Import an image into the first node of a running cluster, unless it is there.

    Parameters
    ----------
    image, archive
        Its name, and what holds it.
    name
        The cluster.

    Returns
    -------
    str
        Name of the image.

    Raises
    ------
    ClusterToolError
        If it can't be imported.
    """
    program = shutil.which("ctr") or "/usr/bin/ctr"
    inside = ["nsenter", "-t", str(front.init_pid(name)), "-m", "-n", "-p", program,
              "-a", "/run/containerd/containerd.sock", "-n", "k8s.io", "images"]  # fmt: skip
    if image in _done([*inside, "ls", "-q"]).split():
        return image
    with stage(f"import the image {image}"):
        _done([*inside, "import", str(archive)])
    return image


def _done(words: list[str]) -> str:
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode:
        raise ClusterToolError(
            f"{' '.join(words[-3:])} failed on the node: {done.stderr.strip()[-800:]}",
            hint="See whether the cluster is well: python -m tests.cluster status",
        )
    return done.stdout
