"""Whether a namespace counts the CPUs that a container may use."""

from __future__ import annotations

import pytest

from rayspace.core.kube.cpu_limits import counts_cpu_limits
from rayspace.model.limits import Limits


def quota(**hard: str) -> dict:
    return {"spec": {"hard": {name.replace("_", "."): value for name, value in hard.items()}}}


def limit_range(**kinds: dict[str, str]) -> dict:
    return {"spec": {"limits": [{"type": "Container", **kinds}]}}


@pytest.mark.parametrize(
    ("quotas", "ranges", "limits"),
    [
        # What may not be read may count it.
        (None, (), Limits()),
        ((), None, Limits()),
        ((quota(requests_cpu="4"), quota(limits_cpu="8")), (), Limits()),
        ((), (), None),
        ((), (limit_range(max={"memory": "4Gi"}), limit_range(max={"cpu": "2"})), Limits()),
        ((), (limit_range(maxLimitRequestRatio={"cpu": "1"}),), Limits()),
        ((), (), Limits(max_cpus=4.0)),
    ],
)
def test_quotas_ranges_and_limits_count_it(quotas, ranges, limits) -> None:
    """Nobody is refused for CPUs that they did not ask for."""
    assert counts_cpu_limits(limits, quotas, ranges)


def test_what_speaks_of_something_else_leaves_it() -> None:
    """Quotas of requests, and ranges of memory; and what is no quota at all."""
    quotas = (quota(requests_cpu="4", cpu="4", limits_memory="8Gi"), {"spec": None})
    ranges = (
        limit_range(max={"memory": "4Gi"}, min={"cpu": "10m"}, default={"cpu": "500m"}),
        limit_range(max={"cpu": "32"}),
        {},
    )
    assert not counts_cpu_limits(Limits(max_workers=3, max_gpus=1), quotas, ranges)
