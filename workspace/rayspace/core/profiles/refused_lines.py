"""Find the line of a profile that Kubernetes refuses: it names a field of the object."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from rayspace.errors import ManifestError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rayspace.core.profiles.yaml_text import YamlValue
    from rayspace.model.profile import Profile

#: As the API server writes them: ``spec.headGroupSpec.template.spec.containers[0].ports``, and with
#: a dot before where it could not even type the object.
_FIELD = re.compile(r"(?<![\w.])\.?((?:spec|metadata)(?:\.[A-Za-z0-9_/-]+|\[[^\]]*\])+)")
_INDEX = re.compile(r"\[[^\]]*\]")


def overlay_lines(field: YamlValue | None) -> dict[str, int]:
    """Return the lines of all fields below a profile's ``rayCluster``, by path with dots. [1]."""
    return {} if field is None else dict(_lines(field, ""))


def _lines(value: YamlValue, prefix: str) -> Iterator[tuple[str, int]]:
    for name, entry in value.entries.items():
        path = f"{prefix}{name}"
        yield path, entry.line
        yield from _lines(entry, f"{path}.")


def located(error: ManifestError, profile: Profile) -> ManifestError:
    """Return an error that also says on which line of a profile the refused field stands.

    Parameters
    ----------
    error
        What the API server said.
    profile
        What the object was made from.

    Returns
    -------
    ManifestError
        The same where none of its fields stands in the profile: it came from --set, or is ours.
    """
    fields = [cause.get("field", "") for cause in error.details.get("causes") or []]
    fields += _FIELD.findall(error.message)
    for field in fields:
        # A RayJob holds the spec of its cluster further down.
        parts = _INDEX.sub("", field).strip(".").removeprefix("spec.rayClusterSpec.").split(".")
        if parts[0] not in {"spec", "metadata"}:
            parts = ["spec", *parts]
        for n_parts in range(len(parts), 1, -1):
            line = profile.lines.get(".".join(parts[:n_parts]))
            if line is not None:
                return ManifestError(
                    error.message,
                    hint=f"See line {line} of {profile.path}, below rayCluster.",
                    details={**error.details, "path": profile.path, "line": line},
                )
    return error
