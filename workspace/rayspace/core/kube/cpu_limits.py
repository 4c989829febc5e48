"""Tell whether a namespace counts the CPUs that a container may use beyond those it asks for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rayspace.core.diagnosis.fields import items, mapping

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rayspace.model.limits import Limits
    from rayspace.model.snapshot import KubeObject

#: What a LimitRange says of limits, by its kind.
#: Source: https://kubernetes.io/docs/concepts/policy/limit-range/
_RANGES = ("max", "default", "maxLimitRequestRatio")


def counts_cpu_limits(
    limits: Limits,
    quotas: Sequence[KubeObject] | None,
    limit_ranges: Sequence[KubeObject] | None,
) -> bool:
    """Tell whether a container that may use more than it asks for counts for more, or is refused.

    Parameters
    ----------
    limits
        What an administrator lets a cluster ask for, where a container counts with the larger of
        what it asks for and what it may use.
    quotas, limit_ranges
        ResourceQuotas and LimitRanges of the namespace; None where they may not be read, which are
        taken to count it.
    """
    if limits.max_cpus is not None or quotas is None or limit_ranges is None:
        return True
    if any("limits.cpu" in mapping(quota, "spec", "hard") for quota in quotas):
        return True
    entries = (entry for one in limit_ranges for entry in items(one, "spec", "limits"))
    return any("cpu" in mapping(entry, kind) for entry in entries for kind in _RANGES)
