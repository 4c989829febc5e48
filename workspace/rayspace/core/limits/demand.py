"""Measure what a Ray manifest asks for, so that it can be held against limits.

A cluster counts as large as it may become without anybody being asked again: an autoscaled group
with its ``maxReplicas``, a container with the larger of request and limit, a pod as Kubernetes
reserves it. What can't be counted is never taken for nothing. ``core.admission_policy`` says the
same in CEL, and the tests hold both together.

Sources: GetWorkerGroupDesiredReplicas and BuildAutoscalerContainer of KubeRay 1.6.2, the fields
``shutdownAfterJobFinishes`` and ``activeDeadlineSeconds`` of its RayJob, and
https://kubernetes.io/docs/concepts/workloads/pods/init-containers/#resource-sharing-within-containers
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from rayspace.core.clusters.activity import Annotation
from rayspace.core.diagnosis.fields import items, mapping, moment_ms, text
from rayspace.core.manifests.ray_cluster import IDLE_S, MAX_LIFETIME_S
from rayspace.errors import SpecError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

#: Where the description of a cluster is in each kind that has one, below ``spec``.
SPEC_FIELDS = {"RayCluster": "", "RayJob": "rayClusterSpec", "RayService": "rayClusterConfig"}
#: A number of seconds, as Python writes it into annotations.
SECONDS_PATTERN = r"^[0-9]{1,9}(\.[0-9]{1,6})?(e\+0[0-9])?$"
#: A time in milliseconds since 1970-01-01 UTC.
TIME_PATTERN = "^[0-9]{1,15}$"
#: Added before a number is cut, so that it is rounded up. [1]
ROUND_UP = 0.999999
#: Longer than any limit: a cluster that nobody ends. [s]
NEVER_S = 2**53
#: What KubeRay takes for an absent ``maxReplicas``, and the most pods that a group may have. [1]
MAX_REPLICAS = 2**31 - 1
#: The most that one container counts for, so that a sum stays exact as a double. [1]
MAX_AMOUNT = 9 * 10**15
#: Names of resources that are GPUs: whole ones, shared ones and slices.
GPU_PATTERN = (
    r"^([a-z0-9.-]+/(gpu|gpu\.shared)|nvidia\.com/mig-.+|gpu\.intel\.com/(i915|xe)"
    r"|habana\.ai/gaudi)$"
)
#: What KubeRay gives the autoscaler in the head pod when nobody says otherwise.
AUTOSCALER_RESOURCES = {"limits": {"cpu": "500m", "memory": "512Mi"}}

_QUANTITY = re.compile(r"([+-]?(?:\d+\.?\d*|\.\d+))(?:([KMGTPE]i)|([numkMGTPE])|[eE]([+-]?\d+))?")
_BINARY = {f"{unit}i": Decimal(2) ** (10 * power) for power, unit in enumerate("KMGTPE", 1)}
_DECIMAL = {unit: Decimal(10) ** (3 * power) for power, unit in enumerate("kMGTPE", 1)}
_SMALL = {"n": Decimal("1e-9"), "u": Decimal("1e-6"), "m": Decimal("1e-3")}
_FACTORS = _BINARY | _DECIMAL | _SMALL
#: Quantities have 18 digits at most; larger exponents are no quantity of anything. [1]
_LARGEST_EXPONENT = 30
#: Rounding up forgives the last digits of a double, as CEL has no better number. [1]
_ROUNDING = Decimal("1e-6")


@dataclass(frozen=True)
class Resource:
    """Something that pods ask for and that is limited.

    Parameters
    ----------
    name
        Its name, empty where many names mean it.
    pattern
        The names that mean it.
    scale
        How many of the units in which it is counted make one. [1]
    """

    name: str
    pattern: str
    scale: int


CPU = Resource("cpu", "^cpu$", 1000)
MEMORY = Resource("memory", "^memory$", 1)
GPU = Resource("", GPU_PATTERN, 1)


@dataclass(frozen=True)
class Demand:
    """What one manifest asks for.

    Parameters
    ----------
    kind
        The manifest's kind.
    n_workers
        Workers of all groups. [1]
    n_gpus
        GPUs of all pods. [1]
    cpus_milli
        Thousandths of CPUs of all pods. [1]
    memory_bytes
        Memory of all pods. [bytes]
    lifetime_s, idle_s
        After which time it ends by itself, and after which time without use; `NEVER_S` if never.
        [s]
    images
        The images of its containers, each once.
    without_cpu, without_memory
        The containers that say nothing of it, so that they may take any amount.
    """

    kind: str
    n_workers: int
    n_gpus: int
    cpus_milli: int
    memory_bytes: int
    lifetime_s: int
    idle_s: int
    images: tuple[str, ...]
    without_cpu: tuple[str, ...]
    without_memory: tuple[str, ...]


def demand_of(manifest: Mapping[str, Any]) -> Demand | None:
    """Measure what a manifest asks for.

    Parameters
    ----------
    manifest
        A RayCluster, RayJob or RayService, as it is applied.

    Returns
    -------
    Demand or None
        None for a job that brings no cluster of its own.

    Raises
    ------
    SpecError
        If it is of another kind.
    """
    kind = text(manifest, "kind")
    if kind not in SPEC_FIELDS:
        raise SpecError(
            f"{kind!r} is no kind of manifest that has a Ray cluster.",
            hint=f"Kinds: {', '.join(SPEC_FIELDS)}.",
        )
    spec = mapping(manifest, "spec")
    ray = mapping(spec, SPEC_FIELDS[kind]) if SPEC_FIELDS[kind] else spec
    if kind == "RayJob" and not ray:
        return None
    is_autoscaled = bool(ray.get("enableInTreeAutoscaling"))
    groups = items(ray, "workerGroupSpecs")
    workers = [(_n_pods(group, is_autoscaled), _pod(group)) for group in groups]
    autoscaler = [(1, {"containers": [_autoscaler(ray)]})] if is_autoscaled else []
    counted = [(1, _pod(mapping(ray, "headGroupSpec"))), *autoscaler, *workers]
    pods = [pod for _, pod in counted]

    def total(resource: Resource) -> int:
        return sum(n_pods * _pod_amount(pod, resource) for n_pods, pod in counted)

    lifetime_s, idle_s = _ends(manifest, kind, spec)
    return Demand(
        kind=kind,
        n_workers=sum(n_pods for n_pods, _ in workers),
        n_gpus=total(GPU),
        cpus_milli=total(CPU),
        memory_bytes=total(MEMORY),
        lifetime_s=lifetime_s,
        idle_s=idle_s,
        images=tuple(dict.fromkeys(_images(spec, pods))),
        without_cpu=tuple(_without(pods, CPU)),
        without_memory=tuple(_without(pods, MEMORY)),
    )


def _ends(manifest: Mapping[str, Any], kind: str, spec: Mapping[str, Any]) -> tuple[int, int]:
    if kind == "RayCluster":
        metadata = mapping(manifest, "metadata")
        notes = {key: str(value) for key, value in mapping(metadata, "annotations").items()}
        lifetime_s = _seconds(notes.get(MAX_LIFETIME_S, ""))
        return max(lifetime_s, _extension_s(notes, metadata)), _seconds(notes.get(IDLE_S, ""))
    # A job's cluster is idle from the job's end to its own; a service has no end at all.
    if kind != "RayJob" or not spec.get("shutdownAfterJobFinishes"):
        return NEVER_S, NEVER_S
    idle_s = _whole(spec, "ttlSecondsAfterFinished", 0, most=NEVER_S)
    deadline_s = _whole(spec, "activeDeadlineSeconds", 0, most=NEVER_S)
    return (deadline_s + idle_s if deadline_s > 0 else NEVER_S), idle_s


def _seconds(note: str) -> int:
    if not _fits(SECONDS_PATTERN, note):
        return NEVER_S
    # Zero is taken for no end, so that it never passes for a short time.
    return int(float(note) + ROUND_UP) or NEVER_S


def _extension_s(notes: Mapping[str, str], metadata: Mapping[str, Any]) -> int:
    """Return the lifetime that an extension asks for; 0 where there is none, or no beginning."""
    created_ms = (moment_ms(metadata, "creationTimestamp") or 0) // 1000 * 1000
    from_ms = max(created_ms, _time_ms(notes, Annotation.LIFETIME_FROM))
    until_ms = _time_ms(notes, Annotation.EXTENDED_UNTIL)
    return (until_ms - from_ms) // 1000 if until_ms > from_ms > 0 else 0


def _time_ms(notes: Mapping[str, str], key: str) -> int:
    note = notes.get(key, "")
    return int(note) if _fits(TIME_PATTERN, note) else 0


def _fits(pattern: str, word: str) -> bool:
    return re.fullmatch(pattern.removeprefix("^").removesuffix("$"), word) is not None


def _n_pods(group: Mapping[str, Any], is_autoscaled: bool) -> int:
    if group.get("suspend"):
        return 0
    least = _whole(group, "minReplicas", 0)
    most = _whole(group, "maxReplicas", MAX_REPLICAS)
    asked = most if is_autoscaled else _whole(group, "replicas", 0)
    n_replicas = least if asked < least else min(asked, most)
    n_pods = max(n_replicas, 0) * max(_whole(group, "numOfHosts", 1), 0)
    return min(n_pods, MAX_REPLICAS)


def _autoscaler(ray: Mapping[str, Any]) -> dict[str, Any]:
    """Return the container that KubeRay puts beside the head."""
    options = mapping(ray, "autoscalerOptions")
    given = options.get("resources")
    resources = AUTOSCALER_RESOURCES if given is None else given
    return {"name": "autoscaler", "image": options.get("image"), "resources": resources}


def _pod_amount(pod: Mapping[str, Any], resource: Resource) -> int:
    running = sum(_amount(container, resource) for container in _running(pod))
    first = max((_amount(item, resource) for item in items(pod, "initContainers")), default=0)
    return max(running, first, _amount(pod, resource))


def _amount(container: Mapping[str, Any], resource: Resource) -> int:
    return max(_given(container, kind, resource) for kind in ("requests", "limits"))


def _given(container: Mapping[str, Any], kind: str, resource: Resource) -> int:
    given = mapping(container, "resources", kind)
    names = (name for name in given if _fits(resource.pattern, name))
    return sum(_units(given[name], resource.scale) for name in names)


def _units(quantity: object, scale: int) -> int:
    match = _QUANTITY.fullmatch(str(quantity))
    if match is None:
        return MAX_AMOUNT
    number, binary, decimal, exponent = match.groups()
    factor = _FACTORS.get(binary or decimal or "", Decimal(1))
    if exponent:
        factor = Decimal(10) ** max(min(int(exponent), _LARGEST_EXPONENT), -_LARGEST_EXPONENT)
    amount = Decimal(number) * factor * scale
    # A pod with less than nothing is never made, and must not make up for others.
    return max(math.ceil(min(amount, Decimal(MAX_AMOUNT)) - _ROUNDING), 0)


def _without(pods: Iterable[Mapping[str, Any]], resource: Resource) -> Iterator[str]:
    for pod in pods:
        if not _amount(pod, resource):
            for container in _running(pod):
                if not _amount(container, resource):
                    yield str(container.get("name", ""))


def _images(spec: Mapping[str, Any], pods: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    submitter = mapping(spec, "submitterPodTemplate", "spec")
    for pod in (*pods, submitter):
        for container in (*items(pod, "containers"), *items(pod, "initContainers")):
            if container.get("image"):
                yield str(container["image"])


def _running(pod: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """List what runs for as long as the pod: init containers that restart are sidecars."""
    sidecars = (
        item for item in items(pod, "initContainers") if item.get("restartPolicy") == "Always"
    )
    return [*items(pod, "containers"), *sidecars]


def _pod(group: Mapping[str, Any]) -> Mapping[str, Any]:
    return mapping(group, "template", "spec")


def _whole(part: Mapping[str, Any], key: str, default: int, *, most: int = MAX_REPLICAS) -> int:
    """Read a whole number; what is none counts as the most that it could be."""
    value = part.get(key)
    try:
        return default if value is None else int(value)
    except (TypeError, ValueError, OverflowError):
        return most
