"""The scheduler's account of why no node takes a pod, split into its reasons.

Source: FitError.Error in kubernetes/pkg/scheduler/framework/types.go of 1.35, and the texts of the
plugins beside it: "0/3 nodes are available: 1 Insufficient cpu, 2 node(s) had untolerated taint(s).
preemption: ...".
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from rayspace.core.diagnosis.quantities import is_gpu
from rayspace.units import format_count

_ACCOUNT = re.compile(r"nodes are available: (?P<reasons>.*?)(?:\.\s|\.?$)", re.DOTALL)
_ONE = re.compile(r"(?P<count>\d{1,9}) (?P<words>.+)", re.DOTALL)
_SHORT = re.compile(r"Insufficient (?P<resource>\S+)")
_CLAIM = re.compile(
    r'persistentvolumeclaims? "(?P<name>[^"]+)" (?P<what>not found|is being deleted)'
)
_TAINT = re.compile(r"\btaints?\b|taint\(s\)")
_NOT_SO = re.compile(r"node\(s\) didn't match|requested node name|affinity|topology spread")


@dataclass(frozen=True)
class Reason:
    """Why some nodes do not take a pod.

    Parameters
    ----------
    code
        The code of a problem with this cause.
    words
        The scheduler's words, without the count.
    n_nodes
        How many nodes say so. [1]
    resource
        What there is too little of; empty for another reason.
    """

    code: str
    words: str
    n_nodes: int
    resource: str = ""

    @property
    def text(self) -> str:
        """For people who do not know the scheduler's words."""
        said = self.words
        if self.resource:
            said = f"too little free {_plain(self.resource)}"
        elif self.code == "unschedulable_taint":
            said = f"reserved for others ({self.words.removeprefix('node(s) had ')})"
        elif self.words == "node(s) were unschedulable":
            said = "closed for new pods (cordoned)"
        return f"{format_count(self.n_nodes, 'node')}: {said.removeprefix('node(s) ')}"


def scheduler_reasons(message: str) -> tuple[Reason, ...]:
    """Split the scheduler's message.

    Parameters
    ----------
    message
        Of the condition PodScheduled or of the event FailedScheduling.

    Returns
    -------
    tuple of Reason
        What most nodes say comes first; empty if the message counts no nodes.
    """
    account = _ACCOUNT.search(message)
    if account is None:
        return ()
    parts = re.split(r",\s+(?=\d)", account["reasons"])
    found = [_ONE.fullmatch(part.strip()) for part in parts]
    reasons = [_reason(one["words"].strip(), int(one["count"])) for one in found if one]
    return tuple(sorted(reasons, key=lambda reason: -reason.n_nodes))


def reasons_text(reasons: tuple[Reason, ...]) -> str:
    """Write reasons one after the other, for people."""
    return "; ".join(reason.text for reason in reasons)


def missing_claim(message: str) -> tuple[str, str] | None:
    """Return the claim that the scheduler does not find and what is wrong with it, or None."""
    match = _CLAIM.search(message)
    return None if match is None else (match["name"], match["what"])


def _reason(words: str, n_nodes: int) -> Reason:
    short = _SHORT.match(words)
    if short is not None:
        resource = short["resource"]
        code = {"cpu": "unschedulable_cpu", "memory": "unschedulable_memory"}.get(resource)
        other = "unschedulable_gpu" if is_gpu(resource) else "unschedulable_other"
        return Reason(code or other, words, n_nodes, resource)
    if _TAINT.search(words):
        return Reason("unschedulable_taint", words, n_nodes)
    if _NOT_SO.search(words):
        return Reason("unschedulable_selector", words, n_nodes)
    return Reason("unschedulable_other", words, n_nodes)


def _plain(resource: str) -> str:
    if resource == "cpu":
        return "CPU"
    return f"GPUs ({resource})" if is_gpu(resource) else resource
