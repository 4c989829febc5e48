"""The data scientist's workspace on Ray.

::

    import rayspace

    rayspace.clusters.up("laptop")
    job = rayspace.jobs.submit("train.ipynb", {"lr": 0.1}, wait=True)

In IPython and notebooks: ``%load_ext rayspace``, then ``%ray_cluster`` and ``%ray_job``.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from rayspace.version import __version__

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from rayspace import aio, errors
    from rayspace.errors import RayspaceError
    from rayspace.faces import clusters, doctor, jobs
    from rayspace.model.check import Check
    from rayspace.model.cluster import ClusterPhase, ClusterState, Node
    from rayspace.model.job import JobPhase, JobState
    from rayspace.model.profile import Profile
    from rayspace.model.progress import Stage
    from rayspace.runner.child_run import child_run
    from rayspace.tracked.faces import track, untrack

#: Where each public name comes from; loaded when it is first used, so that importing costs little.
_HOMES = {
    "Check": "rayspace.model.check",
    "ClientBuilder": "rayspace.client_builder",
    "ClusterPhase": "rayspace.model.cluster",
    "ClusterState": "rayspace.model.cluster",
    "JobPhase": "rayspace.model.job",
    "JobState": "rayspace.model.job",
    "Node": "rayspace.model.cluster",
    "Profile": "rayspace.model.profile",
    "RayspaceError": "rayspace.errors",
    "Stage": "rayspace.model.progress",
    "child_run": "rayspace.runner.child_run",
    "clusters": "rayspace.faces",
    "doctor": "rayspace.faces",
    "jobs": "rayspace.faces",
    "track": "rayspace.tracked.faces",
    "untrack": "rayspace.tracked.faces",
}
_MODULES = ("aio", "errors")

__all__ = [
    "Check",
    "ClusterPhase",
    "ClusterState",
    "JobPhase",
    "JobState",
    "Node",
    "Profile",
    "RayspaceError",
    "Stage",
    "__version__",
    "aio",
    "child_run",
    "clusters",
    "doctor",
    "errors",
    "jobs",
    "load_ipython_extension",
    "track",
    "untrack",
]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    if name in _MODULES:
        return importlib.import_module(f"rayspace.{name}")
    message = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(message)


def __dir__() -> list[str]:
    # The builder is for Ray, which looks here for what joins an address like rayspace://lab; it
    # is no public name, since importing all of those must not need Ray.
    return sorted([*__all__, "ClientBuilder"])


def load_ipython_extension(ipython: InteractiveShell) -> None:
    """Register the magics; called by ``%load_ext rayspace``."""
    from rayspace import magics

    magics.load_ipython_extension(ipython)
