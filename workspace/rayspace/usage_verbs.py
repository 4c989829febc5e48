"""Verbs about what the nodes of a cluster use."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rayspace.grammar_arguments import where
from rayspace.services.usage import UsageLooker, with_nodes

if TYPE_CHECKING:
    import argparse

    from rayspace.app import App
    from rayspace.model.cluster_usage import ClusterUsage
    from rayspace.model.progress import Report


@dataclass(frozen=True)
class Frames:
    """A picture that is drawn again and again.

    Parameters
    ----------
    looker
        Makes the pictures.
    interval_s
        Time between two of them. [s]
    """

    looker: UsageLooker
    interval_s: float


async def gpus(app: App, args: argparse.Namespace, report: Report) -> ClusterUsage | Frames:
    """Look at all nodes and GPUs: once, or again and again."""
    target = where(app, args)
    state = await with_nodes(app.clusters, args.name, target=target)
    looker = UsageLooker(app.clusters, state, app.clock)
    return Frames(looker, args.interval) if args.watch else await looker.look()


async def elsewhere(app: App, args: argparse.Namespace, report: Report) -> Any:
    """Refuse what concerns the process of a notebook, where there is none."""
    from rayspace.errors import UsageError

    raise UsageError(
        "Only a notebook or an IPython session can be tracked.",
        hint="There, after %load_ext rayspace: %ray_cluster track",
    )


USAGE_VERBS = {"gpus": gpus, "track": elsewhere, "untrack": elsewhere}
