"""Find the Ray that local clusters start with, without importing it: that takes more than 1 s."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import platform
import sys
from dataclasses import dataclass

from rayspace.errors import MissingExtraError


@dataclass(frozen=True)
class RayInstallation:
    """An interpreter that has Ray.

    Parameters
    ----------
    python
        Path of the interpreter.
    ray_version, python_version
        Versions.
    """

    python: str
    ray_version: str
    python_version: str


def find_ray() -> RayInstallation:
    """Find the Ray of this interpreter.

    Raises
    ------
    MissingExtraError
        If there is none.
    """
    if importlib.util.find_spec("ray") is None:
        raise MissingExtraError("ray")
    return RayInstallation(
        sys.executable, importlib.metadata.version("ray"), platform.python_version()
    )
