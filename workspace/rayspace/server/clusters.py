"""What is answered about clusters and targets."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from rayspace.core.clusters.wishes import Wishes
from rayspace.core.manifests.diff import manifest_yaml
from rayspace.errors import (
    GatewayTimeoutError,
    RayspaceError,
    TargetNotFoundError,
)
from rayspace.extras import missing_extras
from rayspace.model.target import LOCAL
from rayspace.model.wire import to_wire
from rayspace.server.ask import Accepted
from rayspace.server.errors import wire_error
from rayspace.server.lines import connect_cell, up_line
from rayspace.server.target_watch import target_state, trouble_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from rayspace.model.cluster import ClusterSpec, ClusterState
    from rayspace.model.progress import Report
    from rayspace.model.target import Target
    from rayspace.server.ask import Ask

#: A target that takes longer is not waited for in a list. [s]
_LIST_S = 5.0
#: Nodes of a head that does not answer are not waited for longer. [s]
_NODES_S = 10.0
#: How long an operation waits until a cluster can be used: a large image takes its time. [s]
_UP_S = 3600.0


async def list_profiles(ask: Ask) -> Any:
    """Return what can be started, of a target's namespace too if one is named."""
    return {"profiles": await ask.app.clusters.profiles(target=ask.query.get("target") or None)}


async def list_targets(ask: Ask) -> Any:
    """Return where clusters can be, each with whether it was seen to answer."""
    hub = ask.workspace.hub
    return {
        "targets": [hub.target_state(t.name) or target_state(t) for t in ask.app.targets()],
    }


async def list_clusters(ask: Ask) -> Any:
    """Return the clusters of all targets; those that do not answer are told."""
    app, named = ask.app, ask.query.get("target")
    targets = [t for t in app.targets() if named in {None, t.name}]
    if not targets:
        raise TargetNotFoundError(
            f"There is no target {named!r}.",
            hint=f"Targets here: {', '.join(t.name for t in app.targets())}.",
            details={"target": named},
        )
    parts = await asyncio.gather(*(_listed(ask, target) for target in targets))
    clusters = [state for part in parts if isinstance(part, list) for state in part]
    name = app.clusters.chosen_name()
    where = app.clusters.chosen_target() or (LOCAL if name else "")
    return {
        "clusters": sorted(clusters, key=lambda state: (state.target, state.name)),
        "chosen": {"target": where, "name": name},
        "unreached": [part for part in parts if isinstance(part, dict)],
    }


async def _listed(ask: Ask, target: Target) -> list[ClusterState] | dict[str, Any]:
    """Return the clusters of a target, or the target with why they are not known."""
    try:
        async with asyncio.timeout(_LIST_S):
            return await ask.app.clusters.list(target=target.name)
    except TimeoutError:
        late = GatewayTimeoutError(
            f"{target.name} does not answer.", system="Kubernetes", operation="list the clusters"
        )
        return trouble_of(target, late)
    except RayspaceError as exc:
        return trouble_of(target, exc)


async def get_cluster(ask: Ask) -> Any:
    """Return a cluster with its nodes, and why it is as it is."""
    clusters, target, name = ask.app.clusters, ask.where["target"], ask.where["cluster"]
    state = await clusters.why(name, target=target)
    nodes, problem = [], None
    try:
        async with asyncio.timeout(_NODES_S):
            nodes = await clusters.nodes(state.name, target=target)
    except TimeoutError:
        late = GatewayTimeoutError(
            "The head does not list its nodes.", system="Ray", operation="list its nodes"
        )
        problem = wire_error(late)
    except RayspaceError as exc:
        problem = wire_error(exc)
    return {
        "cluster": state,
        "nodes": nodes,
        "courses": ask.workspace.histories.take(state, nodes) if nodes else (),
        "nodes_problem": problem,
        "dashboard": _dashboard(target, name),
    }


async def confirm_dashboard(ask: Ask) -> Any:
    """Let the dashboard of somebody else's cluster be shown, to who confirms whose it is."""
    target, name = ask.where["target"], ask.where["cluster"]
    await ask.workspace.panes.confirm(target, name, ask.body["owner"])
    return {"dashboard": _dashboard(target, name)}


def _dashboard(target: str, name: str) -> str:
    return f"rayspace/proxy/ray/{quote(target, safe='')}/{quote(name, safe='')}/"


def cost_of(spec: ClusterSpec) -> dict[str, Any] | None:
    """Return what the workers of a cluster cost; None where nobody says."""
    price = spec.pods.price_per_hour
    if price is None:
        return None
    fewest = sum(group.n_workers for group in spec.groups)
    most = sum(max(group.n_workers, group.max_workers or 0) for group in spec.groups)
    return {
        "per_hour": fewest * price,
        "most_per_hour": most * price,
        "price_per_hour": price,
        "n_workers": fewest,
        "max_workers": most,
    }


async def plan_cluster(ask: Ask) -> Any:
    """Return what a start would do."""
    wish = ask.body
    wishes = Wishes(
        wish.get("name"),
        wish.get("workers"),
        wish.get("cpus"),
        wish.get("memory"),
        wish.get("gpus"),
        wish.get("env") or {},
        None,
        wish.get("max_workers"),
        wish.get("gpu_type"),
        wish.get("image"),
        wish.get("queue"),
        wish.get("idle_s"),
        wish.get("max_lifetime_s"),
        wish.get("settings") or {},
    )
    plan = await ask.app.clusters.preview(wish.get("profile"), wishes, target=wish.get("target"))
    return {
        "spec": plan.spec,
        "target": plan.target,
        "name_was": plan.name_was,
        "yaml": manifest_yaml(plan.manifest) if plan.manifest else "",
        "difference": plan.difference,
        "problems": plan.problems,
        "notes": plan.notes,
        "cost": cost_of(plan.spec),
        "magic": up_line({**wish, "force": True} if plan.replaced else wish),
        "replaced": plan.replaced,
    }


async def start_cluster(ask: Ask) -> Accepted:
    """Start a cluster; the operation ends when it can be used."""
    wish, app = ask.body, ask.app

    async def act(report: Report) -> Any:
        with missing_extras():
            return await app.clusters.up(
                wish.get("profile"),
                name=wish.get("name"),
                workers=wish.get("workers"),
                cpus=wish.get("cpus"),
                memory=wish.get("memory"),
                gpus=wish.get("gpus"),
                env=wish.get("env"),
                max_workers=wish.get("max_workers"),
                gpu_type=wish.get("gpu_type"),
                image=wish.get("image"),
                queue=wish.get("queue"),
                idle_s=wish.get("idle_s"),
                max_lifetime_s=wish.get("max_lifetime_s"),
                settings=wish.get("settings"),
                target=wish.get("target"),
                ready=wish.get("ready", "head"),
                force=wish.get("force", False),
                wait_timeout_s=_UP_S,
                report=report,
            )

    name = str(wish.get("name") or wish.get("profile") or "laptop")
    return Accepted(ask.workspace.operations.start("up", str(wish.get("target") or ""), name, act))


async def scale_cluster(ask: Ask) -> Accepted:
    """Change the number of workers."""
    body = ask.body
    return await _begun(
        ask,
        "scale",
        lambda name, target, report: ask.app.clusters.scale(
            name,
            target=target,
            workers=body["workers"],
            max_workers=body.get("max_workers"),
            group=body.get("group", ""),
            force=body.get("force", False),
            wait_timeout_s=_UP_S,
            report=report,
        ),
    )


async def suspend_cluster(ask: Ask) -> Accepted:
    """End the pods of a cluster."""
    return await _begun(
        ask,
        "suspend",
        lambda name, target, report: ask.app.clusters.suspend(
            name, target=target, force=ask.body.get("force", False), report=report
        ),
    )


async def resume_cluster(ask: Ask) -> Accepted:
    """Bring a suspended cluster back."""
    return await _begun(
        ask,
        "resume",
        lambda name, target, report: ask.app.clusters.resume(
            name,
            target=target,
            force=ask.body.get("force", False),
            wait_timeout_s=_UP_S,
            report=report,
        ),
    )


async def extend_cluster(ask: Ask) -> Accepted:
    """Keep a cluster from suspending itself."""
    duration_s = ask.body["duration_s"]
    return await _begun(
        ask,
        "extend",
        lambda name, target, report: ask.app.clusters.extend(
            duration_s,
            name,
            target=target,
            force=ask.body.get("force", False),
            report=report,
        ),
    )


async def end_cluster(ask: Ask) -> Any:
    """End a cluster, or say what that would end."""
    force = ask.body.get("force", False)
    if ask.body.get("dry_run"):
        return await ask.app.clusters.down(
            ask.where["cluster"], target=ask.where["target"], dry_run=True, force=force
        )

    async def act(name: str, target: str, report: Report) -> Any:
        await ask.workspace.operations.let_be(target, name)
        return await ask.app.clusters.down(name, target=target, force=force, report=report)

    return await _begun(ask, "down", act)


async def use_cluster(ask: Ask) -> Any:
    """Choose the cluster that is meant when nobody names one."""
    return await ask.app.clusters.use(ask.where["cluster"], target=ask.where["target"])


async def connect_code(ask: Ask) -> Any:
    """Return the cell that connects a notebook."""
    state = await ask.app.clusters.status(ask.where["cluster"], target=ask.where["target"])
    return {"code": connect_cell(state.name, state.target)}


async def cluster_log(ask: Ask) -> Any:
    """Return the last lines of the head's log."""
    lines = ask.app.clusters.logs(ask.where["cluster"], target=ask.where["target"])
    kept: deque[str] = deque(maxlen=ask.query["lines"])
    async for line in lines:
        kept.append(line)
    return {"text": "".join(f"{line}\n" for line in kept)}


async def _begun(
    ask: Ask, verb: str, act: Callable[[str, str, Report], Awaitable[Any]]
) -> Accepted:
    """Begin something with a cluster that is there and one's own; else say at once why not."""
    name, target = ask.where["cluster"], ask.where["target"]
    force = ask.body.get("force", False)
    state = await ask.app.clusters.changeable(name, target=target, force=force)

    async def run(report: Report) -> Any:
        return await act(state.name, state.target, report)

    return Accepted(to_wire(ask.workspace.operations.start(verb, target, name, run)))
