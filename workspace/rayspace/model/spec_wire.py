"""Read what was asked for back from JSON: from a state file, or an annotation of a cluster."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rayspace.model.cluster import ClusterSpec
from rayspace.model.profile import GroupSpec, NodeResources, PodOptions

if TYPE_CHECKING:
    from collections.abc import Mapping


def spec_from_wire(data: Mapping[str, Any]) -> ClusterSpec:
    """Turn the JSON of a `ClusterSpec` back into one.

    Parameters
    ----------
    data
        What `rayspace.model.wire.to_wire` made of it.

    Returns
    -------
    ClusterSpec
        An equal one.

    Raises
    ------
    KeyError
        If something is missing.
    TypeError
        If it is no such JSON.
    """
    groups = [
        GroupSpec(**{**group, "worker": NodeResources(**group["worker"])})
        for group in data.get("more_groups", ())
    ]
    pods = dict(data.get("pods", {}))
    for name in ("tolerations", "image_pull_secrets"):
        pods[name] = tuple(pods.get(name, ()))
    changed = {
        "head": NodeResources(**data["head"]),
        "worker": NodeResources(**data["worker"]),
        "more_groups": tuple(groups),
        "pods": PodOptions(**pods),
    }
    return ClusterSpec(**{**data, **changed})
