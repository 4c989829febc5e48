"""End what runs on a cluster before the cluster ends."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rayspace.core.lifecycle import recorded_verdict
from rayspace.errors import GatewayError, NotFoundError, RayspaceError
from rayspace.model.cluster import ClusterPhase, ClusterState, Origin
from rayspace.model.job import Cause, JobPhase, LiveJob, Verdict
from rayspace.model.progress import Report, Stage
from rayspace.services.readiness import POLL_S
from rayspace.services.settlement import settle

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rayspace.gateways.contracts import Clock, HeadGateway, RunGateway

#: How long running jobs have to save their results. [s]
_GRACE_S = 45.0


@dataclass(frozen=True)
class DownResult:
    """What `down` did, or would do.

    Parameters
    ----------
    name
        The cluster.
    actions
        A phrase for each thing that is ended or removed, with the verb first: ``end the head``.
    is_dry_run
        Whether nothing was done yet.
    """

    name: str
    actions: tuple[str, ...]
    is_dry_run: bool


class JobEnder:
    """Ends the jobs of a cluster that goes down, so that each has its verdict and its log.

    Parameters
    ----------
    head
        The HTTP face of a head.
    runs
        The tracking server.
    clock
        Tells the time.
    """

    def __init__(self, head: HeadGateway, runs: RunGateway, clock: Clock) -> None:
        self._head = head
        self._runs = runs
        self._clock = clock

    async def running(self, state: ClusterState) -> list[LiveJob]:
        """List the jobs that would end with a cluster; none of one that is only forgotten."""
        if state.phase is not ClusterPhase.READY or state.origin is Origin.ADOPTED:
            return []
        try:
            jobs = await self._head.jobs(state.address)
        except GatewayError:
            # It stopped answering since it was seen; what does not answer ends all the same.
            return []
        return [job for job in jobs if not job.phase.is_terminal]

    async def stop(
        self, state: ClusterState, jobs: list[LiveJob], report: Report
    ) -> dict[str, str]:
        """Ask jobs to stop and give them the time to save; a dead head can't keep us.

        Parameters
        ----------
        state
            The cluster.
        jobs
            What runs on it.
        report
            Called with each stage.

        Returns
        -------
        dict of str to str
            Logs of those that are ours, by run: with the cluster they would be gone.
        """
        logs = {run_id: "" for job in jobs if (run_id := self._run_id(job))}
        try:
            for job in jobs:
                name = job.submission_id
                report(Stage(f"job-{name}", f"Stopping the job {name}"))
                await self._head.stop(state.address, name)
            began_s = self._clock.monotonic_s()
            for job in jobs:
                await self._wait(state, job, began_s, report)
                if run_id := self._run_id(job):
                    pieces = self._head.logs(state.address, job.submission_id, follow=False)
                    logs[run_id] = "".join([piece async for piece in pieces])
        except (GatewayError, NotFoundError) as exc:
            report(Stage("jobs", f"The jobs could not be asked: {exc.message}", "note"))
        return logs

    async def settle(self, logs: Mapping[str, str], report: Report) -> None:
        """Give a verdict to jobs that could not write one, when nothing of them runs any more.

        Parameters
        ----------
        logs
            What `stop` returned.
        report
            Called with each stage.
        """
        for run_id, log in logs.items():
            try:
                await asyncio.to_thread(self._settle, run_id, log)
            except RayspaceError as exc:
                text = f"The end of a job could not be recorded: {exc.message}"
                report(Stage("jobs", text, "note"))

    def _settle(self, run_id: str, log: str) -> None:
        record = self._runs.get(run_id)
        if recorded_verdict(record.tags) is None:
            verdict = Verdict(
                JobPhase.STOPPED, Cause.STOPPED, "The job was stopped with its cluster."
            )
            settle(self._runs, record, verdict, log)

    def _run_id(self, job: LiveJob) -> str:
        """Return the run of a job; empty for one that nobody tracks, or another server does."""
        is_here = job.metadata.get("rayspace.tracking_uri") == self._runs.tracking_uri
        return job.metadata.get("rayspace.run_id", "") if is_here else ""

    async def _wait(
        self, state: ClusterState, job: LiveJob, began_s: float, report: Report
    ) -> None:
        name = job.submission_id
        while not (await self._head.job(state.address, name)).phase.is_terminal:
            if self._clock.monotonic_s() - began_s > _GRACE_S:
                report(Stage(f"job-{name}", f"{name} does not stop by itself", "failed"))
                return
            await self._clock.sleep(POLL_S)
        report(Stage(f"job-{name}", f"{name} has stopped", "done"))
