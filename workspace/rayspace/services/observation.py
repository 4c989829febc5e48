"""See where a job stands, and complete the record of one whose runner can't any more."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from rayspace.core.lifecycle import (
    UNSEEN,
    Observation,
    job_state,
    missing_verdict,
    recorded_verdict,
)
from rayspace.errors import GatewayError, NotFoundError
from rayspace.model.progress import Stage
from rayspace.model.run import RunRecord, Tag
from rayspace.services.results import results_dir
from rayspace.services.settlement import settle

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rayspace.gateways.contracts import Clock, HeadGateway, RunGateway
    from rayspace.model.cluster import ClusterState
    from rayspace.model.job import JobState, Progress, Verdict
    from rayspace.model.place import Place


def opening(tracking_uri: str) -> Stage:
    """Return the stage of a verb that looks into the tracking server, which may take seconds."""
    is_database = tracking_uri.startswith("sqlite")
    text = "Opening the tracking database" if is_database else "Asking the tracking server"
    return Stage("tracking", text, is_passing=True)


def cell_text(progress: Progress) -> str:
    """Say which cell runs; before the first one its kernel is what takes the time."""
    if not progress.cell_number:
        return "Starting the kernel"
    return f"Cell {progress.cell_number} of {progress.n_cells}: {progress.cell_preview}"


def stage_of(job: JobState) -> Stage:
    """Return the stage at which a job is."""
    progress = job.progress
    if progress is None or not progress.n_cells:
        return Stage("cell", job.reason or f"{job.name} is {job.phase.value}")
    return Stage("cell", cell_text(progress), done=progress.n_done, total=progress.n_cells)


class JobObserver:
    """Joins what a run says with what Ray says.

    Parameters
    ----------
    head
        The HTTP face of a head.
    runs
        The tracking server.
    clock
        Tells the time.
    place
        This machine and this person.
    """

    def __init__(self, head: HeadGateway, runs: RunGateway, clock: Clock, place: Place) -> None:
        self._head = head
        self._runs = runs
        self._clock = clock
        self._place = place

    async def state(self, record: RunRecord, clusters: Mapping[str, ClusterState]) -> JobState:
        """Describe a job; one that ended without a verdict gets it now.

        Parameters
        ----------
        record
            Its run.
        clusters
            All clusters by name.

        Returns
        -------
        JobState
            The job.
        """
        verdict = recorded_verdict(record.tags)
        seen = UNSEEN
        if verdict is None:
            seen = await self.observe(record, clusters)
            verdict = missing_verdict(record, seen, self._clock.now_ms())
            if verdict is not None:
                record, verdict = await self._settled(record, seen, verdict, clusters)
        return job_state(
            record,
            seen,
            verdict,
            tracking_uri=self._runs.tracking_uri,
            results_dir=results_dir(record, self._place),
        )

    async def observe(self, record: RunRecord, clusters: Mapping[str, ClusterState]) -> Observation:
        """Look at the live side of a job; parameters as for `state`."""
        tags = record.tags
        cluster = clusters.get(tags.get(Tag.CLUSTER, ""))
        if cluster is None or cluster.uid != tags.get(Tag.CLUSTER_UID) or cluster.phase.is_terminal:
            # Only who keeps the records of clusters knows that one is no more: on a shared server
            # lie jobs of other machines, whose clusters may bear the same name.
            kept_here = (tags.get(Tag.HOST), tags.get(Tag.RECORDS)) == (
                self._place.host,
                self._place.records,
            )
            return Observation(None, cluster_answers=False, cluster_gone=kept_here)
        try:
            live = await self._head.job(cluster.address, record.tags[Tag.JOB])
        except NotFoundError:
            return Observation(None, cluster_answers=True, cluster_gone=False)
        except GatewayError:
            return UNSEEN
        return Observation(live, cluster_answers=True, cluster_gone=False)

    async def _settled(
        self,
        record: RunRecord,
        seen: Observation,
        verdict: Verdict,
        clusters: Mapping[str, ClusterState],
    ) -> tuple[RunRecord, Verdict]:
        """Store a verdict that its runner could not, unless it came while we looked."""
        fresh = await asyncio.to_thread(self._runs.get, record.run_id)
        theirs = recorded_verdict(fresh.tags)
        if theirs is not None:
            return fresh, theirs
        log = ""
        if seen.live is not None and (cluster := clusters.get(record.tags[Tag.CLUSTER])):
            try:
                pieces = self._head.logs(cluster.address, record.tags[Tag.JOB], follow=False)
                log = "".join([piece async for piece in pieces])
            except (GatewayError, NotFoundError):
                # The head went away between two questions; the verdict stands without its log.
                log = ""
        await asyncio.to_thread(settle, self._runs, fresh, verdict, log)
        return await asyncio.to_thread(self._runs.get, record.run_id), verdict
