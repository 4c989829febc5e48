"""Read profiles, and decide which of several files of one name wins.

The nearest layer wins with its whole file: half of one file and half of another would be a profile
that nobody wrote. The checks here are by hand, so that they name file and line;
``templates/profiles/schema.json`` says the same for editors, and the tests hold both together.
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

from rayspace.core.yaml_text import YamlValue, read_yaml_mapping
from rayspace.errors import ProfileError, ProfileNotFoundError, QuantityError
from rayspace.model.profile import NodeResources, Profile
from rayspace.model.profile_entry import LAYERS, ProfileEntry, ProfileFile
from rayspace.names import nearest
from rayspace.units import parse_bytes

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_RESOURCES = ("cpus", "memory", "gpus", "object_store_memory")
_KEYS = ("description", "target", "head", "workers", *_RESOURCES, "env")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
#: More CPUs, GPUs or workers than any cluster has is a slip of the pen. [1]
_LARGEST_COUNT = 100_000


def parse_profile(text: str, *, name: str, layer: str = "built-in", path: str = "") -> Profile:
    """Read a profile.

    Parameters
    ----------
    text
        The YAML file's content.
    name
        The profile's name.
    layer
        The layer of the file.
    path
        Where the file is.

    Returns
    -------
    Profile
        The profile; what the file does not say is as in `Profile`.

    Raises
    ------
    ProfileError
        If the file is not YAML, or holds an unknown key or a wrong value; all of them are said at
        once, with their lines.
    """
    document = read_yaml_mapping(text, name=path or name, error=ProfileError)
    checks = _Checks(path or name)
    checks.keys(document, "", _KEYS)
    fields = document.entries
    head = fields.get("head")
    if head is not None and checks.mapping(head, "head"):
        checks.keys(head, "head.", _RESOURCES)
    profile = Profile(
        name=name,
        description=checks.text(fields.get("description"), "description"),
        target=checks.text(fields.get("target"), "target") or "local",
        head=checks.resources(head.entries if head else {}, "head.", None),
        n_workers=int(checks.count(fields.get("workers"), "workers", is_whole=True) or 0),
        worker=checks.resources(fields, "", 1),
        env=checks.env(fields.get("env")),
        layer=layer,
        path=path,
    )
    checks.finish()
    return profile


def profile_entries(files: Iterable[ProfileFile]) -> list[ProfileEntry]:
    """Decide which files win.

    Parameters
    ----------
    files
        The files of all layers; of two of one layer and name the first counts.

    Returns
    -------
    list of ProfileEntry
        One for each name, sorted; a broken file is listed with its problem.
    """
    by_name: dict[str, list[ProfileFile]] = {}
    for file in files:
        by_name.setdefault(file.name, []).append(file)
    entries = []
    for name in sorted(by_name):
        # A stable sort: files of one layer stay in the order in which they came.
        winner, *others = sorted(by_name[name], key=lambda file: -LAYERS.index(file.layer))
        profile, problem = None, winner.problem
        try:
            profile = profile_of(winner)
        except ProfileError as error:
            problem = str(error)
        shadows = tuple(f"{other.layer}: {other.path}" for other in others)
        entries.append(ProfileEntry(name, winner.layer, winner.path, profile, problem, shadows))
    return entries


def profile_of(file: ProfileFile) -> Profile:
    """Read the profile of a file.

    Parameters
    ----------
    file
        The file.

    Returns
    -------
    Profile
        The profile.

    Raises
    ------
    ProfileError
        If the file could not be read, or is wrong.
    """
    if file.problem:
        raise ProfileError(f"The profile file {file.path} can't be read: {file.problem}.")
    return parse_profile(file.text, name=file.name, layer=file.layer, path=file.path)


def profile_not_found(name: str, known: Sequence[str]) -> ProfileNotFoundError:
    """Return the error for an unknown profile.

    Parameters
    ----------
    name
        The name that was asked for.
    known
        The names that exist.

    Returns
    -------
    ProfileNotFoundError
        With the nearest names and the list.
    """
    like = nearest(name, known)
    meant = f"Did you mean {' or '.join(map(repr, like))}? " if like else ""
    listed = f"Profiles: {', '.join(known)}." if known else "There are no profiles at all."
    return ProfileNotFoundError(
        f"There is no profile {name!r}.",
        hint=f"{meant}{listed}",
        details={"name": name, "known": list(known), "nearest": like},
    )


class _Checks:
    """Collects what is wrong with one file."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.problems: list[dict[str, object]] = []

    def problem(self, line: int, key: str, message: str, hint: str) -> None:
        self.problems.append({"line": line, "key": key, "message": message, "hint": hint})

    def finish(self) -> None:
        if not self.problems:
            return
        self.problems.sort(key=lambda problem: str(problem["line"]).zfill(9))
        told = "; ".join(f"line {item['line']}: {item['message']}" for item in self.problems)
        hints = dict.fromkeys(str(item["hint"]) for item in self.problems if item["hint"])
        raise ProfileError(
            f"{self.path}, {told}.",
            hint=" ".join(hints),
            details={"path": self.path, "problems": self.problems},
        )

    def wrong(self, field: YamlValue, key: str, expected: str, hint: str = "") -> None:
        shown = field.text if field.text and not isinstance(field.value, str) else repr(field.value)
        self.problem(field.line, key, f"{key!r} is {shown}, expected {expected}", hint)

    def keys(self, mapping: YamlValue, prefix: str, known: Sequence[str]) -> None:
        for key, field in mapping.entries.items():
            if key not in known:
                like = nearest(key, known)
                meant = f" (did you mean {like[0]!r}?)" if like else ""
                hint = "" if like else f"Known keys: {', '.join(known)}."
                message = f"the key {prefix + key!r} is unknown{meant}"
                self.problem(field.line, prefix + key, message, hint)

    def mapping(self, field: YamlValue, key: str) -> bool:
        if not isinstance(field.value, dict):
            self.wrong(field, key, "a mapping")
        return isinstance(field.value, dict)

    def text(self, field: YamlValue | None, key: str) -> str:
        if field is None:
            return ""
        if not isinstance(field.value, str) or not field.value.strip():
            self.wrong(field, key, "text")
            return ""
        return field.value.strip()

    def count(self, field: YamlValue | None, key: str, *, is_whole: bool) -> float | None:
        if field is None:
            return None
        value = field.value
        is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
        expected = f"a {'whole ' if is_whole else ''}number from 0 to {_LARGEST_COUNT}"
        if not is_number or math.isnan(value) or not 0 <= value <= _LARGEST_COUNT:
            self.wrong(field, key, expected)
            return None
        if is_whole and value != int(value):
            self.wrong(field, key, expected)
            return None
        return float(value)

    def size(self, field: YamlValue | None, key: str) -> int | None:
        if field is None:
            return None
        try:
            size_bytes = parse_bytes(field.value)
        except QuantityError as error:
            number = isinstance(field.value, (int, float)) and not isinstance(field.value, bool)
            hint = f"Write {field.text}GB or {field.text}GiB." if number else error.hint
            self.wrong(field, key, "a size with a unit", hint)
            return None
        if size_bytes == 0:
            self.wrong(field, key, "a size above zero")
        return size_bytes

    def resources(
        self, fields: dict[str, YamlValue], prefix: str, cpus: float | None
    ) -> NodeResources:
        given = self.count(fields.get("cpus"), f"{prefix}cpus", is_whole=False)
        return NodeResources(
            cpus=cpus if given is None else given,
            memory_bytes=self.size(fields.get("memory"), f"{prefix}memory"),
            gpus=int(self.count(fields.get("gpus"), f"{prefix}gpus", is_whole=True) or 0),
            object_store_memory_bytes=self.size(
                fields.get("object_store_memory"), f"{prefix}object_store_memory"
            ),
        )

    def env(self, field: YamlValue | None) -> dict[str, str]:
        if field is None or not self.mapping(field, "env"):
            return {}
        values: dict[str, str] = {}
        for name, entry in field.entries.items():
            key = f"env.{name}"
            if not _VARIABLE.fullmatch(name):
                message = f"{name!r} is no name for an environment variable"
                self.problem(entry.line, key, message, "Use letters, digits and underscores.")
            elif not isinstance(entry.value, (str, int, float)):
                self.wrong(entry, key, "text or a number")
            else:
                # As it was typed: 0755 and 1.10 are text to a program, true is.
                values[name] = entry.text
        return values
