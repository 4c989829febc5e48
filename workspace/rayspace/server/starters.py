"""What is answered about notebooks to begin from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rayspace.gateways.starter_notebooks import copy_starter, list_starters
from rayspace.loop import in_thread

if TYPE_CHECKING:
    from rayspace.server.ask import Ask


async def get_starters(ask: Ask) -> Any:
    """Return the notebooks to begin from."""
    return {"starters": await in_thread(list_starters)}


async def create_notebook(ask: Ask) -> Any:
    """Copy one into a folder, and return what the contents API calls the copy."""
    apps = ask.workspace.apps
    folder = apps.file(ask.body["folder"])
    made = await in_thread(copy_starter, ask.body["starter"], folder)
    return {"path": apps.contents_path(str(made))}
