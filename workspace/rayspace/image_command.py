"""``rayspace image``: say how an image is built that fits this machine; nothing is built here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rayspace.core.images.build import image_build
from rayspace.gateways.templates import templates_dir
from rayspace.this_machine import versions_here

if TYPE_CHECKING:
    import argparse

    from rayspace.model.image_build import ImageBuild

_DIRECTORY = "image"


def build_of_line(args: argparse.Namespace) -> ImageBuild:
    """Say how the image is built that a line asks for.

    Parameters
    ----------
    args
        The parsed line.

    Returns
    -------
    ImageBuild
        The commands.
    """
    ray_version, python_version = versions_here()
    return image_build(
        ray_version,
        python_version,
        str(templates_dir() / _DIRECTORY),
        name=args.tag or "",
        base=args.base or "",
        builder=args.builder,
        has_gpu=args.gpu,
    )
