"""End what runs on a cluster before the cluster ends."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rayspace.core.jobs.lifecycle import recorded_verdict
from rayspace.errors import GatewayError, NotFoundError, RayspaceError
from rayspace.loop import in_thread
from rayspace.model.cluster import ClusterPhase, ClusterState, Origin
from rayspace.model.job import Cause, JobPhase, LiveJob, Verdict
from rayspace.model.progress import Report, Stage
from rayspace.services.readiness import POLL_S
from rayspace.services.settlement import settle

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rayspace.gateways.contracts import Clock, HeadGateway, RunGateway
    from rayspace.services.ledgers import Ledgers

#: How long running jobs have to save their results. [s]
_GRACE_S = 45.0
#: What Ray keeps of a job of ours.
_RUN = "rayspace.run_id"


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
    ledgers
        The tracking servers.
    clock
        Tells the time.
    """

    def __init__(self, head: HeadGateway, ledgers: Ledgers, clock: Clock) -> None:
        self._head = head
        self._ledgers = ledgers
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
        ours = await self._run_ids(state, jobs, report)
        logs = dict.fromkeys(ours.values(), "")
        try:
            for job in jobs:
                name = job.submission_id
                report(Stage(f"job-{name}", f"Stopping the job {name}"))
                await self._head.stop(state.address, name)
            began_s = self._clock.monotonic_s()
            for job in jobs:
                await self._wait(state, job, began_s, report)
                if run_id := ours.get(job.submission_id):
                    pieces = self._head.logs(state.address, job.submission_id, follow=False)
                    logs[run_id] = "".join([piece async for piece in pieces])
        except (GatewayError, NotFoundError) as exc:
            report(Stage("jobs", f"The jobs could not be asked: {exc.message}", "note"))
        return logs

    async def settle(self, target: str, logs: Mapping[str, str], report: Report) -> None:
        """Give a verdict to jobs that could not write one, when nothing of them runs any more.

        Parameters
        ----------
        target
            Where their cluster was.
        logs
            What `stop` returned.
        report
            Called with each stage.
        """
        for run_id, log in logs.items():
            try:
                ledger = await self._ledgers.of(target)
                await in_thread(_settle, ledger.runs, run_id, log)
            except RayspaceError as exc:
                text = f"The end of a job could not be recorded: {exc.message}"
                report(Stage("jobs", text, "note"))

    async def _run_ids(
        self, state: ClusterState, jobs: list[LiveJob], report: Report
    ) -> dict[str, str]:
        """Return the runs of jobs by name; not of those that another server tracks, or nobody."""
        tracked = {job.submission_id: job.metadata for job in jobs if _RUN in job.metadata}
        if not tracked:
            return {}
        try:
            ledger = await self._ledgers.of(state.target)
        except RayspaceError as exc:
            report(Stage("jobs", f"What jobs ran is unknown: {exc.message}", "note"))
            return {}
        return {
            name: metadata[_RUN]
            for name, metadata in tracked.items()
            if metadata.get("rayspace.tracking_uri") == ledger.pod_uri
        }

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


def _settle(runs: RunGateway, run_id: str, log: str) -> None:
    record = runs.get(run_id)
    if recorded_verdict(record.tags) is None:
        verdict = Verdict(JobPhase.STOPPED, Cause.STOPPED, "The job was stopped with its cluster.")
        settle(runs, record, verdict, log)
