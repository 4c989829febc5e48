"""A Jupyter kernel that can be started."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class KernelSpec:
    """A kernel that can be started.

    Parameters
    ----------
    name
        Its name.
    language
        Its language, in lower case.
    argv
        Its command line.
    env
        Environment variables that its spec sets.
    """

    name: str
    language: str
    argv: tuple[str, ...]
    env: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class KernelFacts:
    """What the kernel of a notebook says of its Python.

    Parameters
    ----------
    python
        Its interpreter.
    python_version
        Version of Python.
    ray_version, rayspace_version
        Versions of these packages there; empty for none.
    """

    python: str
    python_version: str
    ray_version: str = ""
    rayspace_version: str = ""
