"""Tell whether a namespace counts the CPUs that a container may use beyond those it asks for.

Source: https://kubernetes.io/docs/concepts/policy/limit-range/
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rayspace.core.diagnosis.fields import items, mapping
from rayspace.core.diagnosis.quantities import quantities

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rayspace.model.limits import Limits
    from rayspace.model.snapshot import KubeObject

#: A LimitRange with less for a container, or for a pod, may refuse a head that may use more: that
#: of Ray, the watcher's and the autoscaler's containers together stay below. [1]
_MOST_CPUS = 3.0


def counts_cpu_limits(
    limits: Limits | None,
    quotas: Sequence[KubeObject] | None,
    limit_ranges: Sequence[KubeObject] | None,
) -> bool:
    """Tell whether a container that may use more than it asks for counts for more, or is refused.

    Parameters
    ----------
    limits
        What an administrator lets a cluster ask for, where a container counts with the larger of
        what it asks for and what it may use; None where they may not be read.
    quotas, limit_ranges
        ResourceQuotas and LimitRanges of the namespace; None where they may not be read. What may
        not be read is taken to count it.
    """
    if limits is None or limits.max_cpus is not None or quotas is None or limit_ranges is None:
        return True
    if any("limits.cpu" in mapping(quota, "spec", "hard") for quota in quotas):
        return True
    entries = [entry for one in limit_ranges for entry in items(one, "spec", "limits")]
    if any("cpu" in mapping(entry, "maxLimitRequestRatio") for entry in entries):
        return True
    most = (quantities(mapping(entry, "max")).get("cpu", _MOST_CPUS) for entry in entries)
    return any(cpus < _MOST_CPUS for cpus in most)
