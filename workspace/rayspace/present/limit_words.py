"""Words for an administrator's limits, and for the policy that holds people to them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rayspace.core.limits.rules import cpus_text, gpus_text, memory_text, workers_text
from rayspace.core.manifests.diff import manifest_yaml
from rayspace.units import format_duration

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rayspace.model.limits import LimitsPolicy, NamespaceLimits


def limits_facts(found: NamespaceLimits) -> list[tuple[str, str]]:
    """Say what one cluster may ask for, as pairs of a name and a text."""
    where = ("namespace", f"{found.namespace} of {found.target}")
    limits = list(_limits(found))
    if not limits:
        return [where, ("limits", "none: a cluster may ask for whatever its nodes and quotas hold")]
    return [where, *limits, ("from", found.limits.path)]


def _limits(found: NamespaceLimits) -> Iterator[tuple[str, str]]:
    limits = found.limits
    together = "in all pods of one cluster together"
    if limits.max_workers is not None:
        text = f"at most {workers_text(limits.max_workers)} in all groups of one cluster together"
        yield "workers", f"{text}; one that grows by need counts with its most"
    if limits.max_gpus is not None:
        yield "GPUs", f"at most {gpus_text(limits.max_gpus)} {together}"
    if limits.max_cpus is not None:
        yield "CPUs", f"at most {cpus_text(round(limits.max_cpus * 1000))} {together}"
    if limits.max_memory_bytes is not None:
        yield "memory", f"at most {memory_text(limits.max_memory_bytes)} {together}"
    if limits.max_lifetime_s is not None:
        text = format_duration(limits.max_lifetime_s)
        yield "lifetime", f"at most {text}; every cluster must have a --max-lifetime"
    if limits.max_idle_s is not None:
        text = format_duration(limits.max_idle_s)
        yield "idle", f"at most {text} without use; every cluster must have an --idle"
    if limits.allowed_images:
        yield "images", "\n".join(["only those like", *limits.allowed_images])
    if limits.overlay:
        yield "added", f"to every cluster\n{manifest_yaml(limits.overlay)}"


def policy_yaml(policy: LimitsPolicy) -> str:
    """Write the objects of a policy as YAML that kubectl takes."""
    return "\n---\n".join(manifest_yaml(item) for item in policy.objects)
