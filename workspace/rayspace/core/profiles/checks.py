"""What is wrong with a file that people wrote, collected so that one try tells all of it."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

from rayspace.errors import ProfileError, QuantityError
from rayspace.model.profile import NodeResources
from rayspace.names import nearest
from rayspace.units import parse_bytes, parse_duration

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rayspace.core.profiles.yaml_text import YamlValue

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_RANGE = re.compile(r"([0-9]{1,6}):([0-9]{1,6})")
#: Value of a label of Kubernetes.
LABEL_VALUE = re.compile(r"[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?")
#: More CPUs, GPUs or workers than any cluster has is a slip of the pen. [1]
LARGEST_COUNT = 100_000


class Checks:
    """Collects what is wrong with one file."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.problems: list[dict[str, object]] = []

    def problem(self, line: int, key: str, message: str, hint: str) -> None:
        """Note a problem at a line. [1]"""
        self.problems.append({"line": line, "key": key, "message": message, "hint": hint})

    def finish(self) -> None:
        """Raise `ProfileError` if there were problems."""
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
        """Note that a value is not what is expected."""
        shown = field.text if field.text and not isinstance(field.value, str) else repr(field.value)
        self.problem(field.line, key, f"{key!r} is {shown}, expected {expected}", hint)

    def keys(self, mapping: YamlValue, prefix: str, known: Sequence[str]) -> None:
        """Note the keys that are not known."""
        for key, field in mapping.entries.items():
            if key not in known:
                like = nearest(key, known)
                meant = f" (did you mean {like[0]!r}?)" if like else ""
                hint = "" if like else f"Known keys: {', '.join(known)}."
                message = f"the key {prefix + key!r} is unknown{meant}"
                self.problem(field.line, prefix + key, message, hint)

    def mapping(self, field: YamlValue, key: str) -> bool:
        """Whether a value is a mapping; a problem if not."""
        if not isinstance(field.value, dict):
            self.wrong(field, key, "a mapping")
        return isinstance(field.value, dict)

    def text(self, field: YamlValue | None, key: str) -> str:
        """Read a text; empty for none."""
        if field is None:
            return ""
        if not isinstance(field.value, str) or not field.value.strip():
            self.wrong(field, key, "text")
            return ""
        return field.value.strip()

    def count(self, field: YamlValue | None, key: str, *, is_whole: bool) -> float | None:
        """Read a number; None for none. [1]"""
        if field is None:
            return None
        value = field.value
        is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
        expected = f"a {'whole ' if is_whole else ''}number from 0 to {LARGEST_COUNT}"
        if not is_number or math.isnan(value) or not 0 <= value <= LARGEST_COUNT:
            self.wrong(field, key, expected)
            return None
        if is_whole and value != int(value):
            self.wrong(field, key, expected)
            return None
        return float(value)

    def size(self, field: YamlValue | None, key: str) -> int | None:
        """Read a size; None for none. [bytes]"""
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
        """Read the resources of a node; CPUs by default as given. [1]"""
        given = self.count(fields.get("cpus"), f"{prefix}cpus", is_whole=False)
        gpu_type = fields.get("gpu_type")
        if gpu_type is not None and gpu_type.text and not LABEL_VALUE.fullmatch(gpu_type.text):
            self.wrong(gpu_type, f"{prefix}gpu_type", "a product as labels of nodes have it", "")
        return NodeResources(
            cpus=cpus if given is None else given,
            memory_bytes=self.size(fields.get("memory"), f"{prefix}memory"),
            gpus=int(self.count(fields.get("gpus"), f"{prefix}gpus", is_whole=True) or 0),
            object_store_memory_bytes=self.size(
                fields.get("object_store_memory"), f"{prefix}object_store_memory"
            ),
            gpu_type=self.text(gpu_type, f"{prefix}gpu_type"),
        )

    def workers(self, field: YamlValue | None, key: str) -> tuple[int, int | None]:
        """Read a number of workers, or ``MIN:MAX``; the second is None for a fixed number. [1]"""
        # As it was typed: YAML 1.1 takes 0:4 without quotes for a number to the base of 60.
        text = "" if field is None else field.text
        if field is None or ":" not in text:
            return int(self.count(field, key, is_whole=True) or 0), None
        match = _RANGE.fullmatch(text.strip())
        n_min, n_max = (int(match[1]), int(match[2])) if match else (1, 0)
        if not n_min <= n_max <= LARGEST_COUNT:
            self.problem(
                field.line,
                key,
                f"{key!r} is {text!r}, expected 'MIN:MAX' with MIN no greater than MAX, like '0:4'",
                "",
            )
            return 0, None
        return n_min, n_max

    def duration(self, field: YamlValue | None, key: str) -> float | None:
        """Read a duration; None for none. [s]"""
        if field is None:
            return None
        try:
            return parse_duration(field.value)
        except QuantityError as error:
            self.wrong(field, key, "a duration with a unit", error.hint)
            return None

    def texts(self, field: YamlValue | None, key: str) -> tuple[str, ...]:
        """Read a list of texts."""
        if field is None:
            return ()
        values = field.value
        if not isinstance(values, list) or not all(isinstance(v, str) and v for v in values):
            self.wrong(field, key, "a list of texts")
            return ()
        return tuple(values)

    def text_mapping(self, field: YamlValue | None, key: str) -> dict[str, str]:
        """Read a mapping of texts to texts, each as it was typed."""
        if field is None or not self.mapping(field, key):
            return {}
        for name, entry in field.entries.items():
            if not isinstance(entry.value, (str, int, float)) or not entry.text:
                self.wrong(entry, f"{key}.{name}", "text")
        return {name: entry.text for name, entry in field.entries.items()}

    def env(self, field: YamlValue | None) -> dict[str, str]:
        """Read environment variables, each as it was typed."""
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
