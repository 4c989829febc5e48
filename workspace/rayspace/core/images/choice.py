"""Choose the image of a cluster: Ray and Python must be those of the laptop that uses it.

Ray refuses drivers of another version of Ray, or of another minor version of Python. Source: the
tags of https://hub.docker.com/r/rayproject/ray: ``2.60.0-py311``, ``2.60.0-py311-gpu``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

_OFFICIAL = "rayproject/ray"
#: Where an image is that names no registry.
_HUB = "docker.io"
_TAG = re.compile(
    r":(?P<ray>\d+\.\d+\.\d+)(?:\.[0-9a-f]{6})?(?:-py(?P<major>3)\.?(?P<minor>\d{1,2}))?"
)
#: What the official image without a Python in its tag holds, since Ray 2.53.
_DEFAULT_PYTHON = "3.10"
#: Ray of clusters that are started where there is no Ray to match.
DEFAULT_RAY = "2.60.0"


@dataclass(frozen=True)
class ImageChoice:
    """The image of a cluster.

    Parameters
    ----------
    image
        Its name.
    ray_version, python_version
        What it holds; empty for unknown. Of Python major and minor: ``"3.11"``.
    source
        Who chose it: ``asked``, ``namespace`` or ``matched``.
    """

    image: str
    ray_version: str
    python_version: str
    source: str


def choose_image(
    asked: str, configured: str, ray_version: str, python_version: str, *, has_gpu: bool
) -> ImageChoice:
    """Choose the image.

    Parameters
    ----------
    asked
        What the profile or ``--image`` names; empty for nothing.
    configured
        What the namespace's administrator names, where ``{ray}`` and ``{python}`` stand for the
        versions here; empty for nothing.
    ray_version, python_version
        Versions here; the first is empty where there is no Ray.
    has_gpu
        Whether any pod has a GPU.

    Returns
    -------
    ImageChoice
        The image.
    """
    ray = ray_version or DEFAULT_RAY
    python = ".".join(python_version.split(".")[:2])
    if asked:
        return _described(asked, "asked")
    if configured:
        name = configured.replace("{ray}", ray).replace("{python}", python)
        return _described(name, "namespace")
    tag = f"{ray}-py{python.replace('.', '')}{'-gpu' if has_gpu else ''}"
    return ImageChoice(f"{_OFFICIAL}:{tag}", ray, python, "matched")


def mismatch(choice: ImageChoice, ray_version: str, python_version: str) -> str:
    """Say how an image differs from this machine; empty where it fits, or is not known to differ.

    Parameters
    ----------
    choice
        The image.
    ray_version, python_version
        Versions here; the first is empty where there is no Ray.
    """
    python = ".".join(python_version.split(".")[:2])
    found = []
    if ray_version and choice.ray_version and choice.ray_version != ray_version:
        found.append(f"Ray {choice.ray_version}, here is Ray {ray_version}")
    if ray_version and choice.python_version and choice.python_version != python:
        found.append(f"Python {choice.python_version}, here is Python {python}")
    return f"The image {choice.image} holds {'; and '.join(found)}" if found else ""


def _described(image: str, source: str) -> ImageChoice:
    match = _TAG.search(image)
    if match is None:
        return ImageChoice(image, "", "", source)
    python = f"{match['major']}.{match['minor']}" if match["minor"] else ""
    if not python and f"{_OFFICIAL}:" in image:
        python = _DEFAULT_PYTHON
    return ImageChoice(image, match["ray"], python, source)


def mirrored(image: str, registries: Mapping[str, str]) -> str:
    """Return under which name an image is to be had.

    Parameters
    ----------
    image
        Its name, as people write it: ``rayproject/ray`` is ``docker.io/rayproject/ray``.
    registries
        Beginnings of names, and what stands for each; the longest that fits counts.

    Returns
    -------
    str
        The name, which is the image's own where nothing fits.

    References
    ----------
    Names: https://github.com/distribution/reference, ``normalize.go``.
    """
    whole = _whole_name(image)
    for prefix in sorted(registries, key=len, reverse=True):
        start = prefix if _has_registry(f"{prefix}/") else f"{_HUB}/{prefix}"
        # Of docker.io/ray only what lies below it, or is it, and not docker.io/rayproject.
        if whole.startswith(start) and whole[len(start) : len(start) + 1] in {"", "/", ":", "@"}:
            return registries[prefix] + whole[len(start) :]
    return image


def _whole_name(image: str) -> str:
    if _has_registry(image):
        return image
    return f"{_HUB}/{image}" if "/" in image else f"{_HUB}/library/{image}"


def _has_registry(image: str) -> bool:
    first, slash, _ = image.partition("/")
    return bool(slash) and ("." in first or ":" in first or first == "localhost")
