"""Keep what a submission sends, and that it did not finish."""

from __future__ import annotations

import asyncio
import contextlib
import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from rayspace.core.jobs.lifecycle import STATUS_OF_PHASE, verdict_tags
from rayspace.errors import RayspaceError
from rayspace.loop import in_thread
from rayspace.model.job import Cause, JobOrder, JobPhase, Verdict
from rayspace.model.run import Artifact
from rayspace.model.wire import to_wire

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from rayspace.gateways.contracts import RunGateway
    from rayspace.model.run import RunRecord

#: How long a failed submission tries to say so in its run. [s]
_LAST_WORD_S = 4.0


def upload_order(
    runs: RunGateway, run: RunRecord, order: JobOrder, packed: Path | None, notebook: Path
) -> None:
    """Upload all that a job needs. Blocks.

    Parameters
    ----------
    runs, run, order
        The job's run, and its order.
    packed
        The bundle; None where another run holds it.
    notebook
        The notebook as it was written.
    """
    runs.upload(run.run_id, notebook, Artifact.SOURCE_DIR)
    if packed is not None:
        runs.upload(run.run_id, packed, str(Path(Artifact.BUNDLE).parent))
    with tempfile.TemporaryDirectory(prefix="rayspace-") as directory:
        order_path = Path(directory) / Path(Artifact.ORDER).name
        order_path.write_text(json.dumps(to_wire(order), indent=1), "utf-8")
        runs.upload(run.run_id, order_path, str(Path(Artifact.ORDER).parent))


@contextlib.asynccontextmanager
async def recorded_failure(runs: RunGateway, run: RunRecord) -> AsyncIterator[None]:
    """Leave no run that looks as if it might still begin."""
    try:
        yield
    except BaseException as exc:
        why = exc.message if isinstance(exc, RayspaceError) else type(exc).__name__
        stopped = not isinstance(exc, Exception)
        verdict = Verdict(
            JobPhase.STOPPED if stopped else JobPhase.FAILED,
            Cause.NOT_STARTED,
            f"The submission did not finish: {why}",
        )
        # The first error is the one to tell; the tracking server may be what failed, and who
        # pressed Ctrl-C does not wait for it long.
        with contextlib.suppress(RayspaceError, TimeoutError):
            await asyncio.wait_for(in_thread(_record, runs, run, verdict), _LAST_WORD_S)
        raise


def _record(runs: RunGateway, run: RunRecord, verdict: Verdict) -> None:
    runs.update(run.run_id, tags=verdict_tags(verdict))
    runs.set_status(run.run_id, STATUS_OF_PHASE[verdict.phase])
