"""Merge raw fields into an object, and read ``--set PATH=VALUE``.

Lists of named things (containers, worker groups, environment variables, volumes) are merged by
name, mounts by their path and ports by their number, as kubectl's strategic merge does; all other
lists are replaced. A null removes a field.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from rayspace.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

#: Fields by which things in lists of Kubernetes and KubeRay are told apart.
_NAMES = ("name", "groupName", "mountPath", "devicePath", "containerPort")
#: Where a name is no key: one volume is mounted in several places. The first that all items have.
#: Source: patchMergeKey in k8s.io/api/core/v1/types.go.
_KEYS = {
    "volumeMounts": ("mountPath", "name"),
    "volumeDevices": ("devicePath", "name"),
    "ports": ("containerPort", "name"),
}
#: Joined: what rayspace puts there itself is where the tracking server's credentials come from. A
#: source of variables has no key, and the later ones count more, as they do in Kubernetes.
_JOINED = {"envFrom"}
_STEP = re.compile(r"(?P<name>[-A-Za-z0-9_./]+?)(\[(?P<item>[-A-Za-z0-9_./]+)\])?")


def merged(base: Any, overlay: Any, field: str = "") -> Any:
    """Merge an overlay into a value.

    Parameters
    ----------
    base, overlay
        JSON values.
    field
        Name of the field that they are values of; empty for none.

    Returns
    -------
    Any
        A new value; the two are as they were.
    """
    if isinstance(base, dict) and isinstance(overlay, dict):
        joined = {**base}
        for key, value in overlay.items():
            if value is None:
                joined.pop(key, None)
            else:
                changed = merged(base[key], value, key) if key in base else _without_nulls(value)
                joined[key] = changed
        return joined
    if isinstance(base, list) and isinstance(overlay, list):
        if field in _JOINED:
            return [*base, *(item for item in _without_nulls(overlay) if item not in base)]
        key = _common_name(overlay, field)
        if key and _are_told_apart(base, key):
            return _merged_by(key, base, overlay)
    return _without_nulls(overlay)


def _merged_by(key: str, base: Sequence[Any], overlay: Sequence[Any]) -> list[Any]:
    changes = {item[key]: item for item in overlay}
    joined = [merged(item, changes.pop(item[key], {})) for item in base]
    return [*joined, *(_without_nulls(item) for item in changes.values())]


def _common_name(items: Sequence[Any], field: str) -> str:
    """Return the field by which all items of a list are told apart; empty for none."""
    for key in _KEYS.get(field, _NAMES):
        if items and _are_told_apart(items, key):
            return key
    return ""


def _are_told_apart(items: Sequence[Any], key: str) -> bool:
    return all(isinstance(item, dict) and isinstance(item.get(key), str | int) for item in items)


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nulls(item) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        return [_without_nulls(item) for item in value]
    return value


def overlay_of(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Turn paths and values into an overlay.

    Parameters
    ----------
    settings
        Values by path, like ``spec.headGroupSpec.serviceType``. Where a list has named items, the
        name stands in brackets: ``spec.workerGroupSpecs[workers].maxReplicas``.

    Returns
    -------
    dict
        To be merged into a RayCluster.

    Raises
    ------
    UsageError
        If a path can't be one of a RayCluster.
    """
    overlay: dict[str, Any] = {}
    for path, value in settings.items():
        overlay = merged(overlay, _nested(path, _plain(path, value)))
    return overlay


def _plain(path: str, value: Any) -> Any:
    """Return a value as JSON has it: a notebook's Python may give any."""
    try:
        return json.loads(json.dumps(value, allow_nan=False))
    except (TypeError, ValueError, RecursionError) as exc:
        raise UsageError(
            f"The value of {path} is none that JSON knows.",
            hint="Give text, a finite number, true, false, null, or lists and mappings of these.",
            details={"path": path},
        ) from exc


def _nested(path: str, value: Any) -> dict[str, Any]:
    steps = [_STEP.fullmatch(part) for part in path.split(".")]
    first = steps[0]["name"] if steps and steps[0] else ""
    if first not in {"spec", "metadata"} or not all(steps) or len(steps) < 2:
        raise UsageError(
            f"{path!r} is no field of a RayCluster that can be set.",
            hint="Write it like --set spec.headGroupSpec.serviceType=NodePort or"
            " --set 'spec.workerGroupSpecs[workers].maxReplicas=8'.",
            details={"path": path},
        )
    nested: Any = value
    for step in reversed(steps):
        if step is None:
            continue
        if step["item"] is not None:
            if not isinstance(nested, dict):
                raise UsageError(
                    f"{path!r} is one of a list, and can't be {json.dumps(nested)}.",
                    hint=f"Write what is to be set of it: --set '{path}.FIELD=VALUE'.",
                    details={"path": path},
                )
            key = "groupName" if step["name"] == "workerGroupSpecs" else "name"
            nested = [{key: step["item"], **nested}]
        nested = {step["name"]: nested}
    return dict(nested)
