"""Decide what a namespace lacks for clusters and jobs, who can bring it, and how.

What can't be looked at for want of a right is told once, with the rights.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rayspace.core.kube.rights import rights_text
from rayspace.core.tracking.checks import TrackingFacts, tracking_checks
from rayspace.model.check import Check

if TYPE_CHECKING:
    from rayspace.core.kube.rights import Right

_HEAD = ("", "serviceaccounts", "get", "rayspace-head")
_PROFILES = ("", "configmaps", "get", "rayspace-profiles")
_NO_TRACKING = TrackingFacts("unknown")


@dataclass(frozen=True)
class NamespaceFacts:
    """What was found in a namespace.

    Parameters
    ----------
    target, namespace
        Where.
    server
        URL of the API server.
    user
        Who this is, as the API server names them; empty where it does not tell.
    has_namespace
        Whether there is such a namespace; True where that may not be read.
    kuberay, kuberay_hint
        What is wrong with KubeRay, and what helps; empty where it is as needed.
    missing
        Rights that this person lacks.
    has_any_right
        Whether the person has any of those that are needed.
    has_head_account
        Whether heads can run with their own account; None if that may not be read.
    has_job_account
        Whether jobs can keep what happens to their pods; None if that may not be read.
    tracking
        The tracking server.
    queues
        Queues that profiles name, and whether each is there; None if that may not be read.
    limits
        ``set``, ``none``, ``hidden`` (may not be read), or what is wrong with them.
    policy
        How Kubernetes holds people to the limits: ``current``, ``missing``, ``older`` (to others
        than those that are set); empty where there are none, or that may not be read.
    has_network_policy
        Whether a NetworkPolicy says who reaches Ray's pods; None if that may not be read.
    pod_security
        Level that the namespace enforces; empty for none, None if that may not be read.
    """

    target: str
    namespace: str
    server: str = ""
    user: str = ""
    has_namespace: bool = True
    kuberay: str = ""
    kuberay_hint: str = ""
    missing: tuple[Right, ...] = ()
    has_any_right: bool = True
    has_head_account: bool | None = None
    has_job_account: bool | None = None
    tracking: TrackingFacts = _NO_TRACKING
    queues: tuple[tuple[str, bool | None], ...] = ()
    limits: str = "none"
    policy: str = ""
    has_network_policy: bool | None = None
    pod_security: str | None = None


def namespace_checks(
    facts: NamespaceFacts, rules_path: str, mlflow_path: str, network_path: str
) -> list[Check]:
    """Say what is well and what is missing.

    Parameters
    ----------
    facts
        What was found.
    rules_path, mlflow_path, network_path
        Files of the Roles, of MLflow and of the NetworkPolicy.

    Returns
    -------
    list of Check
        One for each thing that could be looked at.
    """
    checks = [_api_server(facts)]
    if not facts.has_namespace:
        return [*checks, _no_namespace(facts)]
    apply, bring, close = (
        f"kubectl -n {facts.namespace} apply -f {shlex.quote(path)}"
        for path in (rules_path, mlflow_path, network_path)
    )
    return [
        *checks,
        *_kuberay(facts),
        _rights(facts, apply),
        *_head_account(facts, apply),
        *_job_account(facts, apply),
        *tracking_checks(facts.tracking, facts.target, facts.namespace, bring),
        *(_queue(name, is_there) for name, is_there in facts.queues),
        *_limits(facts),
        *_policy(facts),
        *_network(facts, close),
        *_pod_security(facts),
    ]


def _api_server(facts: NamespaceFacts) -> Check:
    known = f" and knows you as {facts.user}" if facts.user else ""
    return Check("api-server", "ok", f"{facts.server or 'It'} answers{known}")


def _no_namespace(facts: NamespaceFacts) -> Check:
    hint = f"Name another with -n, or an administrator: kubectl create namespace {facts.namespace}"
    return Check("namespace", "problem", f"There is no namespace {facts.namespace!r}", hint, "you")


def _kuberay(facts: NamespaceFacts) -> list[Check]:
    if not facts.kuberay:
        return [Check("kuberay", "ok", "RayClusters and RayJobs can be made as needed")]
    return [Check("kuberay", "problem", facts.kuberay.rstrip("."), facts.kuberay_hint, "admin")]


def _rights(facts: NamespaceFacts, apply: str) -> Check:
    if not facts.missing:
        return Check("rights", "ok", f"You may do what is needed in {facts.namespace}")
    bind = (
        f"kubectl -n {facts.namespace} create rolebinding rayspace-user --role=rayspace-user"
        f" --user={shlex.quote(facts.user or 'NAME')}"
    )
    # The Role has all of them, so a list would say nothing.
    text = f"You may not: {rights_text(facts.missing)}"
    if not facts.has_any_right:
        text = f"You may do nothing in {facts.namespace} of what clusters and jobs need"
    return Check("rights", "problem", text, _admin(f"{apply} && {bind}"), "admin")


def _head_account(facts: NamespaceFacts, apply: str) -> list[Check]:
    if facts.has_head_account:
        return [Check("head-account", "ok", "Heads can suspend themselves when nobody uses them")]
    if facts.has_head_account is None:
        if _HEAD in facts.missing:
            return []
        text = "Whether heads can suspend themselves is unknown"
        return [Check("head-account", "warning", text, _admin(apply), "admin")]
    text = "The service account rayspace-head is missing, with which heads suspend themselves"
    return [Check("head-account", "problem", text, _admin(apply), "admin")]


def _job_account(facts: NamespaceFacts, apply: str) -> list[Check]:
    if facts.has_job_account is None:
        return []
    if facts.has_job_account:
        return [Check("job-account", "ok", "Jobs can keep what happens to their pods")]
    text = "The service account rayspace-job is missing, with which jobs keep their pods' events"
    return [Check("job-account", "warning", text, _admin(apply), "admin")]


def _queue(name: str, is_there: bool | None) -> Check:
    if is_there:
        return Check("queue", "ok", f"The queue {name} is there")
    if is_there is None:
        return Check("queue", "warning", f"The queue {name} is unknown: you may not read queues")
    hint = "Name another with --queue, or ask an administrator for this one."
    text = f"A profile names the queue {name}, which is not there"
    return Check("queue", "problem", text, hint, "admin")


def _limits(facts: NamespaceFacts) -> list[Check]:
    if facts.limits == "none":
        return [Check("limits", "ok", "No administrator set profiles or limits")]
    if facts.limits == "set":
        text = f"Profiles or limits are set; see: rayspace cluster limits --on {facts.target}"
        return [Check("limits", "ok", text)]
    if facts.limits == "hidden":
        if _PROFILES in facts.missing:
            return []
        text = "The ConfigMap rayspace-profiles may not be read, so limits show when they refuse"
        return [Check("limits", "warning", text, "Ask for the Role rayspace-user.", "admin")]
    return [Check("limits", "problem", facts.limits, "Ask an administrator to mend it.", "admin")]


def _policy(facts: NamespaceFacts) -> list[Check]:
    if not facts.policy:
        return []
    if facts.policy == "current":
        return [Check("policy", "ok", "Kubernetes holds everybody to the limits")]
    text = "The limits hold for who uses rayspace only: Kubernetes has no policy of them"
    if facts.policy == "older":
        text = "Kubernetes holds people to other limits than those that are set"
    command = f"rayspace cluster limits --on {facts.target} --policy | kubectl apply -f -"
    return [Check("policy", "warning", text, _admin(command), "admin")]


def _network(facts: NamespaceFacts, close: str) -> list[Check]:
    if facts.has_network_policy is None:
        return []
    if facts.has_network_policy:
        return [Check("network", "ok", "A NetworkPolicy says who reaches Ray's pods")]
    text = "Every pod of the whole cluster reaches Ray's pods, which ask for a token"
    return [Check("network", "warning", text, _admin(close), "admin")]


def _pod_security(facts: NamespaceFacts) -> list[Check]:
    if facts.pod_security is None:
        return []
    level = facts.pod_security or "privileged"
    return [Check("pod-security", "ok", f"The namespace enforces the level {level}")]


def _admin(command: str) -> str:
    return f"An administrator runs: {command}"
