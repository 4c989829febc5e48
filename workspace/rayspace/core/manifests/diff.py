"""What applying an object would change, as people read it."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from collections.abc import Mapping


def manifest_difference(existing: Mapping[str, Any] | None, wanted: Mapping[str, Any]) -> str:
    """Say how an object would change: as a unified diff of the fields that are wanted.

    Parameters
    ----------
    existing
        The object that is there; None for none.
    wanted
        What would be applied.

    Returns
    -------
    str
        The diff; empty where nothing would change, or there is nothing yet.
    """
    if existing is None:
        return ""
    before, after = _lines(_only(existing, wanted)), _lines(dict(wanted))
    return "\n".join(difflib.unified_diff(before, after, "is", "would be", lineterm="", n=2))


def _only(value: Any, wanted: Any) -> Any:
    """Leave out what the server added: it is not ours to change."""
    if isinstance(value, dict) and isinstance(wanted, dict):
        return {key: _only(value[key], item) for key, item in wanted.items() if key in value}
    if isinstance(value, list) and isinstance(wanted, list):
        paired = [_only(one, other) for one, other in zip(value, wanted, strict=False)]
        return [*paired, *value[len(wanted) :]]
    return value


class _Dumper(yaml.SafeDumper):
    """Writes what occurs twice twice: an object for people has no anchors."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def manifest_yaml(manifest: Mapping[str, Any], *, sort: bool = False) -> str:
    """Write an object as YAML.

    Parameters
    ----------
    manifest
        The object.
    sort
        Whether by the names of fields, instead of as it was made.

    Returns
    -------
    str
        The document.
    """
    return yaml.dump(dict(manifest), Dumper=_Dumper, sort_keys=sort).rstrip()


def _lines(value: Mapping[str, Any]) -> list[str]:
    return manifest_yaml(value, sort=True).splitlines()
