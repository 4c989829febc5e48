"""How the image of heads and workers is built."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ImageBuild:
    """The commands that build an image which fits this machine, and what they are about.

    Parameters
    ----------
    commands
        Commands of a shell, in their order.
    image
        Name of the image that they make.
    base
        The image of Ray on which it stands.
    ray_version, python_version
        What the base holds; empty for unknown. Of Python major and minor: ``"3.11"``.
    directory
        Where the Dockerfile is.
    notes
        Sentences of what is worth knowing.
    """

    commands: tuple[str, ...]
    image: str
    base: str
    ray_version: str
    python_version: str
    directory: str
    notes: tuple[str, ...] = ()
