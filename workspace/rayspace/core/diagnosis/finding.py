"""What was found of one pod, or of the cluster, before equal findings are put together."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from rayspace.model.problem import Evidence, Owner, Problem

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rayspace.core.diagnosis.pods import RayPod

#: Stands in a fact for the words that one pod and several take: "it asks", "they each ask".
ASKS = "{asks}"
#: "was" or "were", as the number of pods has it.
WAS = "{was}"
#: More objects that all say the same show nothing new. [1]
_MAX_EVIDENCE = 3


@dataclass(frozen=True)
class Role:
    """What a pod is to the cluster.

    Parameters
    ----------
    is_head
        Whether it is the head.
    group
        Its worker group; empty for the head, and where it is not known.
    """

    is_head: bool
    group: str = ""


@dataclass(frozen=True)
class Who:
    """Pods of a cluster, by what they are.

    Parameters
    ----------
    roles
        One for each pod.
    """

    roles: tuple[Role, ...]

    @property
    def text(self) -> str:
        """How to speak of them: ``"the head and 2 workers of group gpu"``."""
        counts: dict[Role, int] = {}
        for role in self.roles:
            counts[role] = counts.get(role, 0) + 1
        parts = []
        for role, n_pods in counts.items():
            of_group = f" of group {role.group}" if role.group else ""
            if role.is_head:
                parts.append("the head" if n_pods == 1 else f"{n_pods} heads")
            else:
                parts.append(f"{'a worker' if n_pods == 1 else f'{n_pods} workers'}{of_group}")
        *first, last = parts
        return f"{', '.join(first)} and {last}" if first else last


@dataclass(frozen=True)
class Finding:
    """One thing that was found.

    Parameters
    ----------
    code
        What kind of problem.
    fact
        The sentence without its subject where there are roles, else all of it. Equal facts of
        equal code are one problem.
    hint, owner, evidence, is_final
        As in `Problem`.
    roles
        The pods it was found of; empty for the cluster as a whole.
    groups
        Worker groups that it is about where there are no roles: pods that were never made.
    is_aside
        Whether it explains nothing that is missing now, and so comes last.
    """

    code: str
    fact: str
    hint: str
    owner: Owner
    evidence: tuple[Evidence, ...] = ()
    is_final: bool = False
    roles: tuple[Role, ...] = ()
    groups: tuple[str, ...] = ()
    is_aside: bool = False

    @property
    def is_about_workers(self) -> bool:
        """Whether it is about workers and not about the head."""
        of_roles = bool(self.roles) and not any(role.is_head for role in self.roles)
        return of_roles or bool(self.groups)


def role_of(pod: RayPod) -> Role:
    """Return what a pod is to its cluster."""
    return Role(pod.is_head, pod.group)


def pod_evidence(pod: RayPod, words: str) -> tuple[Evidence, ...]:
    """Return what a pod says as evidence."""
    return (Evidence("Pod", pod.name, words),)


def joined(findings: Iterable[Finding]) -> list[Finding]:
    """Put findings of one cause together.

    Parameters
    ----------
    findings
        Any number, of one pod each.

    Returns
    -------
    list of Finding
        One for each code and fact, in the order in which they came; with all roles, and with the
        evidence of the first few.
    """
    found: dict[tuple[str, str], Finding] = {}
    for finding in findings:
        key = (finding.code, finding.fact)
        known = found.get(key)
        if known is None:
            found[key] = finding
            continue
        evidence = tuple(dict.fromkeys(known.evidence + finding.evidence))
        found[key] = replace(
            known,
            roles=known.roles + finding.roles,
            evidence=evidence[:_MAX_EVIDENCE],
            is_final=known.is_final or finding.is_final,
            is_aside=known.is_aside and finding.is_aside,
        )
    return list(found.values())


def as_problem(finding: Finding) -> Problem:
    """Write a finding as a problem."""
    asks = "it asks" if len(finding.roles) == 1 else "they each ask"
    was = "was" if len(finding.roles) == 1 else "were"
    summary = finding.fact.replace(ASKS, asks).replace(WAS, was)
    if finding.roles:
        summary = f"{Who(finding.roles).text} {summary}"
    groups = dict.fromkeys(role.group for role in finding.roles if not role.is_head)
    return Problem(
        code=finding.code,
        summary=summary[:1].upper() + summary[1:],
        hint=finding.hint,
        owner=finding.owner,
        evidence=finding.evidence,
        is_final=finding.is_final,
        is_about_head=any(role.is_head for role in finding.roles),
        groups=tuple(groups) or finding.groups,
    )
