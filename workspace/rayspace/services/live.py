"""The live side of a job: what Ray and KubeRay say of it, as long as they know it."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from typing import TYPE_CHECKING

from rayspace.core.jobs.lifecycle import UNSEEN, Observation, recorded_verdict
from rayspace.core.jobs.ray_job_verdict import is_kept
from rayspace.errors import (
    ClusterNotFoundError,
    GatewayError,
    JobNotFoundError,
    NotFoundError,
    PhaseError,
    RayspaceError,
)
from rayspace.model.job import JobPhase
from rayspace.model.ray_job import RayJobStage
from rayspace.model.run import RunRecord, Tag
from rayspace.model.target import LOCAL

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rayspace.gateways.contracts import HeadGateway, JobGateway
    from rayspace.model.cluster import ClusterState
    from rayspace.model.place import Place
    from rayspace.services.clusters import ClusterService


class LiveSide:
    """Looks at jobs where they run.

    Parameters
    ----------
    clusters
        The clusters.
    head
        The HTTP face of a head.
    gateways
        Jobs with a cluster of their own, by target.
    place
        This machine and this person.
    """

    def __init__(
        self,
        clusters: ClusterService,
        head: HeadGateway,
        gateways: Mapping[str, JobGateway],
        place: Place,
    ) -> None:
        self._clusters = clusters
        self._head = head
        self._gateways = gateways
        self._place = place

    def gateway(self, record: RunRecord) -> JobGateway | None:
        """Return what knows a job with a cluster of its own; None for other jobs."""
        if Tag.RAY_JOB_UID not in record.tags:
            return None
        return self._gateways.get(record.tags.get(Tag.TARGET, LOCAL))

    async def observe(self, record: RunRecord, *, is_quiet: bool = False) -> Observation:
        """Look at a job.

        Parameters
        ----------
        record
            Its run.
        is_quiet
            Whether its runner gives no sign, so that it is worth asking why.

        Returns
        -------
        Observation
            What was seen.
        """
        if Tag.RAY_JOB_UID in record.tags:
            return await self._ray_job(record, is_quiet=is_quiet)
        cluster = await self._running(record)
        if isinstance(cluster, Observation):
            return cluster
        try:
            live = await self._head.job(cluster.address, record.tags[Tag.JOB])
        except NotFoundError:
            return Observation(None, cluster_answers=True, cluster_gone=False)
        except GatewayError:
            return UNSEEN
        return Observation(live, cluster_answers=True, cluster_gone=False)

    async def cluster(self, record: RunRecord) -> ClusterState:
        """Return the cluster on which a job runs.

        Raises
        ------
        PhaseError
            If there is none (any more).
        """
        name = record.tags[Tag.JOB]
        gateway = self.gateway(record)
        try:
            if gateway is not None:
                return await gateway.cluster(await gateway.get(name, explain=False))
            target = record.tags.get(Tag.TARGET) or None
            return await self._clusters.status(record.tags.get(Tag.CLUSTER), target=target)
        except NotFoundError as exc:
            raise PhaseError(
                f"The job {name!r} has no cluster at the moment.",
                hint=f"See where it stands with: rayspace job status {name}",
                details={"name": name},
            ) from exc

    async def log(self, record: RunRecord) -> str:
        """Return the log as Ray has it; empty when Ray has none (any more)."""
        try:
            cluster = await self.cluster(record)
            pieces = self._head.logs(cluster.address, record.tags[Tag.JOB], follow=False)
            return "".join([piece async for piece in pieces])
        except (GatewayError, NotFoundError, PhaseError):
            # The head went away; what is known stands without its log.
            return ""

    async def aftermath(self, record: RunRecord) -> dict[str, str]:
        """Return what else Kubernetes knows of a job, as texts by the name of a file."""
        gateway = self.gateway(record)
        if gateway is None:
            return {}
        name = record.tags[Tag.JOB]
        files: dict[str, str] = {}
        # Kubernetes may be away, or forbid one of them: the verdict does not depend on this.
        with contextlib.suppress(RayspaceError):
            files["events.txt"] = await gateway.events(name)
        with contextlib.suppress(RayspaceError):
            logs = await gateway.pod_logs(name)
            files |= {f"pods/{pod}.log": text for pod, text in logs.items()}
        return {path: text for path, text in files.items() if text}

    async def release(self, record: RunRecord) -> None:
        """Give back what a job holds for which KubeRay waits in vain; its run has what is left."""
        gateway = self.gateway(record)
        # Who only looks may not be allowed to; then it stays until somebody takes the node away.
        with contextlib.suppress(RayspaceError):
            if gateway is not None:
                await gateway.delete(record.tags[Tag.JOB])

    async def end_when_stopped(self, record: RunRecord) -> None:
        """Let Kubernetes end the cluster of a job that is being stopped, should nobody wait."""
        gateway = self.gateway(record)
        # The job is being stopped, with or without this; who waits deletes it.
        with contextlib.suppress(RayspaceError):
            if gateway is not None:
                await gateway.end_when_stopped(record.tags[Tag.JOB])

    async def is_kept(self, record: RunRecord) -> bool:
        """Tell whether a job that was stopped still holds its own cluster, which nothing ends."""
        gateway = self.gateway(record)
        if gateway is None:
            return False
        try:
            found = await gateway.get(record.tags[Tag.JOB], explain=False)
        except JobNotFoundError:
            return False
        verdict = recorded_verdict(record.tags)
        was_stopped = verdict is not None and verdict.phase is JobPhase.STOPPED
        return is_kept(found) or (was_stopped and not found.is_ending)

    async def _ray_job(self, record: RunRecord, *, is_quiet: bool) -> Observation:
        gateway = self.gateway(record)
        if gateway is None:
            # A target that this machine does not have.
            return UNSEEN
        try:
            found = await gateway.get(record.tags[Tag.JOB])
            if is_quiet and found.stage is RayJobStage.RUNNING:
                # It began: whatever is wrong may yet be waited out.
                found = replace(await gateway.explained(found), is_hopeless=False)
        except JobNotFoundError:
            return Observation(None, cluster_answers=True, cluster_gone=False)
        except RayspaceError:
            return UNSEEN
        return Observation(None, cluster_answers=True, cluster_gone=False, ray_job=found)

    async def _running(self, record: RunRecord) -> ClusterState | Observation:
        """Return the running cluster of a job, or what it means that there is none."""
        tags = record.tags
        # Only who keeps the records of clusters knows that one is no more: on a shared server lie
        # jobs of other machines, whose clusters may bear the same name. A target is everybody's.
        target = tags.get(Tag.TARGET) or LOCAL
        kept_here = (tags.get(Tag.HOST), tags.get(Tag.RECORDS)) == (
            self._place.host,
            self._place.records,
        )
        gone = Observation(None, cluster_answers=False, cluster_gone=kept_here or target != LOCAL)
        try:
            cluster = await self._clusters.status(tags.get(Tag.CLUSTER) or "", target=target)
        except ClusterNotFoundError:
            return gone
        except RayspaceError:
            return UNSEEN
        if cluster.uid != tags.get(Tag.CLUSTER_UID, "") or cluster.phase.is_terminal:
            return gone
        return cluster
