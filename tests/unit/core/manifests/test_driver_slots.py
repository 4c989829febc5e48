"""How many notebooks a head runs at a time."""

from __future__ import annotations

import pytest

from rayspace.core.manifests.driver_slots import n_driver_slots

GIB = 2**30


@pytest.mark.parametrize(
    ("cpus", "memory_bytes", "n"),
    [
        (8, 64 * GIB, 16),
        (8, 4 * GIB, 9),
        (0.5, 64 * GIB, 2),
        # One notebook may submit another and wait for it.
        (1, int(1.4 * GIB), 2),
        (0, 0, 2),
    ],
)
def test_places_are_bound_by_cpus_and_memory(cpus: float, memory_bytes: int, n: int) -> None:
    """The scarcer one counts, and two always fit."""
    assert n_driver_slots(cpus, memory_bytes) == n
