"""Refuse a RayCluster that raw fields have made into something else.

Only what is built upon here is looked at, where Kubernetes would refuse it too: a RayJob mounts its
runner into each pod, and limits are counted. All else, and each value, is the API server's to say.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from rayspace.errors import ManifestError
from rayspace.names import nearest

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

#: Mappings, lists of them and texts, by name; with a question mark what may be left out or empty.
#: Source: the CRD of KubeRay 1.6, where a group without a template is none.
_CONTAINER: dict[str, Any] = {
    "env?": [{}],
    "envFrom?": [{}],
    "volumeMounts?": [{}],
    "lifecycle?": {},
}
_GROUP = {"template": {"spec": {"containers": [_CONTAINER], "volumes?": [{}]}}}
_SHAPE = {
    "metadata": {"name": "", "namespace": "", "labels": {}, "annotations": {}},
    "spec": {"headGroupSpec": _GROUP, "workerGroupSpecs?": [_GROUP]},
}
#: More of a wrong value tells nobody anything. [1]
_LONGEST_SHOWN = 40


def require_shape(manifest: Mapping[str, Any], groups: Sequence[str]) -> None:
    """Refuse what is no RayCluster any more.

    Parameters
    ----------
    manifest
        The object, with all raw fields merged into it.
    groups
        Names of the groups that the cluster has without them.

    Raises
    ------
    ManifestError
        If a field is of another kind than it must be, or lacks; or if something is set of a group
        that the cluster does not have. It names the field.
    """
    _require_groups(manifest, groups)
    for key, shape in _SHAPE.items():
        _require(manifest.get(key), shape, key)


def _require_groups(manifest: Mapping[str, Any], groups: Sequence[str]) -> None:
    spec = manifest.get("spec")
    given = spec.get("workerGroupSpecs") if isinstance(spec, dict) else None
    for index, group in enumerate(given if isinstance(given, list) else ()):
        name = group.get("groupName") if isinstance(group, dict) else None
        # One with a template is meant to be another group.
        if isinstance(name, str) and name not in groups and "template" not in group:
            like = nearest(name, groups)
            meant = f" (did you mean {like[0]!r}?)" if like else ""
            raise _refusal(
                f"spec.workerGroupSpecs[{index}].template",
                f"Fields are set of the group of workers {name!r}, and the cluster's groups are"
                f" {', '.join(groups)}{meant}.",
            )


def _require(value: object, shape: Any, path: str) -> None:
    if not isinstance(value, type(shape)):
        raise _wrong(path, value, shape)
    for index, item in enumerate(value if isinstance(value, list) else ()):
        _require(item, shape[0], f"{path}[{index}]")
    for key, inner in shape.items() if isinstance(value, dict) else ():
        name = key.removesuffix("?")
        if name in value or name == key:
            _require(value.get(name), inner, f"{path}.{name}")
        if name == key and isinstance(inner, list) and not value[name]:
            raise _wrong(f"{path}.{name}", [], inner)


def _wrong(path: str, value: object, shape: object) -> ManifestError:
    kinds: dict[type, str] = {dict: "a mapping", list: "a list of mappings", str: "text"}
    shown = json.dumps(value)
    if len(shown) > _LONGEST_SHOWN:
        shown = f"{shown[:_LONGEST_SHOWN]}..."
    return _refusal(path, f"{path} is {shown}, expected {kinds[type(shape)]}.")


def _refusal(path: str, message: str) -> ManifestError:
    return ManifestError(
        message,
        hint="See --set, and rayCluster in the profile.",
        details={"causes": [{"field": path, "message": message}]},
    )
