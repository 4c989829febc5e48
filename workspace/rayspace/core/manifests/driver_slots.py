"""How many notebooks a head runs at a time: more would take its memory, and Ray counts none of it.

Each place is a unit of a resource of Ray's, so that Ray itself keeps the others waiting, whoever
submitted them and whether or not that machine is still there.
"""

from __future__ import annotations

import math

#: Name of the resource.
RESOURCE = "rayspace_notebook"
#: Set for a head: how long a job may wait for its place [s]. Ray's default of 900 s would fail what
#: merely waits. Source: RAY_JOB_START_TIMEOUT_SECONDS, ray/dashboard/consts.py of Ray 2.60.
START_TIMEOUT = ("RAY_JOB_START_TIMEOUT_SECONDS", "2592000")
#: Ray's own processes on a head, and a notebook that does nothing with its runner and its
#: supervisor; measured with 2.60. [bytes]
_HEAD_BYTES, _NOTEBOOK_BYTES = int(0.9 * 2**30), 350 * 2**20
#: They wait for their tasks more than they work. [1]
_PER_CPU = 2


def n_driver_slots(cpus: float, memory_bytes: int) -> int:
    """Return how many notebooks run at a time, at least 2: one may wait for another's results.

    Parameters
    ----------
    cpus
        CPUs of the head. [1]
    memory_bytes
        Its memory. [bytes]
    """
    by_memory = (memory_bytes - _HEAD_BYTES) // _NOTEBOOK_BYTES
    return max(2, min(math.ceil(cpus * _PER_CPU), by_memory))
