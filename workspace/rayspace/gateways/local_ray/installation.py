"""Find the Ray that local clusters start with, without importing it: that takes more than 1 s."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import platform
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rayspace.errors import MissingExtraError

if TYPE_CHECKING:
    from rayspace.model.kernel import KernelFacts


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


def find_ray(kernel: KernelFacts | None = None) -> RayInstallation:
    """Find the Ray of a notebook's kernel, else that of this interpreter.

    Parameters
    ----------
    kernel
        The kernel; None where nobody named one.

    Returns
    -------
    RayInstallation
        The Ray to start.

    Raises
    ------
    MissingExtraError
        If there is none.
    """
    if kernel is not None and kernel.ray_version:
        return RayInstallation(kernel.python, kernel.ray_version, kernel.python_version)
    if importlib.util.find_spec("ray") is None:
        raise MissingExtraError("ray")
    return RayInstallation(
        sys.executable, importlib.metadata.version("ray"), platform.python_version()
    )
