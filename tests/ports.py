"""Ports for servers that bind them themselves, later."""

from __future__ import annotations

import random
import socket

#: Below the system's range for outgoing connections, which could take one meanwhile; and beside
#: those of Ray's parts.
_PORTS = range(20_000, 23_000)


def is_free(port: int) -> bool:
    """Tell whether nobody listens on a port."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def free_port() -> int:
    """Return a port that nobody listens on."""
    return next(port for port in random.sample(_PORTS, len(_PORTS)) if is_free(port))
