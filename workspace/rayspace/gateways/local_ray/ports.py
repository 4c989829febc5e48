"""Find free ports."""

from __future__ import annotations

import random
import socket
from typing import TYPE_CHECKING

from rayspace.errors import GatewayError, PortTakenError

if TYPE_CHECKING:
    from collections.abc import Collection

#: Below the system's range for outgoing connections (32768 up on Linux), which could take a port
#: between our look and Ray's bind, and beside Ray Client's own 23000 to 23999.
_FIRST, _LAST = 24000, 31999


def is_free(port: int) -> bool:
    """Tell whether a port can be bound on all interfaces, as some of Ray's servers do."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("", port))
        except OSError:
            return False
    return True


def require_free(port: int) -> int:
    """Return the port if it is free, else raise `PortTakenError`. [1]"""
    if not 0 < port < 65536 or not is_free(port):
        raise PortTakenError(
            f"Port {port} is in use or can't be bound.",
            hint="Leave it out to get a free one, or see who has it with: ss -ltnp",
            details={"port": port},
        )
    return port


def free_ports(count: int, taken: Collection[int]) -> list[int]:
    """Find free ports.

    Parameters
    ----------
    count
        How many. [1]
    taken
        Ports on record for clusters that may not have bound them yet. [1]

    Returns
    -------
    list of int
        Different free ports. [1]

    Raises
    ------
    GatewayError
        If there are not enough.
    """
    candidates = [port for port in range(_FIRST, _LAST + 1) if port not in taken]
    random.shuffle(candidates)
    found: list[int] = []
    for port in candidates:
        if len(found) == count:
            break
        if is_free(port):
            found.append(port)
    if len(found) < count:
        raise GatewayError(
            f"Fewer than {count} ports are free between {_FIRST} and {_LAST}.",
            system="network",
            operation="find ports",
            hint="End servers that you no longer need; see them with: ss -ltnp",
        )
    return found
