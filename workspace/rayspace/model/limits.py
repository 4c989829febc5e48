"""What an administrator allows in one namespace, and what goes beyond it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

#: The ConfigMap of a namespace that holds its limits beside its profiles.
LIMITS_CONFIG_MAP = "rayspace-profiles"
#: Its key with the limits; every other ``NAME.yaml`` is a profile, but the defaults of all.
LIMITS_KEY = "limits.yaml"


@dataclass(frozen=True)
class Limits:
    """What one cluster may ask for in a namespace. None, and no images: no limit.

    Parameters
    ----------
    max_workers
        Workers of all groups together. [1]
    max_gpus
        GPUs of all pods together. [1]
    max_cpus
        CPUs of all pods together. [1]
    max_memory_bytes
        Memory of all pods together. [bytes]
    max_lifetime_s
        The longest lifetime; every cluster must have one. [s]
    max_idle_s
        The longest time without use; every cluster must have one. [s]
    allowed_images
        Patterns of image names.
    overlay
        Fields that are merged into every cluster before it is applied, as in a RayCluster.
    path
        Where the limits were read.
    """

    max_workers: int | None = None
    max_gpus: int | None = None
    max_cpus: float | None = None
    max_memory_bytes: int | None = None
    max_lifetime_s: float | None = None
    max_idle_s: float | None = None
    allowed_images: tuple[str, ...] = ()
    overlay: Mapping[str, Any] = field(default_factory=dict)
    path: str = ""


@dataclass(frozen=True)
class NamespaceLimits:
    """The limits of one namespace.

    Parameters
    ----------
    target
        Name of the target.
    namespace
        The namespace.
    limits
        What its administrator set.
    """

    target: str
    namespace: str
    limits: Limits


@dataclass(frozen=True)
class LimitsPolicy:
    """Objects with which Kubernetes itself refuses what goes beyond the limits of a namespace.

    Parameters
    ----------
    namespace
        The namespace.
    objects
        Policies and bindings, to be applied by an administrator of the whole cluster.
    """

    namespace: str
    objects: tuple[dict[str, Any], ...]


@dataclass(frozen=True)
class Excess:
    """One thing that goes beyond the limits.

    Parameters
    ----------
    key
        The limit, as it is called in the file: ``"max_workers"``.
    asked, allowed
        What was asked and what is allowed, with units.
    summary
        One sentence of fact, which names both.
    hint
        One sentence of advice.
    """

    key: str
    asked: str
    allowed: str
    summary: str
    hint: str
