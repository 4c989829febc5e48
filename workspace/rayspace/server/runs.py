"""What is answered about runs: the latest of each experiment, with their key metrics."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from rayspace.extras import missing_extras
from rayspace.loop import in_thread
from rayspace.model.run import Tag

if TYPE_CHECKING:
    from rayspace.server.ask import Ask
    from rayspace.services.recent_runs import RecentRun


async def list_runs(ask: Ask) -> Any:
    """Return the latest runs."""
    target, query = ask.query["target"], ask.query
    with missing_extras():
        ledger = await ask.app.ledgers.of(target)
        uri = await in_thread(lambda: ledger.shown_uri)
        found = await ask.workspace.runs.find(
            ledger.runs,  # type: ignore[arg-type]  # of MLflow, which has a history
            uri,
            experiment=query.get("experiment"),
            limit=query["limit"],
        )
    place = await ask.workspace.panes.place(ask.path, target)
    link = f"rayspace/proxy/mlflow/{quote(place, safe='')}/"
    return {
        "target": target,
        "tracking_uri": uri,
        "runs": [_run(item, link) for item in found],
        "link": link,
    }


def _run(item: RecentRun, link: str) -> dict[str, Any]:
    record = item.record
    return {
        "run_id": record.run_id,
        "name": record.name,
        "experiment_id": record.experiment_id,
        "experiment": record.experiment,
        "status": record.status,
        "started_ms": record.started_ms,
        "ended_ms": record.ended_ms,
        "job": record.tags.get(Tag.JOB, ""),
        "parameters": record.params,
        "metrics": item.metrics,
        "link": f"{link}#/experiments/{record.experiment_id}/runs/{record.run_id}",
    }
