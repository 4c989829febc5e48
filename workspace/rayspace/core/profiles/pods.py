"""The part of a profile that only a cluster on Kubernetes has."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from rayspace.errors import SpecError
from rayspace.model.profile import GroupSpec, NodeResources, PodOptions
from rayspace.names import is_safe_name

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rayspace.core.profiles.checks import Checks
    from rayspace.core.profiles.yaml_text import YamlValue

KEYS = (
    "groups",
    "image",
    "idle",
    "max_lifetime",
    "queue",
    "price",
    "secrets",
    "volumes",
    "tolerations",
    "node_selector",
    "priority",
    "service_account",
    "image_pull_secrets",
    "rayCluster",
)
_GROUP_KEYS = ("workers", "cpus", "memory", "gpus", "gpu_type", "object_store_memory")
_SECRET = re.compile(r"[a-z0-9]([-a-z0-9.]*[a-z0-9])?/[-._A-Za-z0-9]+")
_CLAIM = re.compile(r"[a-z0-9]([-a-z0-9.]*[a-z0-9])?(:ro)?")
_TOLERATION = re.compile(
    r"(?P<key>[-A-Za-z0-9_./]+)(=(?P<value>[-A-Za-z0-9_.]+))?"
    r"(:(?P<effect>NoSchedule|PreferNoSchedule|NoExecute))?"
)
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
#: Fields of a RayCluster that an overlay may hold.
_OVERLAY_KEYS = ("metadata", "spec")


def pod_options(checks: Checks, fields: Mapping[str, YamlValue]) -> PodOptions:
    """Read what only Kubernetes has.

    Parameters
    ----------
    checks
        Collects what is wrong.
    fields
        The entries of the profile.

    Returns
    -------
    PodOptions
        What was read.
    """
    price = checks.count(fields.get("price"), "price", is_whole=False)
    return PodOptions(
        image=checks.text(fields.get("image"), "image"),
        queue=checks.text(fields.get("queue"), "queue"),
        idle_s=checks.duration(fields.get("idle"), "idle"),
        max_lifetime_s=checks.duration(fields.get("max_lifetime"), "max_lifetime"),
        price_per_hour=price,
        secrets=_secrets(checks, fields.get("secrets")),
        volumes=_volumes(checks, fields.get("volumes")),
        tolerations=_tolerations(checks, fields.get("tolerations")),
        node_selector=checks.text_mapping(fields.get("node_selector"), "node_selector"),
        priority=checks.text(fields.get("priority"), "priority"),
        service_account=checks.text(fields.get("service_account"), "service_account"),
        image_pull_secrets=checks.texts(fields.get("image_pull_secrets"), "image_pull_secrets"),
        overlay=_overlay(checks, fields.get("rayCluster")),
    )


def worker_groups(checks: Checks, field: YamlValue | None) -> tuple[GroupSpec, ...]:
    """Read groups of workers beside the first; parameters as for `pod_options`."""
    if field is None or not checks.mapping(field, "groups"):
        return ()
    groups = []
    for name, entry in field.entries.items():
        key = f"groups.{name}"
        if not is_safe_name(name) or name == "workers":
            hint = "Use small letters, digits and dashes; 'workers' is the first group."
            checks.problem(entry.line, key, f"{name!r} is no name for a group", hint)
            continue
        if not checks.mapping(entry, key):
            continue
        checks.keys(entry, f"{key}.", _GROUP_KEYS)
        n_workers, max_workers = checks.workers(entry.entries.get("workers"), f"{key}.workers")
        worker: NodeResources = checks.resources(entry.entries, f"{key}.", 1)
        groups.append(GroupSpec(name, n_workers, worker, max_workers))
    return tuple(groups)


def toleration(text: str) -> dict[str, str]:
    """Turn ``key=value:Effect`` into the object of a pod.

    Parameters
    ----------
    text
        As kubectl writes a taint; value and effect may be left out.

    Returns
    -------
    dict of str to str
        The toleration.

    Raises
    ------
    SpecError
        If it is none.
    """
    match = _TOLERATION.fullmatch(text)
    if match is None:
        raise SpecError(f"{text!r} is no toleration.", hint="Write it as key=value:NoSchedule.")
    found = {"key": match["key"], "operator": "Equal" if match["value"] else "Exists"}
    if match["value"]:
        found["value"] = match["value"]
    if match["effect"]:
        found["effect"] = match["effect"]
    return found


def _secrets(checks: Checks, field: YamlValue | None) -> dict[str, str]:
    found = checks.text_mapping(field, "secrets")
    for name, entry in (field.entries if field and found else {}).items():
        if not _VARIABLE.fullmatch(name):
            message = f"{name!r} is no name for an environment variable"
            checks.problem(entry.line, f"secrets.{name}", message, "")
        elif entry.text and not _SECRET.fullmatch(entry.text):
            checks.wrong(entry, f"secrets.{name}", "SECRET/KEY")
    return found


def _volumes(checks: Checks, field: YamlValue | None) -> dict[str, str]:
    found = checks.text_mapping(field, "volumes")
    for path, entry in (field.entries if field and found else {}).items():
        if not path.startswith("/"):
            checks.problem(entry.line, f"volumes.{path}", f"{path!r} is no absolute path", "")
        elif entry.text and not _CLAIM.fullmatch(entry.text):
            checks.wrong(
                entry, f"volumes.{path}", "the name of a PersistentVolumeClaim, or CLAIM:ro"
            )
    return found


def _tolerations(checks: Checks, field: YamlValue | None) -> tuple[str, ...]:
    found = checks.texts(field, "tolerations")
    if field is not None and not all(_TOLERATION.fullmatch(text) for text in found):
        checks.wrong(field, "tolerations", "a list of key=value:NoSchedule")
        return ()
    return found


def _overlay(checks: Checks, field: YamlValue | None) -> dict[str, object]:
    if field is None or not checks.mapping(field, "rayCluster"):
        return {}
    checks.keys(field, "rayCluster.", _OVERLAY_KEYS)
    for name, entry in field.entries.items():
        if name in _OVERLAY_KEYS:
            checks.mapping(entry, f"rayCluster.{name}")
    return dict(field.value)
