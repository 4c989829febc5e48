"""Write what a form says as the line that does the same: ``%ray_cluster up …``."""

from __future__ import annotations

import json
import re
import shlex
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

#: Options of a cluster, and of a job's own: what the wish calls them, and what the line does.
_OF_CLUSTER = (
    ("cpus", "--cpus"),
    ("memory", "--memory"),
    ("gpus", "--gpus"),
    ("gpu_type", "--gpu-type"),
    ("image", "--image"),
    ("queue", "--queue"),
)
_PLAIN = re.compile(r"[\w@%+=:,./-]+", re.ASCII)


def up_line(wish: Mapping[str, Any]) -> str:
    """Write the line that starts a cluster.

    Parameters
    ----------
    wish
        The cluster, as a ``ClusterWish``.
    """
    words = ["up", str(wish.get("profile") or "laptop")]
    words += _given(wish, (("name", "--name"), ("target", "--on")))
    words += _workers(wish)
    words += _given(wish, _OF_CLUSTER)
    words += _durations(wish, (("idle_s", "--idle"), ("max_lifetime_s", "--max-lifetime")))
    words += _pairs(wish)
    if wish.get("ready", "head") != "head":
        words += ["--ready", str(wish["ready"])]
    if wish.get("force"):
        words.append("--force")
    return _line("%ray_cluster", words)


def submit_line(wish: Mapping[str, Any]) -> str:
    """Write the line that ships a notebook, to be typed in a notebook beside it.

    Parameters
    ----------
    wish
        The job, as a ``JobWish``.
    """
    words = ["submit", str(wish["path"]).rpartition("/")[2]]
    for name, value in (wish.get("parameters") or {}).items():
        words += ["-p", name, value if isinstance(value, str) else json.dumps(value)]
    for name, values in (wish.get("sweep") or {}).items():
        words += ["--sweep", name, _values(values)]
    words += _unless(wish, "parallel", "--parallel", 0)
    words += _given(wish, (("cluster", "--cluster"), ("profile", "--profile"), ("target", "--on")))
    words += _workers(wish)
    words += _given(wish, _OF_CLUSTER)
    words += _unless(wish, "driver_cpus", "--driver-cpus", 0)
    words += _unless(wish, "driver_gpus", "--driver-gpus", 0)
    words += _unless(wish, "retries", "--retries", 0)
    words += _unless(wish, "packages", "--packages", "auto")
    for glob in wish.get("include") or ():
        words += ["--include", glob]
    words += _pairs(wish)
    words += _durations(wish, (("deadline_s", "--deadline"), ("cell_timeout_s", "--cell-timeout")))
    for key, flag, default in (
        ("keep_failed_s", "--keep-failed", 300),
        ("start_deadline_s", "--start-deadline", 3600),
    ):
        if wish.get(key, default) != default and wish[key] > 0:
            words += [flag, duration_text(wish[key])]
    if wish.get("again"):
        words.append("--again")
    if wish.get("force"):
        words.append("--force")
    return _line("%ray_job", words)


def connect_cell(name: str, target: str) -> str:
    """Write the cell that connects a notebook to a cluster.

    Parameters
    ----------
    name, target
        The cluster, and where it is.
    """
    return "\n".join(
        [
            "%load_ext rayspace",
            _line("%ray_cluster", ["use", name, "--on", target]),
            _line("%ray_cluster", ["connect", name]),
        ]
    )


def duration_text(duration_s: float) -> str:
    """Write a duration as lines take it, to the second or finer where it is. [s]"""
    for unit, unit_s in (("h", 3600), ("m", 60)):
        if duration_s >= unit_s and duration_s % unit_s == 0:
            return f"{int(duration_s // unit_s)}{unit}"
    return f"{duration_s!r}s".replace(".0s", "s")


def _line(magic: str, words: list[str]) -> str:
    return " ".join([magic, *(_quoted(word) for word in words)])


def _quoted(word: str) -> str:
    """Quote a word so that neither a space nor a name in it is looked into."""
    return word if _PLAIN.fullmatch(word) else shlex.quote(word)


def _given(wish: Mapping[str, Any], options: tuple[tuple[str, str], ...]) -> Iterator[str]:
    for key, flag in options:
        if wish.get(key) is not None:
            yield flag
            yield _text(wish[key])


def _unless(wish: Mapping[str, Any], key: str, flag: str, default: object) -> list[str]:
    return [] if wish.get(key, default) == default else [flag, _text(wish[key])]


def _durations(wish: Mapping[str, Any], options: tuple[tuple[str, str], ...]) -> Iterator[str]:
    for key, flag in options:
        if wish.get(key) is not None:
            yield flag
            yield duration_text(wish[key])


def _workers(wish: Mapping[str, Any]) -> list[str]:
    workers, most = wish.get("workers"), wish.get("max_workers")
    if most is not None:
        return ["--workers", f"{workers or 0}:{most}"]
    return [] if workers is None else ["--workers", str(workers)]


def _pairs(wish: Mapping[str, Any]) -> Iterator[str]:
    for name, value in (wish.get("env") or {}).items():
        yield "--env"
        yield f"{name}={value}"
    for path, value in (wish.get("settings") or {}).items():
        yield "--set"
        yield f"{path}={json.dumps(value)}"


def _values(values: list[Any]) -> str:
    return ",".join(
        value if isinstance(value, str) and "," not in value else json.dumps(value)
        for value in values
    )


def _text(value: Any) -> str:
    if isinstance(value, float) and value.is_integer():
        return str(int(value)) if abs(value) < 2**53 else repr(value)
    return value if isinstance(value, str) else json.dumps(value)
