"""Images that few tests need, built on Ray's.

The product itself is in none of them: it would have to be built with each change.
"""

from __future__ import annotations

import shutil
import tempfile
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

from tests.cluster.images import PREFIX, RAY, bud, buildah, ray_images
from tests.cluster.stages import stage
from tests.cluster.store import HERE, ROOT, part

if TYPE_CHECKING:
    from collections.abc import Sequence

MLFLOW, LAB = f"{PREFIX}/mlflow:test", f"{PREFIX}/lab:test"
STARTERS, STORES = f"{PREFIX}/starters:test", f"{PREFIX}/stores:test"
#: What the notebooks to begin from import, beside what every job has.
_STARTERS_NEED = ("scikit-learn", "pandas", "pyarrow", "matplotlib", "joblib")


def derived_archives() -> list[Path]:
    """Return the archives of all of them, built if they are not there.

    They are MLflow's server, a person's JupyterLab as a hub would start it, what the notebooks to
    begin from import, and a database with an object store.
    """
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    lab = [*project["dependencies"], *project["optional-dependencies"]["jupyter"]]
    return [
        _archive("mlflow", MLFLOW),
        _archive("lab", LAB, [*lab, "jupyterlab>=4.4"]),
        _archive("starters", STARTERS, _STARTERS_NEED),
        _archive("stores", STORES),
    ]


def _archive(kind: str, image: str, needed: Sequence[str] = ()) -> Path:
    """Build an image on Ray's, whose layers every node has."""
    given = HERE / "images" / kind
    ray, _ = ray_images()
    requirements = "".join(f"{line}\n" for line in needed)

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
