"""The sentences that say what goes beyond limits, for this package and for Kubernetes alike.

A sentence is ``before + what was asked + after``, so that a program that measures for itself, as
the expressions of an admission policy do, can say it in the same words.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rayspace.core.limits.demand import NEVER_S
from rayspace.core.manifests.ray_cluster import IDLE_S, MAX_LIFETIME_S
from rayspace.units import format_bytes, format_count, format_duration, short_duration

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from rayspace.model.limits import Limits

#: From here on a number is not told: an autoscaled group without an end asks for any. [1]
ANY_COUNT = 1_000_000
#: The same of memory. [bytes]
ANY_MEMORY_BYTES = 2**50
#: Before what was asked, where it looks like what is allowed.
A_LITTLE_MORE = "a little more than "
#: What a lifetime is that is none.
NOT_SET = "not set"

_SMALLER = (
    "Ask for fewer or smaller pods: head and workers count together, each with the larger of"
    " request and limit, an autoscaled group with its maxReplicas."
)
_SAY = "Write a request or a limit for {name} into each container."
_SERVICE_HINT = (
    "A RayService runs until someone deletes it; use a namespace whose limits say no {key}."
)


@dataclass(frozen=True)
class Rule:
    """One limit, and how to say that something goes beyond it.

    Parameters
    ----------
    key
        The limit, as it is called in the file.
    most
        The figure, in the unit in which `Demand` counts. [1]
    allowed
        The figure with its unit, for people.
    before, after
        What stands before and after what was asked.
    hint
        One sentence of advice.
    """

    key: str
    most: int
    allowed: str
    before: str
    after: str
    hint: str

    def told(self, asked: str) -> str:
        """Return what was asked, so that it differs from what is allowed in print too."""
        return f"{A_LITTLE_MORE}{asked}" if asked == self.allowed else asked

    def sentence(self, asked: str) -> str:
        """Say that something goes beyond it."""
        return f"{self.before}{self.told(asked)}{self.after}"


def limit_rules(limits: Limits, kind: str) -> dict[str, Rule]:
    """Return the rules of the figures that limits give.

    Parameters
    ----------
    limits
        The limits.
    kind
        The kind of the manifest, which decides what to advise.

    Returns
    -------
    dict of str to Rule
        By the limit's key.
    """
    return {rule.key: rule for rule in _rules(limits, kind)}


def _rules(limits: Limits, kind: str) -> Iterator[Rule]:
    if limits.max_workers is not None:
        hint = "Ask for fewer workers: an autoscaled group counts with its maxReplicas."
        yield _rule("max_workers", limits.max_workers, workers_text(limits.max_workers), hint)
    if limits.max_gpus is not None:
        yield _rule("max_gpus", limits.max_gpus, gpus_text(limits.max_gpus), _SMALLER)
    if limits.max_cpus is not None:
        most_milli = int(round(limits.max_cpus * 1000, 3))
        yield _rule("max_cpus", most_milli, cpus_text(most_milli), _SMALLER)
    if limits.max_memory_bytes is not None:
        most_bytes = limits.max_memory_bytes
        yield _rule("max_memory", most_bytes, memory_text(most_bytes), _SMALLER)
    if limits.max_lifetime_s is not None:
        yield _end_rule("max_lifetime", limits.max_lifetime_s, kind)
    if limits.max_idle_s is not None:
        yield _end_rule("max_idle", limits.max_idle_s, kind)


def _rule(
    key: str, most: int, allowed: str, hint: str, *, before: str = "The cluster asks for "
) -> Rule:
    return Rule(key, most, allowed, before, f"; the limit is {allowed}.", hint)


def _end_rule(key: str, limit_s: float, kind: str) -> Rule:
    most_s = int(limit_s)
    if kind == "RayCluster":
        is_idle = key == "max_idle"
        annotation = IDLE_S if is_idle else MAX_LIFETIME_S
        option = "--idle" if is_idle else "--max-lifetime"
        hint = f"Use {option} {short_duration(most_s)}, or the annotation {annotation}: '{most_s}'."
    elif kind == "RayJob":
        counted = "ttlSecondsAfterFinished"
        if key == "max_lifetime":
            counted = f"activeDeadlineSeconds (above 0) + {counted}"
        hint = f"Set shutdownAfterJobFinishes: true, and {counted} to at most {most_s}."
        if key == "max_lifetime":
            hint += " With rayspace: give it a shorter --deadline."
    else:
        hint = _SERVICE_HINT.format(key=key)
    before = f"The cluster's {key} is "
    return _rule(key, most_s, format_duration(most_s), hint, before=before)


def uncounted_rule(rule: Rule, name: str) -> Rule:
    """Return the rule that each container says how much it takes.

    Parameters
    ----------
    rule
        The rule of the figure.
    name
        The resource: cpu or memory.

    Returns
    -------
    Rule
        Asked is the container's name.
    """
    before = f"The cluster asks for any amount of {name}, as its container "
    return Rule(
        rule.key, 0, rule.allowed, before, f" says none{rule.after}", _SAY.format(name=name)
    )


def image_rule(patterns: Iterable[str]) -> Rule:
    """Return the rule for images; asked is an image's name."""
    allowed = ", ".join(patterns)
    hint = (
        "Names are compared as they are typed, and * stands for anything but '/'; ask your"
        " administrator for another."
    )
    after = f", which is not allowed; allowed are {allowed}."
    return Rule("allowed_images", 0, allowed, "The cluster asks for the image ", after, hint)


def image_pattern(patterns: Iterable[str]) -> str:
    """Turn patterns of image names into one regular expression, in the syntax of RE2.

    Parameters
    ----------
    patterns
        Names with ``*`` for anything but ``/`` and ``**`` for anything at all: a pattern that was
        meant for one folder of a registry must not open those below it, as in a shell. A pattern
        that names a tag fits no name with a digest unless it holds an ``@``: the digest decides
        what is pulled, whatever the tag beside it says.

    Returns
    -------
    str
        The expression, which fits whole names.
    """
    return f"^({'|'.join(_one_pattern(pattern) for pattern in patterns)})$"


def _one_pattern(pattern: str) -> str:
    has_tag = ":" in pattern.rpartition("/")[2] and "@" not in pattern
    kinds = {"*": "[^/@]*", "**": "[^@]*"} if has_tag else {"*": "[^/]*", "**": ".*"}
    parts = re.split(r"(\*\*|\*)", pattern)
    return "".join(kinds.get(part, re.escape(part)) for part in parts)


def workers_text(count: int) -> str:
    """Write workers for people; their number in, say, ``"6 workers"``. [1]."""
    return "any number of workers" if count >= ANY_COUNT else format_count(count, "worker")


def gpus_text(count: int) -> str:
    """Write GPUs for people, by their number. [1]."""
    return "any number of GPUs" if count >= ANY_COUNT else format_count(count, "GPU")


def cpus_text(cpus_milli: int) -> str:
    """Write CPUs for people, by thousandths of them. [1]."""
    if cpus_milli >= ANY_COUNT * 1000:
        return "any number of CPUs"
    whole, rest = divmod(cpus_milli, 1000)
    number = f"{whole}.{rest:03}".rstrip("0").rstrip(".")
    return f"{number} {'CPU' if cpus_milli == 1000 else 'CPUs'}"


def memory_text(size_bytes: int) -> str:
    """Write memory for people."""
    if size_bytes >= ANY_MEMORY_BYTES:
        return "any amount of memory"
    return f"{format_bytes(size_bytes)} of memory"


def end_text(after_s: int) -> str:
    """Write a lifetime or an idle time for people."""
    return NOT_SET if after_s >= NEVER_S else format_duration(after_s)
