"""The grammar of ``rayspace image``."""

from __future__ import annotations

from typing import Any

from rayspace.grammar_arguments import add_verb

#: Programs that build images by the same words; the first by default.
BUILDERS = ("docker", "podman", "buildah")


def add_image(verbs: Any) -> None:
    """Add the verb to the grammar of the ``rayspace`` command."""
    image = add_verb(
        verbs,
        "image",
        "print the command that builds an image for heads and workers, of the Ray and the Python"
        " that are here",
        examples="example: rayspace image --tag registry.example.org/team/ray | sh",
    )
    image.add_argument("--gpu", action="store_true", help="for nodes with GPUs: Ray with CUDA")
    image.add_argument(
        "--tag",
        metavar="NAME",
        help="its name; without a tag it gets the versions, and with a registry it is pushed",
    )
    image.add_argument(
        "--base", metavar="I", help="an image of Ray to stand on; by default the official one"
    )
    image.add_argument(
        "--builder", choices=BUILDERS, default=BUILDERS[0], help="the program that builds it"
    )
