"""What is answered about what is going on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rayspace.server.ask import Ask


async def list_operations(ask: Ask) -> Any:
    """Return what is going on, and what ended a while ago."""
    return {"operations": ask.workspace.operations.list()}


async def get_operation(ask: Ask) -> Any:
    """Return one operation as it stands."""
    return ask.workspace.operations.get(ask.where["id"])


async def stop_operation(ask: Ask) -> Any:
    """Stop waiting for what an operation began, and return it."""
    return await ask.workspace.operations.stop(ask.where["id"])
