"""Decide how an image is built that fits a machine: on which base, and under which name.

The name ends in ``RAY-pyPYTHON``, as an administrator's ``image:`` of a namespace is filled in, so
that one pattern finds the images of all versions. Source: docker build --help; podman and buildah
take the same words.
"""

from __future__ import annotations

import shlex

from rayspace.core.images.choice import choose_image, mismatch
from rayspace.model.image_build import ImageBuild

_NAME = "rayspace"


def image_build(
    ray_version: str,
    python_version: str,
    directory: str,
    *,
    name: str = "",
    base: str = "",
    builder: str = "docker",
    has_gpu: bool = False,
) -> ImageBuild:
    """Decide how an image is built.

    Parameters
    ----------
    ray_version, python_version
        Versions here; the first is empty where there is no Ray.
    directory
        Where the Dockerfile is.
    name
        Name of the image, with or without a tag; empty for one that is not pushed.
    base
        The image of Ray to stand on; empty for the official one of these versions.
    builder
        The program that builds it.
    has_gpu
        Whether it is for GPUs.

    Returns
    -------
    ImageBuild
        The commands; that which pushes it where the name has a registry.
    """
    choice = choose_image(base, "", ray_version, python_version, has_gpu=has_gpu)
    python = choice.python_version or ".".join(python_version.split(".")[:2])
    tag = f"{choice.ray_version or ray_version}-py{python}{'-gpu' if has_gpu else ''}".lstrip("-")
    image = name or _NAME
    if ":" not in image.rpartition("/")[2] and "@" not in image:
        image = f"{image}:{tag}"
    build = [builder, "build", "--build-arg", f"BASE={choice.image}", "-t", image, directory]
    commands = [shlex.join(build)]
    notes = [f"Heads and workers of this image have Ray {choice.ray_version} and Python {python}."]
    if not choice.ray_version:
        notes = [f"Which Ray {choice.image} holds, its name does not tell."]
    if not ray_version:
        notes.append("No Ray is installed here, so it is the one that clusters get by default.")
    if differs := mismatch(choice, ray_version, python_version):
        notes.append(f"{differs}: Ray refuses notebooks from here on it.")
    if "/" in image:
        commands.append(shlex.join([builder, "push", image]))
        notes.append(f"Then: rayspace cluster up PROFILE --image {shlex.quote(image)} --on TARGET")
    else:
        notes.append("Name it where your cluster pulls from: --tag registry.example.org/team/ray")
    return ImageBuild(
        tuple(commands), image, choice.image, choice.ray_version, python, directory, tuple(notes)
    )
