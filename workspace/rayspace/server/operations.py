"""What takes long: it goes on after it was answered, and tells how far it is.

Nothing here is a record. After a restart of the server nobody knows of an operation any more; what
it was about, a cluster or a job, goes on where it runs and shows itself how it is.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
from typing import TYPE_CHECKING, Any

from rayspace.errors import OperationNotFoundError, PhaseError, RayspaceError
from rayspace.model.wire import to_wire
from rayspace.server.errors import error_body, wire_error

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from rayspace.gateways.contracts import Clock
    from rayspace.model.progress import Report, Stage

#: So many that ended are still told of. [1]
_KEPT = 50
#: Stages of one operation that are kept. [1]
_STAGES = 100
#: Verbs that mostly wait for what goes on without them.
_WAITING = frozenset({"up", "resume", "scale"})
_log = logging.getLogger(__name__)


class Operations:
    """All operations of this server.

    Parameters
    ----------
    clock
        Tells the time.
    publish
        Called with an operation, as JSON, after each change.
    """

    def __init__(self, clock: Clock, publish: Callable[[dict[str, Any]], None]) -> None:
        self._clock = clock
        self._publish = publish
        self._all: dict[str, dict[str, Any]] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}

    def start(
        self, verb: str, target: str, name: str, act: Callable[[Report], Awaitable[Any]]
    ) -> dict[str, Any]:
        """Begin something, and return it as it stands.

        Parameters
        ----------
        verb
            What is done.
        target, name
            What it is done to, as far as it is known.
        act
            Does it; is given what to call with each stage.

        Returns
        -------
        dict
            The operation, as JSON.
        """
        operation: dict[str, Any] = {
            "id": secrets.token_hex(8),
            "verb": verb,
            "target": target,
            "name": name,
            "state": "running",
            "stages": [],
            "result": None,
            "error": None,
            "started_ms": self._clock.now_ms(),
            "ended_ms": 0,
        }
        self._all[operation["id"]] = operation
        self._forget()
        self._tell(operation)
        task = asyncio.get_running_loop().create_task(self._run(operation, act))
        self._tasks[operation["id"]] = task
        task.add_done_callback(lambda _: self._tasks.pop(operation["id"]))
        return dict(operation)

    async def stop(self, operation_id: str) -> dict[str, Any]:
        """Stop waiting for one, and return it; what was asked for goes on where it runs.

        Raises
        ------
        OperationNotFoundError
            If it is not known (any more).
        PhaseError
            If it does not wait: half of what it does would be worse than all of it.
        """
        operation = self.get(operation_id)
        if operation["state"] == "running" and operation["verb"] not in _WAITING:
            raise PhaseError(
                f"The operation {operation['verb']!r} can't be stopped in the middle.",
                hint="It ends soon by itself.",
                details={"id": operation_id, "verb": operation["verb"]},
            )
        if (task := self._tasks.get(operation_id)) is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        return self.get(operation_id)

    def list(self) -> list[dict[str, Any]]:
        """List all, the newest first."""
        return [dict(operation) for operation in reversed(self._all.values())]

    def get(self, operation_id: str) -> dict[str, Any]:
        """Return one; `OperationNotFoundError` if it is not known (any more)."""
        if operation_id not in self._all:
            raise OperationNotFoundError(
                "No such operation is known here any more.",
                hint="The server was restarted, or it ended long ago: look at the clusters and"
                " jobs themselves.",
                details={"id": operation_id},
            )
        return dict(self._all[operation_id])

    async def let_be(self, target: str, name: str) -> None:
        """Stop all waiting for a cluster: somebody ends it, and nobody needs to be told of that."""
        for operation in self.list():
            is_about = operation["name"] == name and operation["target"] in {"", target}
            if is_about and operation["state"] == "running" and operation["verb"] in _WAITING:
                await self.stop(operation["id"])

    async def close(self) -> None:
        """Stop waiting for all of them; what was asked for goes on where it runs."""
        tasks = tuple(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _run(
        self, operation: dict[str, Any], act: Callable[[Report], Awaitable[Any]]
    ) -> None:
        def report(stage: Stage) -> None:
            # Who waits looks several times a second, and mostly sees the same.
            if _note(operation["stages"], to_wire(stage)):
                self._tell(operation)

        state, error = "stopped", None
        with contextlib.suppress(asyncio.CancelledError):
            try:
                result = to_wire(await act(report))
                state = "done"
                operation["result"] = result
                for key in ("target", "name"):
                    if isinstance(result, dict) and result.get(key):
                        operation[key] = result[key]
            except RayspaceError as exc:
                state, error = "failed", wire_error(exc)
            except Exception as exc:  # noqa: BLE001  nobody else waits for it
                _log.exception("The operation %s failed", operation["verb"])
                state, error = "failed", error_body(exc, 500)
        operation |= {"state": state, "error": error, "ended_ms": self._clock.now_ms()}
        self._tell(operation)

    def _tell(self, operation: dict[str, Any]) -> None:
        self._publish({**operation, "stages": list(operation["stages"])})

    def _forget(self) -> None:
        ended = [key for key, item in self._all.items() if item["state"] != "running"]
        for key in ended[: max(0, len(ended) - _KEPT)]:
            del self._all[key]


def _note(stages: list[dict[str, Any]], stage: dict[str, Any]) -> bool:
    """Put a stage in the place of the one that it goes on with; whether it says anything new."""
    for index, earlier in enumerate(stages):
        if earlier["key"] == stage["key"] and "note" not in {earlier["state"], stage["state"]}:
            stages[index] = stage
            return earlier != stage
        if earlier == stage:
            return False
    stages.append(stage)
    del stages[:-_STAGES]
    return True
