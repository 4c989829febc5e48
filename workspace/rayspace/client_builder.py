"""What ``ray.init()`` does with an address of this package: ``rayspace://cluster@target``.

Ray takes the word before ``://`` for a module, and connects by the class of this name in it. Both
parts may be left out: then the cluster is that which `use` chose, or the only one there is.

References
----------
ray/client_builder.py of Ray 2.60, ``_get_builder_from_address``.
"""

from __future__ import annotations

import functools
import logging
from typing import TYPE_CHECKING, Any

import ray.client_builder
import ray.util.client

from rayspace import attach
from rayspace.app import current_app
from rayspace.core.clusters.access import named_in
from rayspace.errors import PhaseError
from rayspace.loop import run

if TYPE_CHECKING:
    from rayspace.model.progress import Stage

#: Arguments of ``ray.init`` that only say how it speaks here.
_HARMLESS = {
    "ignore_reinit_error",
    "configure_logging",
    "logging_level",
    "logging_format",
    "log_to_driver",
}
_logger = logging.getLogger("rayspace")


class ClientBuilder(ray.client_builder.ClientBuilder):
    """Connects to a cluster of ours by Ray Client.

    Parameters
    ----------
    address
        ``cluster@target``.
    """

    def __init__(self, address: str | None) -> None:
        super().__init__(address)
        self._named = address or ""
        self._asked: set[str] = set()

    def _init_args(self, **kwargs: Any) -> ClientBuilder:
        self._asked = {name for name in kwargs if name not in _HARMLESS}
        for name in _HARMLESS - {"ignore_reinit_error"}:
            # These concern this process alone, which has heeded them.
            kwargs.pop(name, None)
        super()._init_args(**kwargs)
        return self

    def connect(self) -> ray.client_builder.ClientContext:
        """Connect, or return the connection that there is.

        Raises
        ------
        PhaseError
            If Ray is connected already, and something else is asked of the connection.
        VersionMismatchError
            If the Ray or the Python of this process and those of the cluster don't fit.
        """
        app = current_app()
        name, target = named_in(self._named)
        state = run(app.clusters.status(name, target=target))
        if attach.is_attached_to(state):
            if self._asked:
                raise PhaseError(
                    f"Ray in this session is connected to {state.name} already, without what is"
                    f" asked for now: {', '.join(sorted(self._asked))}.",
                    hint="Disconnect it first: ray.shutdown()",
                )
            return _context()
        state = run(attach.preflight(app, state.name, target=state.target))
        parent = functools.partial(super().connect)
        contexts = []

        def initialize(url: str) -> None:
            self.address = url.removeprefix("ray://")
            contexts.append(parent())

        attach.connect(app, state, _tell, initialize)
        return contexts[-1]


def _tell(stage: Stage) -> None:
    _logger.info("%s", stage.text)


def _context() -> ray.client_builder.ClientContext:
    client: Any = ray.util.client.ray
    told = client.get_context().client_worker.connection_info()
    return ray.client_builder.ClientContext(
        dashboard_url=client._get_dashboard_url(),  # noqa: SLF001  as Ray's own builder does
        python_version=told["python_version"],
        ray_version=told["ray_version"],
        ray_commit=told["ray_commit"],
        _num_clients=told["num_clients"],
        _context_to_restore=client.get_context(),
    )
