"""Where the runs of jobs are kept: one tracking server for all, or one for each target."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rayspace.core.jobs.sweep_apart import is_trial_apart
from rayspace.errors import (
    GatewayUnavailableError,
    JobNotFoundError,
    MissingExtraError,
    RayspaceError,
    TrackingMissingError,
)
from rayspace.loop import in_thread
from rayspace.model.progress import Report, Stage, silent
from rayspace.model.run import RunRecord, Tag
from rayspace.model.target import LOCAL
from rayspace.names import nearest

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from rayspace.gateways.contracts import RunGateway
    from rayspace.model.place import Place

#: Among so many jobs one's own newest is looked for. [1]
_RECENT = 50
#: A tracking server that takes longer is not waited for in a list. [s]
_LIST_S = 8.0


@dataclass(frozen=True)
class Ledger:
    """The tracking server of a target.

    Parameters
    ----------
    runs
        The server, as this machine reaches it.
    pod_uri
        Where jobs of the target find it, without credentials.
    secret
        Secret whose keys are the credentials that jobs get; empty for none.
    is_relayed
        Whether this machine reaches it by an address that ends with this process.
    """

    runs: RunGateway
    pod_uri: str
    secret: str = ""
    is_relayed: bool = False

    @property
    def shown_uri(self) -> str:
        """The address that people are shown; blocks where the server was not looked for yet."""
        return self.pod_uri if self.is_relayed else self.runs.tracking_uri


class Ledgers:
    """The tracking servers of all targets.

    Parameters
    ----------
    home
        That of this machine.
    place
        This machine and this person.
    opened
        Opens that of another target; `TrackingMissingError` where there is none.
    targets
        Lists the targets that are asked without being named.
    """

    def __init__(
        self,
        home: RunGateway,
        place: Place,
        opened: Callable[[str], Awaitable[Ledger]] | None = None,
        targets: Callable[[], Sequence[str]] = tuple,
    ) -> None:
        self.home = home
        self._place = place
        self._opened = opened
        self._targets = targets

    async def of(self, target: str) -> Ledger:
        """Return the tracking server of a target."""
        if target == LOCAL or self._opened is None:
            return Ledger(self.home, self.home.tracking_uri)
        return await self._opened(target)

    async def recent(
        self, *, limit: int, target: str | None = None, report: Report = silent
    ) -> list[tuple[RunRecord, Ledger]]:
        """List runs of jobs of all targets in use, the newest first.

        Parameters
        ----------
        limit
            At most so many. [1]
        target
            Only of this one.
        report
            Called with each server that does not answer; it is not waited for.
        """
        found = await self._everywhere(None, limit, [target] if target else None, report)
        return sorted(found, key=lambda item: _submitted_ms(item[0]), reverse=True)[:limit]

    async def find(self, name: str | None, *, is_changed: bool = False) -> tuple[RunRecord, Ledger]:
        """Find the run of a job; by default of this person's newest, else of the newest.

        Without a name a trial that is a job of its own stands for its sweep: that was submitted.

        Parameters
        ----------
        name
            The job.
        is_changed
            Whether something is done to it: then without a name only this person's are meant.

        Raises
        ------
        JobNotFoundError
            If there is no such job.
        GatewayUnavailableError
            If it may be at a tracking server that does not answer.
        """
        troubles: list[str] = []
        found = await self._everywhere(
            name, 1 if name else _RECENT, None, lambda stage: troubles.append(stage.text)
        )
        found.sort(key=lambda item: _submitted_ms(item[0]), reverse=True)
        # On a shared server the newest job may be somebody else's.
        own = [item for item in found if item[0].tags.get(Tag.USER) == self._place.user]
        meant = own if is_changed and name is None else own or found
        if meant:
            return meant[0] if name else await _submitted(*meant[0])
        where = self.home.tracking_uri
        if troubles:
            raise GatewayUnavailableError(
                f"Where the job{f' {name!r}' if name else ''} may be is not known:"
                f" {'; '.join(troubles)}",
                system="MLflow",
                operation="find a job",
                hint="Try again, or look for causes with: rayspace doctor --on TARGET",
                details={"name": name or ""},
            )
        if found:
            raise JobNotFoundError(
                "None of the newest jobs is yours.",
                hint="Name the one that you mean; they are listed by: rayspace job list",
                details={"name": "", "tracking_uri": where},
            )
        if name is None:
            raise JobNotFoundError(
                "There is no job yet.",
                hint="Submit one with: rayspace job submit NOTEBOOK.ipynb",
            )
        known = await in_thread(self.names)
        like = nearest(name, known) or known[:3]
        raise JobNotFoundError(
            f"There is no job {name!r} at {where}.",
            hint=f"Did you mean {', '.join(like)}?" if like else "List jobs: rayspace job list",
            details={"name": name, "tracking_uri": where},
        )

    def names(self, *, limit: int = 50) -> list[str]:
        """List names of jobs of this machine, the newest first, at most ``limit`` [1]. Blocks."""
        return [run.tags.get(Tag.JOB, "") for run in self.home.jobs(limit=limit)]

    async def _everywhere(
        self, name: str | None, limit: int, targets: Sequence[str] | None, report: Report
    ) -> list[tuple[RunRecord, Ledger]]:
        wanted = [LOCAL, *self._targets()] if targets is None else targets
        opened = await asyncio.gather(*(self._listed(target, report) for target in wanted))
        distinct = {id(ledger.runs): ledger for ledger in opened if ledger is not None}
        is_alone = len(distinct) == 1
        parts = await asyncio.gather(
            *(
                self._jobs(ledger, name, limit, report, is_alone=is_alone)
                for ledger in distinct.values()
            )
        )
        return [item for part in parts for item in part]

    async def _listed(self, target: str, report: Report) -> Ledger | None:
        if target == LOCAL:
            return await self.of(target)
        try:
            async with asyncio.timeout(_LIST_S):
                return await self.of(target)
        except TimeoutError:
            report(Stage(f"target-{target}", f"{target} does not answer", "note"))
        except RayspaceError as exc:
            if isinstance(exc, TrackingMissingError) and "is_unready" not in exc.details:
                # Then there are no jobs either.
                return None
            report(Stage(f"target-{target}", f"{target}: {exc.message}", "note"))
        return None

    async def _jobs(
        self, ledger: Ledger, name: str | None, limit: int, report: Report, *, is_alone: bool
    ) -> list[tuple[RunRecord, Ledger]]:
        try:
            runs = await in_thread(lambda: ledger.runs.jobs(name=name, limit=limit))
        except RayspaceError as exc:
            # A package that this machine lacks hides no jobs of Kubernetes, which need it not.
            if ledger.runs is self.home and (is_alone or not isinstance(exc, MissingExtraError)):
                raise
            report(Stage("tracking", exc.message, "note"))
            return []
        return [(run, ledger) for run in runs]


async def _submitted(record: RunRecord, ledger: Ledger) -> tuple[RunRecord, Ledger]:
    """Return the sweep of a trial that is a job of its own, and any other job as it is."""
    if is_trial_apart(record):
        # A sweep that was deleted from the server has left its trials.
        with contextlib.suppress(JobNotFoundError):
            record = await in_thread(ledger.runs.get, record.tags[Tag.PARENT_RUN_ID])
    return record, ledger


def _submitted_ms(run: RunRecord) -> int:
    return int(run.tags.get(Tag.SUBMITTED_MS) or run.started_ms)
