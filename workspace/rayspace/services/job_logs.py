"""Read the log of a job: as it is written, through broken connections, and after its end."""

from __future__ import annotations

import contextlib
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from rayspace.core.jobs.log_continuation import TAIL_CHARS, rest_after
from rayspace.core.jobs.sweep_apart import is_apart
from rayspace.errors import GatewayError, NotFoundError, PhaseError
from rayspace.loop import in_thread
from rayspace.model.run import Artifact, Tag

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from rayspace.gateways.contracts import Clock, HeadGateway
    from rayspace.model.run import RunRecord
    from rayspace.services.ledgers import Ledger
    from rayspace.services.live import LiveSide
    from rayspace.services.observation import JobObserver

#: Before a connection that broke is tried anew, and between two looks for one that begins. [s]
_PAUSE_S = 1.0


class JobLogs:
    """Logs of jobs.

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

    async def read(self, record: RunRecord, ledger: Ledger, *, follow: bool) -> AsyncIterator[str]:
        """Yield pieces of a log as written; until the job ends when following.

        A connection that breaks is made anew, and goes on where it broke off.

        Parameters
        ----------
        record, ledger
            The job's run, and the tracking server that keeps it.
        follow
            Whether to go on until the job has ended.

        Raises
        ------
        PhaseError
            If there is none (yet), and nobody follows.
        """
        if is_apart(record):
            name = record.tags[Tag.JOB]
            raise PhaseError(
                f"The trials of {name!r} are jobs of their own, each with its log.",
                hint=f"Read one with: rayspace job logs {name}-1",
                details={"name": name},
            )
        n_told, tail, attempt = 0, "", ""
        while True:
            fresh = await in_thread(ledger.runs.get, record.run_id)
            state = await self._observer.state(fresh, ledger)
            has_ended = state.phase.is_terminal
            now = fresh.tags.get(Tag.ATTEMPT, "")
            if attempt and now != attempt:
                # Another attempt has a log of its own.
                n_told, tail = 0, ""
            attempt = now
            n_seen, is_live = 0, False
            with contextlib.suppress(GatewayError, NotFoundError, PhaseError):
                # Broken off, or nothing runs: the run says whether anything may still come.
                async for piece in self._live_pieces(fresh, follow=follow and not has_ended):
                    n_seen += len(piece)
                    if n_seen > n_told:
                        new = piece[n_told - n_seen :]
                        n_told, tail = n_seen, (tail + new)[-TAIL_CHARS:]
                        yield new
                is_live = True
            if has_ended or not follow:
                # What Ray has is enough, also if nothing is in it yet.
                if not is_live:
                    text = await self._stored(fresh, ledger, is_needed=not (n_told or follow))
                    yield rest_after(text, tail, n_told)
                return
            await self._clock.sleep(_PAUSE_S)

    async def _live_pieces(self, record: RunRecord, *, follow: bool) -> AsyncIterator[str]:
        cluster = await self._live.cluster(record)
        async for piece in self._head.logs(cluster.address, record.tags[Tag.JOB], follow=follow):
            yield piece

    async def _stored(self, record: RunRecord, ledger: Ledger, *, is_needed: bool) -> str:
        """Return the log that the run holds; empty for none, where none is needed."""
        with tempfile.TemporaryDirectory(prefix="rayspace-") as directory:
            try:
                path = await in_thread(
                    ledger.runs.download, record.run_id, Artifact.DRIVER_LOG, Path(directory)
                )
            except NotFoundError as exc:
                if not is_needed:
                    return ""
                name = record.tags[Tag.JOB]
                raise PhaseError(
                    f"The job {name!r} has no log yet.",
                    hint=f"See where it stands with: rayspace job status {name}",
                ) from exc
            return await in_thread(path.read_text, "utf-8", "replace")
