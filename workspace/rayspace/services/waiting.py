"""Wait for jobs, and stop them."""

from __future__ import annotations

import asyncio
import dataclasses
import shlex
from typing import TYPE_CHECKING

from rayspace.core.jobs.lifecycle import SILENT_AFTER_MS, recorded_verdict, silence_ms
from rayspace.core.jobs.sweep_apart import is_apart
from rayspace.errors import (
    ClusterStartError,
    GatewayError,
    GatewayUnavailableError,
    JobNotFoundError,
    NotFoundError,
    PhaseError,
)
from rayspace.loop import in_thread
from rayspace.model.job import Cause, JobPhase, JobState, Verdict
from rayspace.model.progress import Report, Stage, silent
from rayspace.model.run import Tag
from rayspace.model.target import LOCAL
from rayspace.services.observation import JobObserver, stage_of
from rayspace.services.settlement import settle
from rayspace.services.sweep_apart import trials_of

if TYPE_CHECKING:
    from rayspace.gateways.contracts import Clock, HeadGateway, JobGateway
    from rayspace.model.run import RunRecord
    from rayspace.services.ledgers import Ledger
    from rayspace.services.live import LiveSide

#: Time between two looks at a job that is waited for, here and across a network. [s]
_POLL_S, _FAR_POLL_S = 0.5, 1.0
#: How often Kubernetes is asked about the trials of a sweep, all together. [1/s]
_LOOKS_PER_S = 10.0
#: How long a tracking server that does not answer is waited for: by who stops a job, and by who
#: waits for one, whose line may be down for longer. [s]
_PATIENCE_S, _WAITERS_PATIENCE_S = 120.0, 900.0
#: How long Ray may take to see that a runner has ended. [s]
_LAST_STEPS_S = 10.0
#: How long a head that does not answer is asked again, before its runner's silence counts. [s]
_HEAD_PATIENCE_S = 30.0
#: A stopped runner gets 60 s from Ray to save its results; the rest is for saying so. [s]
_STOP_LIMIT_S = 75.0


class JobWaiter:
    """Follows single jobs to their ends.

    Parameters
    ----------
    observer
        Says where a job stands.
    live
        The live side of jobs.
    head
        The HTTP face of a head.
    clock
        Tells the time.
    """

    def __init__(
        self, observer: JobObserver, live: LiveSide, head: HeadGateway, clock: Clock
    ) -> None:
        self._observer = observer
        self._live = live
        self._head = head
        self._clock = clock

    async def wait(
        self, record: RunRecord, ledger: Ledger, timeout_s: float | None, report: Report
    ) -> JobState:
        """Wait until a job has ended.

        Parameters
        ----------
        record, ledger
            Its run, and the tracking server that keeps it.
        timeout_s
            How long to wait; None for no limit. [s]
        report
            Called with each change.

        Returns
        -------
        JobState
            The job as it ended, or as it stood when the time was over.

        Raises
        ------
        ClusterStartError
            If it waits for what can't come by waiting; the job stays as it is.
        """
        began_s = self._clock.monotonic_s()
        last: Stage | None = None
        while True:
            state = await self._look(record, ledger, _WAITERS_PATIENCE_S, report)
            if state.phase.is_terminal:
                break
            stage = stage_of(state)
            if stage != last:
                report(stage)
                last = stage
            if state.is_stuck:
                raise ClusterStartError(
                    f"The job {state.name!r} can't begin: {state.reason}",
                    system="Kubernetes",
                    operation="start the job",
                    hint=f"It stays, in case that changes. End it with: rayspace job stop"
                    f" {state.name}",
                    details={"name": state.name},
                )
            if timeout_s is not None and self._clock.monotonic_s() - began_s > timeout_s:
                return state
            await self._pause(record)
        succeeded = state.phase is JobPhase.SUCCEEDED
        if state.progress and succeeded:
            report(dataclasses.replace(stage_of(state), state="done"))
        text = state.reason or f"{state.name} {state.phase.value}"
        report(Stage("job", text, "done" if succeeded else "failed"))
        await self._until_gone(record)
        return state

    async def stop(self, record: RunRecord, ledger: Ledger, report: Report) -> JobState:
        """Stop a job, and wait until it has saved what it has.

        Parameters
        ----------
        record, ledger
            Its run, and the tracking server that keeps it.
        report
            Called with each stage.

        Returns
        -------
        JobState
            The job as it ended.

        Raises
        ------
        PhaseError
            If it has ended and holds nothing any more, or does not end.
        GatewayUnavailableError
            If its head does not answer while its runner gives signs; it runs on then.
        """
        is_kept = await self._live.is_kept(record)
        state = await self._look(record, ledger)
        if state.phase.is_terminal and is_kept:
            await self._observer.give_back(record, ledger)
            text = f"{state.name} had ended already: {state.phase.value}. Its cluster is deleted"
            report(Stage("stop", text, "done"))
            return state
        if state.phase.is_terminal:
            raise PhaseError(
                f"The job {state.name!r} has ended already: {state.phase.value}.",
                hint=f"Run it once more with: rayspace job retry {state.name}",
            )
        if is_apart(record):
            return await self._stop_trials(record, ledger, report)
        gateway = self._live.gateway(record)
        if gateway is not None and not await self._is_stopping(record, ledger, gateway, report):
            await self._withdraw(record, ledger, report)
            return await self._look(record, ledger)
        if gateway is None:
            cluster = await self._live.cluster(record)
            await self._head.stop(cluster.address, state.name)
        else:
            # From here on nobody need wait.
            await self._live.end_when_stopped(record)
        report(Stage("stop", f"Stopping {state.name}; it saves its notebook"))
        began_s = self._clock.monotonic_s()
        while not (state := await self._look(record, ledger)).phase.is_terminal:
            if self._clock.monotonic_s() - began_s > _STOP_LIMIT_S:
                raise PhaseError(
                    f"The job {state.name!r} was asked to stop but still runs.",
                    hint=f"End its cluster with: rayspace cluster down {state.cluster}"
                    f" --on {shlex.quote(state.target)}"
                    if gateway is None
                    else f"Wait, or delete it with: {_delete_command(gateway, state.name)}",
                )
            await self._pause(record)
        if gateway is not None:
            await self._observer.give_back(record, ledger)
        report(Stage("stop", f"{state.name} has ended: {state.phase.value}", "done"))
        return state

    async def _stop_trials(self, record: RunRecord, ledger: Ledger, report: Report) -> JobState:
        """Stop the trials of a sweep that are jobs of their own; those that ended stay so."""

        async def stop(trial: RunRecord) -> None:
            try:
                await self.stop(trial, ledger, report)
            except (PhaseError, GatewayError) as exc:
                # It ended meanwhile, or goes on: the sweep's state says which.
                report(Stage(f"stop-{trial.tags[Tag.JOB]}", exc.message, "note"))

        trials = await trials_of(ledger.runs, record)
        await asyncio.gather(*(stop(t) for t in trials if recorded_verdict(t.tags) is None))
        return await self._look(record, ledger)

    async def _is_stopping(
        self, record: RunRecord, ledger: Ledger, gateway: JobGateway, report: Report
    ) -> bool:
        """Ask the head of a job's own cluster to stop it; False where no head has it."""
        name = record.tags[Tag.JOB]
        began_s = self._clock.monotonic_s()
        has_told = False
        while True:
            try:
                cluster = await self._live.cluster(record)
            except PhaseError:
                return False
            try:
                await self._head.stop(cluster.address, name)
            except NotFoundError:
                return False
            except GatewayError as exc:
                fresh = await in_thread(ledger.runs.get, record.run_id)
                if Tag.ATTEMPT not in fresh.tags:
                    # Nothing ran yet that could be lost.
                    return False
                if self._clock.monotonic_s() - began_s > _HEAD_PATIENCE_S:
                    if silence_ms(fresh, self._clock.now_ms()) >= SILENT_AFTER_MS:
                        return False
                    raise _not_stopped(gateway, name, exc) from exc
                if not has_told:
                    report(Stage("stop", f"The head of {name} does not answer; asking again"))
                    has_told = True
            else:
                return True
            await self._pause(record)

    async def _withdraw(self, record: RunRecord, ledger: Ledger, report: Report) -> None:
        """Delete a job that no head has: it waits, or its head is lost."""
        name = record.tags[Tag.JOB]
        report(Stage("stop", f"Deleting {name}, which no head has"))
        gateway = self._live.gateway(record)
        if gateway is None:
            raise JobNotFoundError(
                f"The target of the job {name!r} is not known here.",
                hint="See: rayspace cluster targets",
                details={"name": name},
            )
        files = await self._live.aftermath(record)
        await gateway.delete(name)
        fresh = await in_thread(ledger.runs.get, record.run_id)
        if recorded_verdict(fresh.tags) is None:
            began = Tag.ATTEMPT in fresh.tags
            when = "while its head did not answer" if began else "before it began"
            verdict = Verdict(JobPhase.STOPPED, Cause.STOPPED, f"The job was stopped {when}.")
            await in_thread(settle, ledger.runs, fresh, verdict, "", files)
        report(Stage("stop", f"{name} was stopped", "done"))

    async def _until_gone(self, record: RunRecord) -> None:
        """Wait for the moment in which a runner that gave its verdict ends its processes."""
        if Tag.RAY_JOB_UID in record.tags or is_apart(record):
            # Nothing else runs there, and its cluster goes by itself.
            return
        began_s = self._clock.monotonic_s()
        while self._clock.monotonic_s() - began_s < _LAST_STEPS_S:
            seen = await self._live.observe(record)
            if seen.live is None or seen.live.phase.is_terminal:
                return
            await self._pause(record)

    async def _look(
        self,
        record: RunRecord,
        ledger: Ledger,
        patience_s: float = _PATIENCE_S,
        report: Report = silent,
    ) -> JobState:
        """Look at a job; a tracking server that is away for a while is waited for."""
        began_s = self._clock.monotonic_s()
        has_told = False
        while True:
            try:
                fresh = await in_thread(ledger.runs.get, record.run_id)
                return await self._observer.state(fresh, ledger)
            except GatewayError as exc:
                if self._clock.monotonic_s() - began_s > patience_s:
                    raise
                if not has_told:
                    text = f"{exc.message} The job goes on without this machine; trying again."
                    report(Stage("tracking", text, "note"))
                    has_told = True
                await self._pause(record)

    async def _pause(self, record: RunRecord) -> None:
        is_here = record.tags.get(Tag.TARGET, LOCAL) == LOCAL
        # A look at a sweep is one at each of its trials.
        n_looks = int(record.tags.get(Tag.N_APART, "1"))
        pause_s = _POLL_S if is_here else _FAR_POLL_S * max(1.0, n_looks / _LOOKS_PER_S)
        await self._clock.sleep(pause_s)


def _delete_command(gateway: JobGateway, name: str) -> str:
    return f"kubectl -n {gateway.namespace} delete rayjob {name}"


def _not_stopped(gateway: JobGateway, name: str, exc: GatewayError) -> GatewayUnavailableError:
    """Make the error for a job that runs on a head which does not answer."""
    return GatewayUnavailableError(
        f"The job {name!r} runs on, since its head could not be asked to stop it: {exc.message}",
        system="Ray",
        operation=f"stop the job {name}",
        hint="Try again, or end it at once, with what it has not saved: "
        + _delete_command(gateway, name),
        details={"name": name},
    )
