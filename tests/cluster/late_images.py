"""Images that few tests need, built on Ray's and brought into a running cluster by those that do.

They are not among the images that every cluster starts with: they are large. The product itself is
in none of them: it would have to be built with each change.
"""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import tempfile
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

from tests.cluster import front
from tests.cluster.errors import ClusterToolError
from tests.cluster.images import PREFIX, RAY, bud, buildah, ray_images
from tests.cluster.stages import stage
from tests.cluster.store import HERE, ROOT, part

if TYPE_CHECKING:
    from collections.abc import Iterator

MLFLOW, LAB = f"{PREFIX}/mlflow:test", f"{PREFIX}/lab:test"
STARTERS, STORES = f"{PREFIX}/starters:test", f"{PREFIX}/stores:test"
#: What the notebooks to begin from import, beside what every job has.
_STARTERS_NEED = ("scikit-learn", "pandas", "pyarrow", "matplotlib", "joblib")


def mlflow_archive() -> Path:
    """Return the archive of the image of MLflow's server, built if it is not there."""
    return _archive("mlflow", MLFLOW)


def lab_archive() -> Path:
    """Return the archive of the image of a person's JupyterLab, as a hub would start it."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    extra = project["optional-dependencies"]["jupyter"]
    wanted = [*project["dependencies"], *extra, "jupyterlab>=4.4"]
    return _archive("lab", LAB, "".join(f"{line}\n" for line in wanted))


def starters_archive() -> Path:
    """Return the archive of an image with what the notebooks to begin from import."""
    return _archive("starters", STARTERS, "".join(f"{name}\n" for name in _STARTERS_NEED))


def stores_archive() -> Path:
    """Return the archive of an image with a database and an object store."""
    return _archive("stores", STORES)


def bring_mlflow_image(name: str = front.DEFAULT_NAME) -> str:
    """Import MLflow's image into the first node of a running cluster, and return its name."""
    return _bring(MLFLOW, mlflow_archive(), name)


def bring_lab_image(name: str = front.DEFAULT_NAME) -> str:
    """Import JupyterLab's image into the first node of a running cluster, and return its name."""
    return _bring(LAB, lab_archive(), name)


def bring_starters_image(name: str = front.DEFAULT_NAME) -> str:
    """Import the image for the starters into the first node, and return its name."""
    return _bring(STARTERS, starters_archive(), name)


def bring_stores_image(name: str = front.DEFAULT_NAME) -> str:
    """Import the image of a database and an object store, and return its name."""
    return _bring(STORES, stores_archive(), name)


def _archive(kind: str, image: str, requirements: str = "") -> Path:
    """Build an image on Ray's, whose layers every node has."""
    given = HERE / "images" / kind
    ray, _ = ray_images()

    def make(folder: Path) -> None:
        temporary = tempfile.TemporaryDirectory
        with temporary(dir=folder) as storage, temporary() as put:
            recipe = shutil.copytree(given, Path(put, "recipe"))
            if requirements:
                (recipe / "requirements.txt").write_text(requirements)
            with stage("load the image of Ray"):
                buildah(storage, "pull", "--quiet", f"docker-archive:{ray}")
            with stage(f"build the image {image}"):
                bud(storage, RAY, image, recipe)
                target = f"docker-archive:{folder}/image.tar:{image}"
                buildah(storage, "push", "--quiet", image, target)

    sources = [given, *filter(None, [requirements]), ray.parent.name, image]
    return part(f"image-{kind}", sources, make) / "image.tar"


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


def _bring(image: str, archive: Path, name: str) -> str:
    """Import an image into the first node of a running cluster, unless it is there."""
    inside = _images_of(name)
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
