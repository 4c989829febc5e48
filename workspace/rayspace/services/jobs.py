"""Submit notebooks, watch them, and bring their results back."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

from rayspace.core.jobs.lifecycle import has_own_cluster
from rayspace.core.jobs.sweep_apart import is_apart
from rayspace.core.jobs.wishes import SubmitOptions, job_wishes, wishes_again
from rayspace.errors import PhaseError, StorageError
from rayspace.loop import in_thread
from rayspace.model.progress import Report, Stage, silent
from rayspace.model.target import LOCAL
from rayspace.services.inputs import JobInputs, job_inputs
from rayspace.services.job_logs import JobLogs
from rayspace.services.observation import JobObserver, opening
from rayspace.services.orders import Orders, order_of
from rayspace.services.results import ResultPaths, fetch_results
from rayspace.services.waiting import JobWaiter

if TYPE_CHECKING:
    import builtins
    from collections.abc import AsyncIterator, Callable, Mapping
    from typing import Unpack

    from rayspace.gateways.contracts import Clock, HeadGateway
    from rayspace.model.cluster import ClusterSpec
    from rayspace.model.job import JobState
    from rayspace.model.place import Place
    from rayspace.model.run import RunRecord
    from rayspace.model.submission import JobDefaults, SubmitPlan
    from rayspace.services.clusters import ClusterService
    from rayspace.services.ledgers import Ledger, Ledgers
    from rayspace.services.live import LiveSide
    from rayspace.services.starters import Starters
    from rayspace.services.submission import Submission


class JobService:
    """Jobs of all targets.

    Parameters
    ----------
    clusters
        The clusters.
    head
        The HTTP face of a head.
    ledgers
        The tracking servers.
    live
        The live side of jobs.
    starters
        Makes what starts jobs.
    submission
        Ships notebooks.
    clock
        Tells the time.
    place
        This machine and this person.
    defaults
        What a submission takes when nobody says otherwise.
    note_target
        Called with each target to which a job goes, so that it is asked for jobs from then on.
    """

    def __init__(
        self,
        clusters: ClusterService,
        head: HeadGateway,
        ledgers: Ledgers,
        live: LiveSide,
        starters: Starters,
        submission: Submission,
        clock: Clock,
        place: Place,
        defaults: JobDefaults,
        note_target: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._ledgers = ledgers
        self._submission = submission
        self._place = place
        self._defaults = defaults
        self._note_target = note_target
        self._observer = JobObserver(live, clock, place)
        self._waiter = JobWaiter(self._observer, live, head, clock)
        self._logs = JobLogs(self._observer, live, head, clock)
        self._orders = Orders(clusters, submission, starters, defaults)

    async def submit(
        self,
        notebook: str | Path,
        params: Mapping[str, object] | None = None,
        *,
        wait: bool = False,
        report: Report = silent,
        **options: Unpack[SubmitOptions],
    ) -> JobState:
        """Ship a notebook; it runs on its own from then on.

        Parameters
        ----------
        notebook
            Path of the notebook.
        params
            Values for its parameters by name.
        wait
            Whether to return only when the job has ended.
        report
            Called with each stage.
        **options
            What else can be asked: see `SubmitOptions`.

        Returns
        -------
        JobState
            The job.

        Raises
        ------
        SpecError
            If notebook, parameters or files are wrong; nothing was changed then.
        NotFoundError
            If notebook, kernel, cluster or target do not exist.
        PreflightError
            If its own cluster could never come up, and nothing is forced.
        GatewayUnavailableError
            If the tracking server or the cluster do not answer.
        """
        if self._is_own(notebook) or self._defaults.depth > 1:
            return await self._not_submitted(report)
        wishes = job_wishes(options)
        # First what is told at once: the client of the tracking server loads for a second or two.
        draft = await self._orders.check(notebook, params, options)
        found = await self._orders.find(wishes)
        ledger = await self._opened(found.target, report)
        reachable = in_thread(ledger.runs.check)
        starter = found.starter
        if starter is not None:
            # Other programs look for kernel and versions meanwhile.
            plan, _ = await asyncio.gather(
                in_thread(self._submission.plan, draft, starter.destination), reachable
            )
            await starter.check(plan.order, report, force=options.get("force", False))
        else:
            # Nothing is started, and nobody waits, for a job that could not be put on record.
            await reachable
            starter = await self._orders.ready(wishes, report)
            plan = await in_thread(self._submission.plan, draft, starter.destination)
        run = await self._submission.submit(plan, draft.request, starter, ledger, report)
        self._note(found.target, report)
        return await self._followed(run, ledger, report) if wait else await self._state(run, ledger)

    async def plan(
        self,
        notebook: str | Path,
        params: Mapping[str, object] | None = None,
        **options: Unpack[SubmitOptions],
    ) -> SubmitPlan:
        """Say what `submit` would do, with the list of files; parameters as there."""
        draft = await self._orders.check(notebook, params, options)
        return await self._orders.preview(draft, job_wishes(options))

    async def own_cluster(self, options: SubmitOptions) -> ClusterSpec | None:
        """Say what cluster a job would get for itself; None where it runs on another."""
        plan = await self._orders.own(job_wishes(options))
        return None if plan is None else plan.spec

    async def list(
        self, *, limit: int = 50, target: str | None = None, report: Report = silent
    ) -> builtins.list[JobState]:
        """List jobs, the newest first.

        Parameters
        ----------
        limit
            At most so many. [1]
        target
            Only those of this target.
        report
            Called with each tracking server that does not answer; it is not waited for.
        """
        found = await self._ledgers.recent(limit=limit, target=target, report=report)
        return list(await asyncio.gather(*(self._state(run, ledger) for run, ledger in found)))

    async def status(self, name: str | None = None) -> JobState:
        """Observe a job; by default the newest."""
        return await self._state(*await self._ledgers.find(name))

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

        Raises
        ------
        ClusterStartError
            If it waits for what can't come by waiting; the job stays as it is.
        """
        return await self._followed(*await self._ledgers.find(name), report, timeout_s)

    async def logs(self, name: str | None = None, *, follow: bool = False) -> AsyncIterator[str]:
        """Yield pieces of a job's log as written; until it ends when following."""
        async for piece in self._logs.read(*await self._ledgers.find(name), follow=follow):
            yield piece

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
        record, ledger = await self._ledgers.find(name)
        return await fetch_results(ledger.runs, record, self._place)

    async def inputs(self, name: str | None = None) -> JobInputs:
        """Say what a job was made of, by default the newest; fetches no results."""
        record, ledger = await self._ledgers.find(name)
        return await in_thread(job_inputs, ledger.runs, record, self._place)

    async def stop(self, name: str | None = None, *, report: Report = silent) -> JobState:
        """Stop a job: it saves what it has, which may take some seconds.

        Parameters
        ----------
        name
            The job; by default this person's newest.
        report
            Called with each stage.

        Returns
        -------
        JobState
            The job as it ended.
        """
        found = await self._ledgers.find(name, is_changed=True)
        return await self._waiter.stop(*found, report)

    async def retry(
        self,
        name: str | None = None,
        *,
        cluster: str | None = None,
        profile: str | None = None,
        target: str | None = None,
        wait: bool = False,
        report: Report = silent,
    ) -> JobState:
        """Run an ended job once more, with the files and parameters of its run.

        Parameters
        ----------
        name
            The job; by default this person's newest.
        cluster, profile, target
            Where it runs now, as for `submit`; by default as it ran before where it had a cluster
            of its own, else on the chosen cluster. What was asked of its own cluster counts again.
        wait
            Whether to return only when the new job has ended.
        report
            Called with each stage.

        Returns
        -------
        JobState
            The new job.
        """
        record, earlier = await self._ledgers.find(name, is_changed=True)
        state = await self._state(record, earlier)
        if not state.phase.is_terminal:
            raise PhaseError(
                f"The job {state.name!r} is still {state.phase.value}.",
                hint=f"Stop it first with: rayspace job stop {state.name}",
            )
        had_own = has_own_cluster(record) or is_apart(record)
        if cluster is None and profile is None and target is None and had_own:
            profile, target = state.profile or None, state.target
        order = await in_thread(order_of, earlier.runs, record)
        wishes = wishes_again(order.wishes, cluster, profile, target)
        found = await self._orders.find(wishes)
        ledger = await self._opened(found.target, report)
        starter = found.starter or await self._orders.ready(wishes, report)
        run = await self._submission.retry(record, order, earlier, starter, ledger, report)
        self._note(found.target, report)
        return await self._followed(run, ledger, report) if wait else await self._state(run, ledger)

    def names(self, *, limit: int = 50) -> builtins.list[str]:
        """List names of jobs, the newest first, at most ``limit`` [1]; for completion. Blocks."""
        return self._ledgers.names(limit=limit)

    # Below: what the verbs are made of.

    async def _opened(self, target: str, report: Report) -> Ledger:
        if target == LOCAL:
            report(opening(self._ledgers.home.tracking_uri))
        else:
            report(Stage("tracking", f"Looking for the tracking server of {target}"))
        return await self._ledgers.of(target)

    async def _state(self, run: RunRecord, ledger: Ledger) -> JobState:
        return await self._observer.state(run, ledger)

    async def _followed(
        self, run: RunRecord, ledger: Ledger, report: Report, timeout_s: float | None = None
    ) -> JobState:
        state = await self._waiter.wait(run, ledger, timeout_s, report)
        if not state.phase.is_terminal:
            return state
        fresh = await in_thread(ledger.runs.get, run.run_id)
        await fetch_results(ledger.runs, fresh, self._place)
        return await self._state(fresh, ledger)

    def _note(self, target: str, report: Report) -> None:
        """Remember where a job went; it runs, whether or not that can be noted."""
        try:
            self._note_target(target)
        except StorageError as exc:
            report(Stage("targets", f"The target is not remembered: {exc.message}", "note"))

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
