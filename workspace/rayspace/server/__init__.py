"""The Jupyter server's half: REST and one WebSocket under ``/rayspace/``; see ``openapi.yaml``.

It is loaded by Jupyter's server alone; nothing else of rayspace needs that package. All it does is
done by the services; what it holds are copies, and watches that serve all tabs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jupyter_server.serverapp import ServerApp


def _jupyter_server_extension_points() -> list[dict[str, str]]:
    """Tell Jupyter's server what to load."""
    return [{"module": "rayspace.server"}]


def _load_jupyter_server_extension(server: ServerApp) -> None:
    """Add the handlers to a server that starts."""
    from rayspace.server.extension import load

    load(server)
