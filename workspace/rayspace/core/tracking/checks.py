"""Decide what keeps jobs of a target from keeping their runs, who can help, and how."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from rayspace.model.check import Check

USER, PASSWORD, TOKEN = (
    "MLFLOW_TRACKING_USERNAME",
    "MLFLOW_TRACKING_PASSWORD",
    "MLFLOW_TRACKING_TOKEN",
)


@dataclass(frozen=True)
class TrackingFacts:
    """What was found of a target's tracking server.

    Parameters
    ----------
    state
        ``ok``, ``missing`` (neither set nor in the namespace), ``unready`` (in the namespace, and
        not up), ``refused`` (it asks for a name and a password), ``away`` (set, and does not
        answer), ``unknown`` (may not be looked for).
    text, hint
        Why it can't be used, and what helps; empty for ``ok``.
    uri, pod_uri
        Where this machine and pods reach it; that of a relay, which means nothing to people, is
        empty.
    asks_for_name
        Whether it lets nobody in without a name and a password.
    secret
        Secret from which pods get them; empty for none.
    secret_keys
        What the Secret holds; None if it is not there or may not be read.
    may_read_secret
        Whether it may be read.
    may_bring
        Whether this person may bring MLflow into the namespace.
    """

    state: Literal["ok", "missing", "unready", "refused", "away", "unknown"]
    text: str = ""
    hint: str = ""
    uri: str = ""
    pod_uri: str = ""
    asks_for_name: bool = False
    secret: str = ""
    secret_keys: tuple[str, ...] | None = None
    may_read_secret: bool = True
    may_bring: bool = False


def tracking_checks(facts: TrackingFacts, target: str, namespace: str, bring: str) -> list[Check]:
    """Say whether runs can be kept.

    Parameters
    ----------
    facts
        What was found.
    target, namespace
        Where.
    bring
        Command with which an administrator brings MLflow.

    Returns
    -------
    list of Check
        Empty where it may not be looked for.
    """
    if facts.state == "unknown":
        return []
    return [_server(facts, target, bring), *_credentials(facts, namespace)]


def _server(facts: TrackingFacts, target: str, bring: str) -> Check:
    if facts.state == "ok":
        here = f"MLflow at {facts.uri} answers" if facts.uri else "MLflow answers"
        there = "" if facts.uri == facts.pod_uri else f"; pods reach it as {facts.pod_uri}"
        return Check("tracking", "ok", here + there)
    if facts.state != "missing":
        return Check("tracking", "problem", facts.text.rstrip("."), facts.hint, "you")
    text = "Jobs have nowhere to keep their runs: there is no MLflow here, and none in the settings"
    setting = "name a server with the setting tracking_uri"
    if facts.may_bring:
        hint = f"Bring one: rayspace doctor --on {target} --fix\nOr {setting}."
        return Check("tracking", "problem", text, hint, "you")
    hint = f"An administrator runs: {bring}\nOr {setting}."
    return Check("tracking", "problem", text, hint, "admin")


def _credentials(facts: TrackingFacts, namespace: str) -> list[Check]:
    make = (
        f"kubectl -n {namespace} create secret generic {facts.secret or 'NAME'}"
        f" --from-literal={USER}=... --from-literal={PASSWORD}=..."
    )
    name = "tracking-secret"
    if not facts.secret:
        if not facts.asks_for_name:
            return []
        text = "MLflow asks for a name and a password, and pods have none"
        hint = f"Make a Secret, and name it with the setting tracking_secret: {make}"
        return [Check(name, "problem", text, hint, "you")]
    if facts.secret_keys is None:
        if not facts.may_read_secret:
            text = f"The Secret {facts.secret}, with which pods log in to MLflow, may not be read"
            return [Check(name, "warning", text, "", "")]
        text = f"The Secret {facts.secret}, with which pods log in to MLflow, is missing"
        return [Check(name, "problem", text, f"Make it: {make}", "you")]
    if TOKEN in facts.secret_keys or {USER, PASSWORD} <= set(facts.secret_keys):
        return [Check(name, "ok", f"Pods log in to MLflow with the Secret {facts.secret}")]
    text = f"The Secret {facts.secret} holds neither {TOKEN} nor {USER} and {PASSWORD}"
    state: Literal["warning", "problem"] = "problem" if facts.asks_for_name else "warning"
    return [Check(name, state, text, f"Add them: {make}", "you")]
