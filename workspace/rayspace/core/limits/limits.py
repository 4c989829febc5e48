"""Read an administrator's limits, and say what of a manifest goes beyond them.

One description serves twice: here before anything is applied, and in the cluster, where
`rayspace.core.limits.admission_policy` makes Kubernetes refuse the same in the same words.
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any

from rayspace.core.limits.demand import demand_of
from rayspace.core.limits.rules import (
    ANY_COUNT,
    ANY_MEMORY_BYTES,
    cpus_text,
    end_text,
    gpus_text,
    image_pattern,
    image_rule,
    limit_rules,
    memory_text,
    uncounted_rule,
    workers_text,
)
from rayspace.core.profiles.yaml_text import YamlValue, read_yaml_mapping
from rayspace.errors import QuantityError, SettingsError
from rayspace.model.limits import Excess, Limits
from rayspace.names import nearest
from rayspace.units import parse_bytes, parse_duration

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from rayspace.core.limits.rules import Rule

_KEYS = (
    "max_workers",
    "max_gpus",
    "max_cpus",
    "max_memory",
    "max_lifetime",
    "max_idle",
    "allowed_images",
    "overlay",
)
#: What names of images are made of, and stars.
_IMAGE = re.compile(r"[A-Za-z0-9*][A-Za-z0-9*._/:@+-]*")


def parse_limits(text: str, *, path: str) -> Limits:
    """Read limits.

    Parameters
    ----------
    text
        The YAML file's content; an empty one sets no limits.
    path
        Where it is, for messages.

    Returns
    -------
    Limits
        The limits.

    Raises
    ------
    SettingsError
        If the file is not YAML, or holds an unknown key or a wrong value; all of them are said at
        once, with their lines.
    """
    document = read_yaml_mapping(text, name=path, error=SettingsError)
    checks = _Checks(path, document.entries)
    checks.known()
    limits = Limits(
        max_workers=checks.whole("max_workers"),
        max_gpus=checks.whole("max_gpus"),
        max_cpus=checks.cpus("max_cpus"),
        max_memory_bytes=checks.size("max_memory"),
        max_lifetime_s=checks.duration("max_lifetime"),
        max_idle_s=checks.duration("max_idle"),
        allowed_images=checks.images("allowed_images"),
        overlay=checks.mapping("overlay"),
        path=path,
    )
    checks.finish()
    return limits


def exceeded(limits: Limits, manifest: Mapping[str, Any]) -> tuple[Excess, ...]:
    """Say what of a manifest goes beyond limits.

    Parameters
    ----------
    limits
        The limits.
    manifest
        A RayCluster, RayJob or RayService, as it is applied.

    Returns
    -------
    tuple of Excess
        One for each limit that is exceeded, and for each image that is not allowed; none where
        the manifest fits.

    Raises
    ------
    SpecError
        If the manifest is of another kind.
    """
    return tuple(_exceeded(limits, manifest))


def _exceeded(limits: Limits, manifest: Mapping[str, Any]) -> Iterator[Excess]:
    demand = demand_of(manifest)
    if demand is None:
        return
    rules = limit_rules(limits, demand.kind)
    figures = (
        ("max_workers", demand.n_workers, workers_text(demand.n_workers)),
        ("max_gpus", demand.n_gpus, gpus_text(demand.n_gpus)),
        ("max_cpus", demand.cpus_milli, cpus_text(demand.cpus_milli)),
        ("max_memory", demand.memory_bytes, memory_text(demand.memory_bytes)),
        ("max_lifetime", demand.lifetime_s, end_text(demand.lifetime_s)),
        ("max_idle", demand.idle_s, end_text(demand.idle_s)),
    )
    for key, figure, asked in figures:
        if key in rules and figure > rules[key].most:
            yield _excess(rules[key], asked)
    silent = (
        ("max_cpus", "cpu", demand.without_cpu),
        ("max_memory", "memory", demand.without_memory),
    )
    for key, name, containers in silent:
        if key in rules and containers:
            yield _excess(uncounted_rule(rules[key], name), repr(containers[0]))
    if limits.allowed_images:
        pattern = re.compile(image_pattern(limits.allowed_images))
        for image in demand.images:
            if not pattern.fullmatch(image):
                yield _excess(image_rule(limits.allowed_images), image)


def _excess(rule: Rule, asked: str) -> Excess:
    return Excess(rule.key, rule.told(asked), rule.allowed, rule.sentence(asked), rule.hint)


class _Checks:
    """Takes the values out of one file, and collects what is wrong with them."""

    def __init__(self, path: str, fields: Mapping[str, YamlValue]) -> None:
        self.path = path
        self.fields = fields
        self.problems: list[dict[str, Any]] = []

    def finish(self) -> None:
        if not self.problems:
            return
        self.problems.sort(key=lambda problem: int(problem["line"]))
        told = "; ".join(f"line {item['line']}: {item['message']}" for item in self.problems)
        hints = dict.fromkeys(str(item["hint"]) for item in self.problems if item["hint"])
        raise SettingsError(
            f"{self.path}, {told}.",
            hint=" ".join(hints),
            details={"path": self.path, "problems": self.problems},
        )

    def problem(self, key: str, message: str, hint: str = "") -> None:
        line = self.fields[key].line
        self.problems.append({"line": line, "key": key, "message": message, "hint": hint})

    def wrong(self, key: str, expected: str, hint: str = "") -> None:
        field = self.fields[key]
        shown = field.text if field.text and not isinstance(field.value, str) else repr(field.value)
        self.problem(key, f"{key!r} is {shown}, expected {expected}", hint)

    def known(self) -> None:
        for key in self.fields:
            if key not in _KEYS:
                like = nearest(key, _KEYS)
                meant = f" (did you mean {like[0]!r}?)" if like else ""
                hint = "" if like else f"Known keys: {', '.join(_KEYS)}."
                self.problem(key, f"the key {key!r} is unknown{meant}", hint)

    def number(self, key: str, expected: str) -> float | None:
        if key not in self.fields:
            return None
        value = self.fields[key].value
        is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
        if not is_number or math.isnan(value) or not 0 <= value < ANY_COUNT:
            self.wrong(key, expected)
            return None
        return float(value)

    def whole(self, key: str) -> int | None:
        expected = f"a whole number from 0 to {ANY_COUNT - 1}"
        number = self.number(key, expected)
        if number is None:
            return None
        if number != int(number):
            self.wrong(key, expected)
        return int(number)

    def cpus(self, key: str) -> float | None:
        expected = f"a number from 0.001 to {ANY_COUNT - 1}"
        number = self.number(key, expected)
        if number is not None and not 0.001 <= number <= ANY_COUNT - 1:
            self.wrong(key, expected)
        return number

    def size(self, key: str) -> int | None:
        if key not in self.fields:
            return None
        field = self.fields[key]
        try:
            size_bytes = parse_bytes(field.value)
        except QuantityError as error:
            number = isinstance(field.value, (int, float)) and not isinstance(field.value, bool)
            hint = f"Write {field.text}GB or {field.text}GiB." if number else error.hint
            self.wrong(key, "a size with a unit", hint)
            return None
        if not 0 < size_bytes < ANY_MEMORY_BYTES:
            self.wrong(key, "a size above zero and below 1024TiB")
        return size_bytes

    def duration(self, key: str) -> float | None:
        if key not in self.fields:
            return None
        field = self.fields[key]
        try:
            duration_s = parse_duration(field.value)
        except QuantityError as error:
            number = isinstance(field.value, (int, float)) and not isinstance(field.value, bool)
            hint = f"Write {field.text}m or {field.text}h." if number else error.hint
            self.wrong(key, "a duration with a unit", hint)
            return None
        if duration_s < 1:
            self.wrong(key, "a duration of at least 1s")
        return duration_s

    def images(self, key: str) -> tuple[str, ...]:
        if key not in self.fields:
            return ()
        value = self.fields[key].value
        if not isinstance(value, list) or not value:
            hint = "Leave the key out to allow every image."
            self.wrong(key, "a list of at least one image name", hint)
            return ()
        for item in value:
            if not isinstance(item, str) or not _IMAGE.fullmatch(item):
                hint = "A name may hold * (anything but '/') and ** (anything); no other patterns."
                self.problem(key, f"{key!r} holds {item!r}, expected the name of an image", hint)
                return ()
        return tuple(value)

    def mapping(self, key: str) -> Mapping[str, Any]:
        if key not in self.fields:
            return {}
        value = self.fields[key].value
        if not isinstance(value, dict):
            self.wrong(key, "a mapping of fields of a RayCluster")
            return {}
        return value
