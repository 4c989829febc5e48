"""Do what a line asks: one function for each verb, shared by magics and command line."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rayspace.core.clusters.wishes import Wishes
from rayspace.errors import UsageError
from rayspace.extras import missing_extras
from rayspace.grammar_arguments import where
from rayspace.loop import in_thread
from rayspace.model.progress import Stage
from rayspace.model.target import LOCAL
from rayspace.services.observation import opening
from rayspace.services.usage import with_nodes
from rayspace.submit_options import line_parameters, submit_options
from rayspace.usage_verbs import USAGE_VERBS

if TYPE_CHECKING:
    import argparse
    from collections.abc import AsyncIterator, Awaitable, Callable

    from rayspace.app import App
    from rayspace.model.cluster import ClusterState
    from rayspace.model.progress import Report

    Verb = Callable[[App, argparse.Namespace, Report], Awaitable[Any]]


@dataclass(frozen=True)
class Listing:
    """Several things of one kind.

    Parameters
    ----------
    kind
        What they are, in the plural: the key in JSON.
    items
        The things.
    chosen
        Name of the one that is meant when nobody names one.
    """

    kind: str
    items: tuple[Any, ...]
    chosen: str = ""


@dataclass(frozen=True)
class Lines:
    """Text that comes in pieces.

    Parameters
    ----------
    pieces
        The pieces, as written.
    by_line
        Whether each piece is a line without its end.
    """

    pieces: AsyncIterator[str]
    by_line: bool


@dataclass(frozen=True)
class Explanation:
    """A cluster, and why it is not as it should be.

    Parameters
    ----------
    cluster
        The cluster, with its problems.
    """

    cluster: ClusterState


async def _list_clusters(app: App, args: argparse.Namespace, report: Report) -> Listing:
    target = where(app, args)
    found = await app.clusters.list(target=target or "all", report=report)
    return Listing("clusters", tuple(found), app.clusters.chosen_name())


async def _up(app: App, args: argparse.Namespace, report: Report) -> Any:
    workers, max_workers = args.workers or (None, None)
    target = where(app, args)
    if args.dry_run:
        wishes = Wishes(
            args.name,
            workers,
            args.cpus,
            args.memory,
            args.gpus,
            dict(args.env),
            args.dashboard_port,
            max_workers,
            args.gpu_type,
            args.image,
            args.queue,
            args.idle,
            args.max_lifetime,
            dict(args.settings),
        )
        return await app.clusters.preview(args.profile, wishes, target=target)
    return await app.clusters.up(
        args.profile,
        name=args.name,
        workers=workers,
        max_workers=max_workers,
        gpu_type=args.gpu_type,
        image=args.image,
        queue=args.queue,
        idle_s=args.idle,
        max_lifetime_s=args.max_lifetime,
        settings=dict(args.settings),
        ready=args.ready,
        force=args.force,
        cpus=args.cpus,
        memory=args.memory,
        gpus=args.gpus,
        env=dict(args.env),
        dashboard_port=args.dashboard_port,
        target=target,
        wait=args.wait,
        wait_timeout_s=args.wait_timeout or 600.0,
        report=report,
    )


async def _cluster_status(app: App, args: argparse.Namespace, report: Report) -> Any:
    from rayspace.core.diagnosis.diagnose import is_half_known

    target = where(app, args)
    state = await app.clusters.status(args.name, target=target)
    if any(map(is_half_known, state.problems)):
        return await app.clusters.why(state.name, target=state.target)
    return state


async def _why(app: App, args: argparse.Namespace, report: Report) -> Any:
    target = where(app, args)
    return Explanation(await app.clusters.why(args.name, target=target))


async def _suspend(app: App, args: argparse.Namespace, report: Report) -> Any:
    target = where(app, args)
    return await app.clusters.suspend(args.name, target=target, force=args.force, report=report)


async def _resume(app: App, args: argparse.Namespace, report: Report) -> Any:
    target = where(app, args)
    return await app.clusters.resume(
        args.name,
        target=target,
        force=args.force,
        wait=args.wait,
        wait_timeout_s=args.wait_timeout or 600.0,
        report=report,
    )


async def _extend(app: App, args: argparse.Namespace, report: Report) -> Any:
    target = where(app, args)
    return await app.clusters.extend(
        args.duration, args.name, target=target, force=args.force, report=report
    )


async def _targets(app: App, args: argparse.Namespace, report: Report) -> Listing:
    return Listing("targets", tuple(app.targets()))


async def _nodes(app: App, args: argparse.Namespace, report: Report) -> Listing:
    target = where(app, args)
    state = await with_nodes(app.clusters, args.name, target=target)
    return Listing("nodes", tuple(await app.clusters.nodes(state.name, target=state.target)))


async def _cluster_logs(app: App, args: argparse.Namespace, report: Report) -> Lines:
    target = where(app, args)
    state = await app.clusters.status(args.name, target=target)
    lines = app.clusters.logs(state.name, target=state.target, follow=args.follow)
    return Lines(lines, by_line=True)


async def _scale(app: App, args: argparse.Namespace, report: Report) -> Any:
    target = where(app, args)
    return await app.clusters.scale(
        args.name,
        target=target,
        workers=args.workers[0],
        max_workers=args.workers[1],
        group=args.group,
        force=args.force,
        wait=args.wait,
        wait_timeout_s=args.wait_timeout or 120.0,
        report=report,
    )


async def _down(app: App, args: argparse.Namespace, report: Report) -> Any:
    target = where(app, args)
    return await app.clusters.down(
        args.name, dry_run=args.dry_run, force=args.force, target=target, report=report
    )


async def _adopt(app: App, args: argparse.Namespace, report: Report) -> Any:
    target = where(app, args)
    return await app.clusters.adopt(args.name, address=args.address, target=target)


async def _use(app: App, args: argparse.Namespace, report: Report) -> Any:
    target = where(app, args)
    return await app.clusters.use(args.name, target=target)


async def _profiles(app: App, args: argparse.Namespace, report: Report) -> Listing:
    target = where(app, args)
    return Listing("profiles", tuple(await app.clusters.profiles(target=target)))


async def _limits(app: App, args: argparse.Namespace, report: Report) -> Any:
    target = where(app, args)
    if args.policy:
        return await app.clusters.limits_policy(target=target)
    return await app.clusters.limits(target=target)


async def _doctor(app: App, args: argparse.Namespace, report: Report) -> Any:
    target = where(app, args)
    if target and target != LOCAL:
        from rayspace.doctor_target import examine_target

        report(Stage("doctor", f"Looking at {target}", is_passing=True))
        return Listing("checks", tuple(await examine_target(app, target)))
    from rayspace.doctor import examine

    report(Stage("doctor", "Looking at this machine", is_passing=True))
    return Listing("checks", tuple(await examine(app)))


async def _connect(app: App, args: argparse.Namespace, report: Report) -> Any:
    raise UsageError(
        "Only a notebook or an IPython session can be attached to a cluster.",
        hint="There, after %load_ext rayspace: %ray_cluster connect",
    )


async def _list_jobs(app: App, args: argparse.Namespace, report: Report) -> Listing:
    target = where(app, args)
    return Listing("jobs", tuple(await app.jobs.list(target=target, report=report)))


async def _submit(app: App, args: argparse.Namespace, report: Report) -> Any:
    if args.notebook is None:
        raise UsageError("No notebook was named.", hint="Write: rayspace job submit NOTEBOOK.ipynb")
    params, options = line_parameters(args), submit_options(args, where(app, args))
    if args.dry_run:
        return await app.jobs.plan(args.notebook, params, **options)
    return await app.jobs.submit(args.notebook, params, wait=args.wait, report=report, **options)


async def _job_status(app: App, args: argparse.Namespace, report: Report) -> Any:
    return await app.jobs.status(args.name)


async def _job_logs(app: App, args: argparse.Namespace, report: Report) -> Lines:
    name = (await app.jobs.status(args.name)).name
    return Lines(app.jobs.logs(name, follow=args.follow), by_line=False)


async def _fetch(app: App, args: argparse.Namespace, report: Report) -> Any:
    return await app.jobs.fetch(args.name)


async def _open(app: App, args: argparse.Namespace, report: Report) -> Any:
    paths = await app.jobs.fetch(args.name)
    # A sweep has a page for each trial.
    page = paths.html or paths.notebook or (paths.directory if paths.trials else "")
    if page and not args.json:
        import webbrowser

        # False where there is no display; the paths are shown all the same.
        await in_thread(webbrowser.open, Path(page).as_uri())
    return paths


async def _stop(app: App, args: argparse.Namespace, report: Report) -> Any:
    return await app.jobs.stop(args.name, report=report)


async def _retry(app: App, args: argparse.Namespace, report: Report) -> Any:
    target = where(app, args)
    return await app.jobs.retry(
        args.name,
        cluster=args.cluster,
        profile=args.profile,
        target=target,
        wait=args.wait,
        report=report,
    )


CLUSTER_VERBS: dict[str, Verb] = {
    "list": _list_clusters,
    "up": _up,
    "status": _cluster_status,
    "why": _why,
    "nodes": _nodes,
    **USAGE_VERBS,
    "suspend": _suspend,
    "resume": _resume,
    "extend": _extend,
    "targets": _targets,
    "limits": _limits,
    "logs": _cluster_logs,
    "scale": _scale,
    "connect": _connect,
    "disconnect": _connect,
    "use": _use,
    "down": _down,
    "adopt": _adopt,
    "profiles": _profiles,
    "doctor": _doctor,
}


def _tracked(verb: Verb) -> Verb:
    """Say at once what is done first, which may take seconds: the job is looked up."""

    async def told(app: App, args: argparse.Namespace, report: Report) -> Any:
        report(opening(app.tracking_uri))
        return await verb(app, args, report)

    return told


JOB_VERBS: dict[str, Verb] = {
    "list": _tracked(_list_jobs),
    # Checks the order before that, and says so itself.
    "submit": _submit,
    "status": _tracked(_job_status),
    "logs": _tracked(_job_logs),
    "open": _tracked(_open),
    "fetch": _tracked(_fetch),
    "stop": _tracked(_stop),
    "retry": _tracked(_retry),
}


async def perform(
    verbs: dict[str, Verb], app: App, args: argparse.Namespace, report: Report
) -> Any:
    """Do what a parsed line asks.

    Parameters
    ----------
    verbs
        `CLUSTER_VERBS` or `JOB_VERBS`.
    app
        The services.
    args
        The parsed line.
    report
        Called with each stage.

    Returns
    -------
    Any
        A value of the model, a `Listing` or `Lines`.
    """
    with missing_extras():
        return await verbs[args.verb](app, args, report)
