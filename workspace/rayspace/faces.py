"""The synchronous face: the same services, for notebooks and scripts.

Each method is the service's own, waited for; there is no second implementation.
"""

from __future__ import annotations

import functools
import inspect
import logging
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar

from rayspace import attach
from rayspace.app import current_app
from rayspace.core.jobs.wishes import SubmitOptions
from rayspace.doctor import examine
from rayspace.loop import iterate, run
from rayspace.model.cluster import Origin
from rayspace.model.progress import silent
from rayspace.services.clusters import ClusterService
from rayspace.services.jobs import JobService

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine, Iterator

    from rayspace.model.check import Check
    from rayspace.model.cluster import ClusterState
    from rayspace.model.progress import Report
    from rayspace.services.ending import DownResult

P = ParamSpec("P")
R = TypeVar("R")

_logger = logging.getLogger("rayspace")


def _on_clusters(
    method: Callable[Concatenate[ClusterService, P], Coroutine[Any, Any, R]],
) -> Callable[P, R]:
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        return run(method(current_app().clusters, *args, **kwargs))

    return _described_as(method, call)


def _on_jobs(
    method: Callable[Concatenate[JobService, P], Coroutine[Any, Any, R]],
) -> Callable[P, R]:
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        return run(method(current_app().jobs, *args, **kwargs))

    return _described_as(method, call)


def _described_as(method: Callable[..., Any], call: Callable[P, R]) -> Callable[P, R]:
    """Give a call the name, text and signature of the method that it waits for."""
    functools.update_wrapper(call, method)
    signature = inspect.signature(method)
    # The service is not the caller's to give.
    _, *own = signature.parameters.values()
    parameters = [p for p in own if p.kind is not inspect.Parameter.VAR_KEYWORD]
    if len(parameters) != len(own):
        # Shown to people one by one, as they are written.
        parameters += [
            inspect.Parameter(
                name,
                inspect.Parameter.KEYWORD_ONLY,
                default=None,
                annotation=getattr(kind, "__forward_arg__", kind),
            )
            for name, kind in SubmitOptions.__annotations__.items()
        ]
    call.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    return call


def _activating(call: Callable[P, ClusterState]) -> Callable[P, ClusterState]:
    """Let ``ray.init()`` of this process join the cluster that a call gave back."""

    @functools.wraps(call)
    def activated(*args: P.args, **kwargs: P.kwargs) -> ClusterState:
        state = call(*args, **kwargs)
        other = "" if current_app().is_inside_job else attach.activate(state)
        if other:
            # Shown where nobody has set up logging: else ray.init() would seem to have joined.
            _logger.warning(
                "Ray in this process stays connected to %s. To switch to %s:"
                " rayspace.clusters.disconnect(), then rayspace.clusters.use(%r).",
                other,
                state.name,
                state.name,
            )
        return state

    return activated


class Clusters:
    """Clusters, synchronously; see `rayspace.services.clusters.ClusterService`.

    After `up`, `use` and `adopt`, ``ray.init()`` of this process joins the cluster; while Ray is
    connected to another one, that connection stays, and the log says so.
    """

    up = staticmethod(_activating(_on_clusters(ClusterService.up)))
    use = staticmethod(_activating(_on_clusters(ClusterService.use)))
    adopt = staticmethod(_activating(_on_clusters(ClusterService.adopt)))
    plan = staticmethod(_on_clusters(ClusterService.plan))
    list = staticmethod(_on_clusters(ClusterService.list))
    status = staticmethod(_on_clusters(ClusterService.status))
    wait_ready = staticmethod(_on_clusters(ClusterService.wait_ready))
    nodes = staticmethod(_on_clusters(ClusterService.nodes))
    scale = staticmethod(_on_clusters(ClusterService.scale))
    why = staticmethod(_on_clusters(ClusterService.why))
    suspend = staticmethod(_on_clusters(ClusterService.suspend))
    resume = staticmethod(_on_clusters(ClusterService.resume))
    extend = staticmethod(_on_clusters(ClusterService.extend))
    profiles = staticmethod(_on_clusters(ClusterService.profiles))
    limits = staticmethod(_on_clusters(ClusterService.limits))
    limits_policy = staticmethod(_on_clusters(ClusterService.limits_policy))

    @staticmethod
    def down(
        name: str | None = None,
        *,
        dry_run: bool = False,
        force: bool = False,
        target: str | None = None,
        report: Report = silent,
    ) -> DownResult:
        """End a cluster: this process lets go of it, its jobs save their results, then Ray ends.

        Parameters
        ----------
        name
            The cluster; by default the chosen one.
        dry_run
            Whether only to say what would be ended.
        force
            Whether to end one that somebody else made.
        target
            Where it is; by default the one place with a cluster of that name.
        report
            Called with each stage.

        Returns
        -------
        DownResult
            What was ended.
        """
        app = current_app()
        if dry_run or app.is_inside_job:
            planned = app.clusters.down(
                name, dry_run=dry_run, force=force, target=target, report=report
            )
            return run(planned)
        state = run(app.clusters.changeable(name, target=target, force=force))
        # Before it ends, since Ray ends what stays connected; an adopted one goes on.
        is_ended = state.origin is Origin.STARTED or (force and bool(state.namespace))
        if is_ended and attach.is_attached_to(state):
            attach.detach()
        result = run(app.clusters.down(state.name, force=force, target=state.target, report=report))
        attach.forget(state)
        return result

    @staticmethod
    def logs(
        name: str | None = None, *, target: str | None = None, follow: bool = False
    ) -> Iterator[str]:
        """Yield the lines of a head's log; new ones too when following."""
        return iterate(current_app().clusters.logs(name, target=target, follow=follow))

    @staticmethod
    def connect(
        name: str | None = None, *, target: str | None = None, report: Report = silent
    ) -> ClusterState:
        """Attach this process by Ray Client; see `rayspace.attach.connect`.

        Parameters
        ----------
        name
            The cluster; by default the chosen one.
        target
            Where it is; by default the one place with a cluster of that name.
        report
            Called with each stage.

        Returns
        -------
        ClusterState
            The cluster; inside a job its own, to which it is attached already.
        """
        app = current_app()
        if app.is_inside_job:
            return run(app.clusters.status(name))
        return attach.connect(app, run(attach.preflight(app, name, target=target)), report)

    @staticmethod
    def disconnect(*, report: Report = silent) -> None:
        """Detach this process from Ray; see `rayspace.attach.disconnect`.

        Parameters
        ----------
        report
            Called with what was done.
        """
        attach.disconnect(report)


def doctor() -> tuple[Check, ...]:
    """Look for what could keep clusters and jobs from working."""
    return tuple(run(examine(current_app())))


class Jobs:
    """Jobs, synchronously; see `rayspace.services.jobs.JobService`."""

    submit = staticmethod(_on_jobs(JobService.submit))
    plan = staticmethod(_on_jobs(JobService.plan))
    list = staticmethod(_on_jobs(JobService.list))
    status = staticmethod(_on_jobs(JobService.status))
    wait = staticmethod(_on_jobs(JobService.wait))
    fetch = staticmethod(_on_jobs(JobService.fetch))
    stop = staticmethod(_on_jobs(JobService.stop))
    retry = staticmethod(_on_jobs(JobService.retry))

    @staticmethod
    def logs(name: str | None = None, *, follow: bool = False) -> Iterator[str]:
        """Yield pieces of a job's log as written; until it ends when following."""
        pieces: AsyncIterator[str] = current_app().jobs.logs(name, follow=follow)
        return iterate(pieces)


clusters = Clusters()
jobs = Jobs()
