"""One request, as the functions behind the routes see it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rayspace.app import App
    from rayspace.server.workspace import Workspace


@dataclass(frozen=True)
class Ask:
    """One request.

    Parameters
    ----------
    workspace
        All that the server has.
    where
        What the path names: target, cluster, job.
    query, body
        What was asked, checked.
    """

    workspace: Workspace
    where: dict[str, str] = field(default_factory=dict)
    query: dict[str, Any] = field(default_factory=dict)
    body: dict[str, Any] = field(default_factory=dict)

    @property
    def path(self) -> str:
        """The notebook or folder whose project is meant; empty for the root."""
        return str(self.body.get("path") or self.query.get("path") or "")

    @property
    def app(self) -> App:
        """The services for the project that is meant, and for the kernel that was named."""
        return self.workspace.apps.of(self.path, self.body.get("kernel"))


@dataclass(frozen=True)
class Accepted:
    """What goes on although it was answered.

    Parameters
    ----------
    operation
        The operation, as JSON.
    """

    operation: dict[str, Any]
