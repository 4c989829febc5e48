"""The image of a person's JupyterLab, as a hub would start it, brought by the tests that need it.

The product itself is not in it: it would have to be built with each change.
"""

from __future__ import annotations

import shutil
import tempfile
import tomllib
from pathlib import Path

from tests.cluster import front
from tests.cluster.images import PREFIX, RAY, bud, buildah, ray_images
from tests.cluster.mlflow_image import bring_image
from tests.cluster.stages import stage
from tests.cluster.store import HERE, ROOT, part

LAB = f"{PREFIX}/lab:test"
_RECIPE = HERE / "images" / "lab"


def lab_archive() -> Path:
    """Build the image on Ray's, whose layers every node has, and return its archive."""
    ray, _ = ray_images()
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    extra = project["optional-dependencies"]["jupyter"]
    wanted = [*project["dependencies"], *extra, "jupyterlab>=4.4"]
    requirements = "".join(f"{line}\n" for line in wanted)

    def make(folder: Path) -> None:
        temporary = tempfile.TemporaryDirectory
        with temporary(dir=folder) as storage, temporary() as put:
            recipe = shutil.copytree(_RECIPE, Path(put, "recipe"))
            (recipe / "requirements.txt").write_text(requirements)
            with stage("load the image of Ray"):
                buildah(storage, "pull", "--quiet", f"docker-archive:{ray}")
            with stage("build the image of JupyterLab"):
                bud(storage, RAY, LAB, recipe)
                target = f"docker-archive:{folder}/image.tar:{LAB}"
                buildah(storage, "push", "--quiet", LAB, target)

    return part("image-lab", [_RECIPE, requirements, ray.parent.name, LAB], make) / "image.tar"


def bring_lab_image(name: str = front.DEFAULT_NAME) -> str:
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
    return bring_image(LAB, lab_archive(), name)
