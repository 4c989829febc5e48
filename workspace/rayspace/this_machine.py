"""What this machine and this person are called, and what is installed here."""

from __future__ import annotations

import getpass
import importlib.metadata
import importlib.util
import os
import platform
import secrets
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rayspace.model.kernel import KernelFacts

#: Letters of a job's random end: none that are mistaken for each other, no vowels.
_SUFFIX_LETTERS = "bcdfghjkmnpqrstvwxz23456789"
_SUFFIX_LENGTH = 5


def versions_here(kernel: KernelFacts | None = None) -> tuple[str, str]:
    """Return the versions of Ray (empty for none) and of Python, without importing Ray.

    Parameters
    ----------
    kernel
        Whose versions count; None for those of this Python.
    """
    if kernel is not None:
        return kernel.ray_version, kernel.python_version
    found = importlib.util.find_spec("ray") is not None
    version = importlib.metadata.version("ray") if found else ""
    return version, platform.python_version()


def user_name() -> str:
    """Return the name of this person; their number where they have none."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        # A user id without a name, as containers have.
        return f"uid-{os.getuid()}"


def new_suffix() -> str:
    """Return a random end of a name."""
    return "".join(secrets.choice(_SUFFIX_LETTERS) for _ in range(_SUFFIX_LENGTH))
