"""Submit notebooks, watch them, and bring their results back."""

from __future__ import annotations

import asyncio
import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

from rayspace.errors import JobNotFoundError, PhaseError
from rayspace.model.cluster import ClusterPhase
from rayspace.model.job import JobPhase, JobState
from rayspace.model.progress import Report, Stage, silent
from rayspace.model.run import Artifact, RunRecord, Tag
from rayspace.names import nearest
from rayspace.services.observation import JobObserver, opening, stage_of
from rayspace.services.orders import Orders
from rayspace.services.results import ResultPaths, fetch_results

if TYPE_CHECKING:
    import builtins
    from collections.abc import AsyncIterator, Mapping, Sequence

    from rayspace.gateways.contracts import Clock, HeadGateway, RunGateway
    from rayspace.model.cluster import ClusterState
    from rayspace.model.place import Place
    from rayspace.model.submission import JobDefaults, SubmitPlan
    from rayspace.services.clusters import ClusterService
    from rayspace.services.submission import Submission

#: Among so many jobs one's own newest is looked for. [1]
_RECENT = 50
#: Time between two looks at a job that is waited for. [s]
_POLL_S = 0.5
#: How long Ray may take to see that a runner has ended. [s]
_LAST_STEPS_S = 10.0
#: A stopped runner gets 60 s from Ray to save its results; the rest is for saying so. [s]
_STOP_LIMIT_S = 75.0


class JobService:
    """Jobs of all clusters, kept by one tracking server.

    Parameters
    ----------
    clusters
        The clusters.
    head
        The HTTP face of a head.
    runs
        The tracking server.
    submission
        Ships notebooks.
    clock
        Tells the time.
    place
        This machine and this person.
    defaults
        What a submission takes when nobody says otherwise.
    """

    def __init__(
        self,
        clusters: ClusterService,
        head: HeadGateway,
        runs: RunGateway,
        submission: Submission,
        clock: Clock,
        place: Place,
        defaults: JobDefaults,
    ) -> None:
        self._clusters = clusters
        self._head = head
        self._runs = runs
        self._submission = submission
        self._clock = clock
        self._place = place
        self._defaults = defaults
        self._observer = JobObserver(head, runs, clock, place)
        self._orders = Orders(clusters, submission, defaults)

    async def submit(
        self,
        notebook: str | Path,
        params: Mapping[str, object] | None = None,
        *,
        params_file: str | Path | None = None,
        cluster: str | None = None,
        profile: str | None = None,
        include: Sequence[str] = (),
        env: Mapping[str, str] | None = None,
        deadline_s: float | None = None,
        cell_timeout_s: float | None = None,
        wait: bool = False,
        report: Report = silent,
    ) -> JobState:
        """Ship a notebook; it runs on its own from then on.

        Parameters
        ----------
        notebook
            Path of the notebook.
        params
            Values for its parameters by name.
        params_file
            YAML or JSON file with more of them; ``params`` win.
        cluster
            The cluster; by default the chosen one.
        profile
            Starts a cluster of this profile if it is not running, and uses it.
        include
            Globs of files that travel although they are ignored.
        env
            Environment variables of the kernel and of Ray's workers; not for secrets.
        deadline_s
            Longest time for the job; no limit by default. [s]
        cell_timeout_s
            Longest time for one cell; no limit by default. [s]
        wait
            Whether to return only when the job has ended.
        report
            Called with each stage.

        Returns
        -------
        JobState
            The job.

        Raises
        ------
        SpecError
            If notebook, parameters or files are wrong; nothing was changed then.
        NotFoundError
            If notebook, kernel or cluster do not exist.
        GatewayUnavailableError
            If the tracking server or the cluster do not answer.
        """
        if self._is_own(notebook) or self._defaults.depth > 1:
            return await self._not_submitted(report)
        # First what is told at once: the client of the tracking server loads for a second or two.
        draft = await self._orders.check(
            notebook, params, params_file, include, env, deadline_s, cell_timeout_s
        )
        target = await self._orders.find(cluster, profile)
        report(opening(self._runs.tracking_uri))
        reachable = asyncio.to_thread(self._runs.check)
        if target is not None and target.phase is ClusterPhase.READY:
            # Other programs look for kernel and versions meanwhile.
            plan, _ = await asyncio.gather(
                asyncio.to_thread(self._submission.plan, draft, target), reachable
            )
        else:
            # Nothing is started, and nobody waits, for a job that could not be put on record.
            await reachable
            target = await self._orders.ready(target, profile, report)
            plan = await asyncio.to_thread(self._submission.plan, draft, target)
        run = await self._submission.submit(plan, draft.request, target, self._runs, report)
        name = run.tags[Tag.JOB]
        return await self.wait(name, report=report) if wait else await self.status(name)

    async def plan(
        self,
        notebook: str | Path,
        params: Mapping[str, object] | None = None,
        *,
        params_file: str | Path | None = None,
        cluster: str | None = None,
        include: Sequence[str] = (),
        env: Mapping[str, str] | None = None,
        deadline_s: float | None = None,
        cell_timeout_s: float | None = None,
    ) -> SubmitPlan:
        """Say what `submit` would do, with the list of files; parameters as there."""
        draft = await self._orders.check(
            notebook, params, params_file, include, env, deadline_s, cell_timeout_s
        )
        target = await self._clusters.status(cluster)
        return await asyncio.to_thread(self._submission.plan, draft, target)

    async def list(self, *, limit: int = 50) -> builtins.list[JobState]:
        """List jobs, the newest first.

        Parameters
        ----------
        limit
            At most so many. [1]
        """
        records, clusters = await asyncio.gather(
            asyncio.to_thread(lambda: self._runs.jobs(limit=limit)), self._by_name()
        )
        return list(await asyncio.gather(*(self._observer.state(r, clusters) for r in records)))

    async def status(self, name: str | None = None) -> JobState:
        """Observe a job; by default the newest."""
        record, clusters = await asyncio.gather(self._record(name), self._by_name())
        return await self._observer.state(record, clusters)

    async def wait(
        self, name: str | None = None, *, timeout_s: float | None = None, report: Report = silent
    ) -> JobState:
        """Wait until a job has ended, and fetch its results.

        Parameters
        ----------
        name
            The job; by default the newest.
        timeout_s
            How long to wait; no limit by default. [s]
        report
            Called with each change: the cell it is at, and what it waits for.

        Returns
        -------
        JobState
            The job as it ended, or as it stood when the time was over.
        """
        state = await self.status(name)
        began_s = self._clock.monotonic_s()
        last: Stage | None = None
        while not state.phase.is_terminal:
            stage = stage_of(state)
            if stage != last:
                report(stage)
                last = stage
            if timeout_s is not None and self._clock.monotonic_s() - began_s > timeout_s:
                return state
            await self._clock.sleep(_POLL_S)
            state = await self.status(state.name)
        succeeded = state.phase is JobPhase.SUCCEEDED
        if state.progress and succeeded:
            report(dataclasses.replace(stage_of(state), state="done"))
        text = state.reason or f"{state.name} {state.phase.value}"
        report(Stage("job", text, "done" if succeeded else "failed"))
        await self._until_gone(state)
        await self.fetch(state.name)
        return await self.status(state.name)

    async def logs(self, name: str | None = None, *, follow: bool = False) -> AsyncIterator[str]:
        """Yield pieces of a job's log as written; until it ends when following."""
        record = await self._record(name)
        live = await self._observer.observe(record, await self._by_name())
        if live.live is not None:
            head = (await self._clusters.status(record.tags[Tag.CLUSTER])).address
            submission_id = live.live.submission_id
            async for piece in self._head.logs(head, submission_id, follow=follow):
                yield piece
            return
        paths = await fetch_results(self._runs, record, self._place, only=(Artifact.DRIVER_LOG,))
        if not paths.log:
            raise PhaseError(
                f"The job {record.tags[Tag.JOB]!r} has no log yet.",
                hint=f"See where it stands with: rayspace job status {record.tags[Tag.JOB]}",
            )
        yield await asyncio.to_thread(Path(paths.log).read_text, "utf-8", "replace")

    async def fetch(self, name: str | None = None) -> ResultPaths:
        """Bring the results of a job beside its source; by default of the newest.

        Parameters
        ----------
        name
            The job.

        Returns
        -------
        ResultPaths
            Where they are. While the job runs, its notebook is the latest snapshot.
        """
        return await fetch_results(self._runs, await self._record(name), self._place)

    async def stop(self, name: str | None = None, *, report: Report = silent) -> JobState:
        """Stop a job: it saves what it has, which may take some seconds.

        Parameters
        ----------
        name
            The job; by default the newest.
        report
            Called with each stage.

        Returns
        -------
        JobState
            The job as it ended.
        """
        state = await self.status(name)
        if state.phase.is_terminal:
            raise PhaseError(
                f"The job {state.name!r} has ended already: {state.phase.value}.",
                hint=f"Run it once more with: rayspace job retry {state.name}",
            )
        cluster = await self._clusters.status(state.cluster)
        await self._head.stop(cluster.address, state.name)
        report(Stage("stop", f"Stopping {state.name}; it saves its notebook"))
        began_s = self._clock.monotonic_s()
        while not (state := await self.status(state.name)).phase.is_terminal:
            if self._clock.monotonic_s() - began_s > _STOP_LIMIT_S:
                raise PhaseError(
                    f"The job {state.name!r} was asked to stop but still runs.",
                    hint=f"End its cluster with: rayspace cluster down {state.cluster}",
                )
            await self._clock.sleep(_POLL_S)
        report(Stage("stop", f"{state.name} has ended: {state.phase.value}", "done"))
        return state

    async def retry(
        self,
        name: str | None = None,
        *,
        cluster: str | None = None,
        wait: bool = False,
        report: Report = silent,
    ) -> JobState:
        """Run an ended job once more, with the files and parameters of its run.

        Parameters
        ----------
        name
            The job; by default the newest.
        cluster
            The cluster; by default the chosen one.
        wait
            Whether to return only when the new job has ended.
        report
            Called with each stage.

        Returns
        -------
        JobState
            The new job.
        """
        record = await self._record(name)
        state = await self.status(record.tags[Tag.JOB])
        if not state.phase.is_terminal:
            raise PhaseError(
                f"The job {state.name!r} is still {state.phase.value}.",
                hint=f"Stop it first with: rayspace job stop {state.name}",
            )
        target = await self._orders.ready(await self._orders.find(cluster, None), None, report)
        run = await self._submission.retry(record, target, self._runs, report)
        new = run.tags[Tag.JOB]
        return await self.wait(new, report=report) if wait else await self.status(new)

    def names(self, *, limit: int = 50) -> builtins.list[str]:
        """List names of jobs, the newest first, at most ``limit`` [1]; for completion. Blocks."""
        return [run.tags.get(Tag.JOB, "") for run in self._runs.jobs(limit=limit)]

    # Below: how orders are checked and jobs observed.

    def _is_own(self, notebook: str | Path) -> bool:
        own = self._defaults.own_notebook
        return bool(own) and Path(notebook).expanduser().resolve() == Path(own).resolve()

    async def _not_submitted(self, report: Report) -> JobState:
        own = self._defaults.own_job
        why = (
            "a job's own jobs submit no others"
            if self._defaults.depth > 1
            else "a job does not submit itself"
        )
        report(
            Stage("inside", f"This runs as the job {own}, so nothing was submitted: {why}.", "note")
        )
        return await self.status(own)

    async def _until_gone(self, state: JobState) -> None:
        """Wait for the moment in which a runner that gave its verdict ends its processes."""
        record = await self._record(state.name)
        began_s = self._clock.monotonic_s()
        while self._clock.monotonic_s() - began_s < _LAST_STEPS_S:
            seen = await self._observer.observe(record, await self._by_name())
            if seen.live is None or seen.live.phase.is_terminal:
                return
            await self._clock.sleep(_POLL_S)

    async def _by_name(self) -> dict[str, ClusterState]:
        return {cluster.name: cluster for cluster in await self._clusters.list()}

    async def _record(self, name: str | None) -> RunRecord:
        limit = 1 if name else _RECENT
        records = await asyncio.to_thread(lambda: self._runs.jobs(name=name, limit=limit))
        # On a shared server the newest job may be somebody else's.
        own = [run for run in records if run.tags.get(Tag.USER) == self._place.user]
        if records:
            return (own or records)[0]
        if name is None:
            raise JobNotFoundError(
                "There is no job yet.", hint="Submit one with: rayspace job submit NOTEBOOK.ipynb"
            )
        known = await asyncio.to_thread(self.names)
        like = nearest(name, known) or known[:3]
        raise JobNotFoundError(
            f"There is no job {name!r} at {self._runs.tracking_uri}.",
            hint=f"Did you mean {', '.join(like)}?" if like else "List jobs: rayspace job list",
            details={"name": name, "tracking_uri": self._runs.tracking_uri},
        )
