"""Make what starts a job, for where it shall run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rayspace.errors import TargetNotFoundError
from rayspace.services.starting import OnRunningCluster, Starter, WithOwnCluster

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from rayspace.core.clusters.spec import UpPlan
    from rayspace.core.jobs.wishes import JobWishes
    from rayspace.gateways.contracts import HeadGateway, JobGateway
    from rayspace.model.cluster import ClusterState


class Starters:
    """Makes what starts jobs.

    Parameters
    ----------
    head
        The HTTP face of a head.
    gateways
        Jobs with a cluster of their own, by target.
    archive
        Returns the runner as a file.
    credentials
        Writes what a runner of this machine needs to reach the tracking server to a private file
        and returns its path; empty when nothing is needed.
    """

    def __init__(
        self,
        head: HeadGateway,
        gateways: Mapping[str, JobGateway],
        archive: Callable[[], Path],
        credentials: Callable[[str], str],
    ) -> None:
        self._head = head
        self._gateways = gateways
        self._archive = archive
        self._credentials = credentials

    def running(self, cluster: ClusterState, wishes: JobWishes) -> Starter:
        """Return what starts a job on a cluster that is ready."""
        return OnRunningCluster(cluster, wishes, self._head, self._archive, self._credentials)

    def own(self, plan: UpPlan, wishes: JobWishes) -> Starter:
        """Return what starts a job with a cluster of its own.

        Raises
        ------
        TargetNotFoundError
            If there is no such target on Kubernetes.
        """
        target = plan.target
        gateway = self._gateways.get(target)
        if gateway is None:
            raise TargetNotFoundError(
                f"There is no target {target!r} on Kubernetes.",
                hint="See: rayspace cluster targets",
                details={"target": target, "known": sorted(self._gateways)},
            )
        return WithOwnCluster(plan, gateway.namespace, wishes, gateway, self._archive)
