"""The asynchronous face: ``await rayspace.aio.clusters.up("laptop")``.

``clusters`` and ``jobs`` are the services of the working directory's project.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rayspace.services.clusters import ClusterService
    from rayspace.services.jobs import JobService

    clusters: ClusterService
    jobs: JobService

__all__ = ["clusters", "jobs"]


def __getattr__(name: str) -> Any:
    if name in __all__:
        from rayspace.app import current_app

        return getattr(current_app(), name)
    message = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(message)
