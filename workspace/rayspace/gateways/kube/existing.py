"""What becomes of a wish whose name a RayCluster has already."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rayspace.core.clusters.replacement import is_replaceable
from rayspace.core.clusters.spec import differences
from rayspace.core.manifests import ray_cluster as manifests
from rayspace.errors import ClusterExistsError, GatewayTimeoutError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from rayspace.gateways.contracts import Clock
    from rayspace.model.cluster import ClusterSpec, ClusterState
    from rayspace.model.snapshot import KubeObject

_POLL_S = 0.25


def is_own_name(existing: KubeObject, user: str) -> bool:
    """Tell whether the RayCluster of a name is that of who asks; empty for unknown."""
    labels = existing["metadata"].get("labels") or {}
    return labels.get(manifests.MANAGED_BY) == "rayspace" and (
        not user or labels.get(manifests.OWNER_HASH) == manifests.owner_hash(user)
    )


def require_own_name(existing: KubeObject, user: str) -> None:
    """Refuse a name that somebody else has.

    Parameters
    ----------
    existing
        The RayCluster of that name.
    user
        Who asks, as the API server names them; empty for unknown.

    Raises
    ------
    ClusterExistsError
        If it is not theirs.
    """
    metadata = existing["metadata"]
    name = metadata["name"]
    if not is_own_name(existing, user):
        owner = (metadata.get("annotations") or {}).get(manifests.OWNER)
        raise ClusterExistsError(
            f"A cluster {name!r} of {owner or 'somebody else'} is there already.",
            hint=f"Give another --name, or use that one: rayspace cluster use {name}",
            details={"name": name, "owner": owner or ""},
        )


def require_same(state: ClusterState, spec: ClusterSpec) -> None:
    """Refuse a wish that one's own cluster of that name is not.

    Parameters
    ----------
    state
        The cluster.
    spec
        What is asked for.

    Raises
    ------
    ClusterExistsError
        If they differ.
    """
    differing = differences(spec, state.spec)
    if not differing:
        return
    name = state.name
    ways = "Give another --name, change it with scale,"
    if is_replaceable(state):
        ways += " put what you ask for in its place with --force,"
    raise ClusterExistsError(
        f"A cluster {name!r} runs already and has {', '.join(differing)}.",
        hint=f"{ways} or end it: rayspace cluster down {name} --on {state.target}",
        details={"name": name},
    )


async def until_gone(
    read: Callable[[], Awaitable[KubeObject | None]],
    state: ClusterState,
    clock: Clock,
    limit_s: float,
) -> None:
    """Wait until a cluster that is being deleted is gone.

    Parameters
    ----------
    read
        Reads what has its name by now; None for nothing.
    state
        The cluster.
    clock
        Tells the time.
    limit_s
        How long to wait. [s]

    Raises
    ------
    GatewayTimeoutError
        If it is still there then.
    """
    began_s, name = clock.monotonic_s(), state.name
    while (there := await read()) is not None and there["metadata"]["uid"] == state.uid:
        if clock.monotonic_s() - began_s > limit_s:
            raise GatewayTimeoutError(
                f"The cluster {name!r} is still being deleted after {limit_s:g} s.",
                system="Kubernetes",
                operation=f"delete the cluster {name}",
                hint="See which of its pods do not end: kubectl get pods -n"
                f" {state.namespace} -l ray.io/cluster={name}",
                details={"name": name},
            )
        await clock.sleep(_POLL_S)
