"""Read quantities of Kubernetes, and write amounts of resources for people.

Unlike `rayspace.units`, which reads what people type and refuses what is unclear, this reads what
machines wrote and takes what it can't read as unknown.
Source: https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

from rayspace.units import format_bytes, format_count

if TYPE_CHECKING:
    from collections.abc import Mapping

_FACTORS = {
    "": 1.0,
    "n": 1e-9,
    "u": 1e-6,
    "m": 1e-3,
    "k": 1e3,
    "M": 1e6,
    "G": 1e9,
    "T": 1e12,
    "P": 1e15,
    "E": 1e18,
    "Ki": 2.0**10,
    "Mi": 2.0**20,
    "Gi": 2.0**30,
    "Ti": 2.0**40,
    "Pi": 2.0**50,
    "Ei": 2.0**60,
}
_QUANTITY = re.compile(
    r"(?P<number>[+-]?(?:[0-9]{1,40}(?:\.[0-9]{0,40})?|\.[0-9]{1,40}))"
    r"(?P<suffix>[eE][+-]?[0-9]{1,3}|[numkMGTPE]|[KMGTPE]i|)"
)
_GPU = re.compile(r"gpu|/mig-|/i915$|/xe$|/gaudi$", re.IGNORECASE)


def quantity(value: object) -> float | None:
    """Read a quantity.

    Parameters
    ----------
    value
        Such as ``"250m"``, ``"8Gi"``, ``"1e3"`` or ``2``.

    Returns
    -------
    float or None
        The amount, in CPUs, bytes or pieces; None if it is no quantity. [1]

    Examples
    --------
    >>> quantity("250m"), quantity("1Ki"), quantity("many")
    (0.25, 1024.0, None)
    """
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        return None
    match = _QUANTITY.fullmatch(str(value).strip())
    if match is None:
        return None
    factor = _FACTORS.get(match["suffix"])
    # "1E" is 10^18, "1E3" is 1000: the suffix that is no unit is an exponent.
    amount = float(match[0]) if factor is None else float(match["number"]) * factor
    return amount if math.isfinite(amount) else None


def quantities(value: Mapping[str, object]) -> dict[str, float]:
    """Read the amounts of a mapping of resources, by name; without those that can't be read. [1]"""
    amounts = {str(name): quantity(entry) for name, entry in value.items()}
    return {name: amount for name, amount in amounts.items() if amount is not None}


def is_gpu(resource: str) -> bool:
    """Tell whether a resource is a GPU, or a slice of one."""
    return _GPU.search(resource) is not None


def amount_text(resource: str, amount: float) -> str:
    """Write an amount of a resource with its name.

    Parameters
    ----------
    resource
        As Kubernetes names it: ``"cpu"``, ``"limits.memory"``, ``"nvidia.com/gpu"``.
    amount
        How much of it, in CPUs, bytes or pieces. [1]

    Returns
    -------
    str
        Such as ``"64 CPUs"``, ``"8.0 GiB of memory"`` or ``"8 GPUs (nvidia.com/gpu)"``.
    """
    name = plain_resource(resource)
    if name == "cpu":
        return format_count(amount, "CPU")
    if name in {"memory", "storage", "ephemeral-storage"}:
        return f"{format_bytes(amount)} of {name.replace('-', ' ')}"
    if is_gpu(name):
        return f"{format_count(amount, 'GPU')} ({name})"
    return f"{amount:g} {name}"


def bare_amount(resource: str, amount: float) -> str:
    """Write an amount of a resource that was named just before.

    Parameters
    ----------
    resource
        As Kubernetes names it.
    amount
        How much of it, in CPUs, bytes or pieces. [1]
    """
    return (
        format_bytes(amount)
        if plain_resource(resource).endswith(("memory", "storage"))
        else f"{amount:g}"
    )


def plain_resource(resource: str) -> str:
    """Return the name of a resource as pods use it: ``"cpu"`` for ``"requests.cpu"``."""
    for prefix in ("requests.", "limits.", "count/"):
        resource = resource.removeprefix(prefix)
    return resource
