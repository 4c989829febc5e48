"""What a namespace lacks, who can bring it, and how."""

from __future__ import annotations

from dataclasses import replace

import pytest

from rayspace.core.kube.namespace_checks import NamespaceFacts, namespace_checks
from rayspace.core.kube.rights import not_granted, wanted_rights
from rayspace.core.tracking.checks import TrackingFacts

_OPEN = TrackingFacts("ok", pod_uri="http://m:5000")
_NAMED = TrackingFacts(
    "ok", uri="https://m", pod_uri="https://m", asks_for_name=True, secret="s",
    secret_keys=("MLFLOW_TRACKING_TOKEN",),
)  # fmt: skip
_MISSING = TrackingFacts("missing", "None.", "fix")
_WELL = NamespaceFacts(
    target="prod",
    namespace="team-a",
    server="https://k",
    user="ada",
    has_head_account=True,
    has_job_account=True,
    tracking=_OPEN,
    queues=(("q", True),),
    limits="set",
    policy="current",
    has_network_policy=True,
    pod_security="restricted",
)
_HEAD = ("", "serviceaccounts", "get", "rayspace-head")
_PROFILES = ("", "configmaps", "get", "rayspace-profiles")


def checks(**changes):
    """Say what is found after changes."""
    facts = replace(_WELL, **changes)
    files = ("/t/rbac.yaml", "/t/mlflow.yaml", "/t/network.yaml")
    return {c.name: c for c in namespace_checks(facts, *files)}


def test_all_is_well():
    """Each thing has a line, and nobody has to do anything."""
    found = checks()
    assert {c.state for c in found.values()} == {"ok"}
    assert {(c.hint, c.owner) for c in found.values()} == {("", "")}
    assert found["tracking"].text == "MLflow answers; pods reach it as http://m:5000"
    assert found["api-server"].text == "https://k answers and knows you as ada"
    assert next(iter(found)) == "api-server"
    named = checks(tracking=_NAMED)
    assert named["tracking"].text == "MLflow at https://m answers"
    assert named["tracking-secret"].text == "Pods log in to MLflow with the Secret s"


@pytest.mark.parametrize(
    ("name", "changes", "state", "owner", "hint"),
    [
        ("kuberay", {"kuberay": "Too old.", "kuberay_hint": "up"}, "problem", "admin", "up"),
        ("rights", {"missing": (("ray.io", "rayjobs", "create", ""),)}, "problem", "admin",
         "kubectl -n team-a create rolebinding rayspace-user --role=rayspace-user --user=ada"),
        ("head-account", {"has_head_account": False}, "problem", "admin",
         "kubectl -n team-a apply -f /t/rbac.yaml"),
        ("head-account", {"has_head_account": None}, "warning", "admin", "apply"),
        ("job-account", {"has_job_account": False}, "warning", "admin",
         "kubectl -n team-a apply -f /t/rbac.yaml"),
        ("policy", {"policy": "missing"}, "warning", "admin",
         "rayspace cluster limits --on prod --policy | kubectl apply -f -"),
        ("policy", {"policy": "older"}, "warning", "admin", "--policy | kubectl apply -f -"),
        ("network", {"has_network_policy": False}, "warning", "admin",
         "kubectl -n team-a apply -f /t/network.yaml"),
        ("tracking", {"tracking": _MISSING}, "problem", "admin",
         "kubectl -n team-a apply -f /t/mlflow.yaml"),
        ("tracking", {"tracking": replace(_MISSING, may_bring=True)}, "problem", "you",
         "rayspace doctor --on prod --fix"),
        ("tracking", {"tracking": TrackingFacts("unready", "It waits.", "see")}, "problem", "you",
         "see"),
        ("tracking-secret", {"tracking": replace(_NAMED, secret="")}, "problem", "you",
         "tracking_secret"),
        ("tracking-secret", {"tracking": replace(_NAMED, secret_keys=None)}, "problem", "you",
         "kubectl -n team-a create secret generic s --from-literal=MLFLOW_TRACKING_USERNAME"),
        ("tracking-secret", {"tracking": replace(_NAMED, secret_keys=("A",))}, "problem", "you",
         "Add them"),
        ("tracking-secret", {"tracking": replace(_NAMED, secret_keys=(), asks_for_name=False)},
         "warning", "you", "Add them"),
        ("tracking-secret",
         {"tracking": replace(_NAMED, secret_keys=None, may_read_secret=False)}, "warning", "", ""),
        ("queue", {"queues": (("q", False),)}, "problem", "admin", "--queue"),
        ("queue", {"queues": (("q", None),)}, "warning", "", ""),
        ("limits", {"limits": "hidden"}, "warning", "admin", "rayspace-user"),
        ("limits", {"limits": "none"}, "ok", "", ""),
        ("limits", {"limits": "max_gpus is text."}, "problem", "admin", "mend"),
        ("pod-security", {"pod_security": ""}, "ok", "", ""),
    ],
)  # fmt: skip
def test_what_is_missing_is_told_with_its_owner_and_what_helps(name, changes, state, owner, hint):
    """One line each; the rest stays as it is."""
    found = checks(**changes)
    assert (found[name].state, found[name].owner) == (state, owner)
    assert hint in found[name].hint
    assert all(c.state == "ok" for key, c in found.items() if key != name)


def test_what_cannot_be_looked_at_is_told_once():
    """With the rights, and never as a problem of its own."""
    found = checks(
        missing=(_HEAD, _PROFILES),
        has_any_right=False,
        has_head_account=None,
        has_job_account=None,
        tracking=TrackingFacts("unknown"),
        limits="hidden",
        policy="",
        has_network_policy=None,
        pod_security=None,
        queues=(),
    )
    assert list(found) == ["api-server", "kuberay", "rights"]
    assert found["rights"].text == "You may do nothing in team-a of what clusters and jobs need"


def test_a_namespace_that_is_not_there_is_all_there_is_to_say():
    """Everything else would be missing too."""
    assert list(checks(has_namespace=False)) == ["api-server", "namespace"]


def test_missing_rights_are_grouped_by_what_they_concern():
    """As people write them."""
    missing = (
        ("ray.io", "rayjobs", "create", ""),
        ("ray.io", "rayjobs", "delete", ""),
        ("ray.io", "rayclusters", "create", ""),
        ("ray.io", "rayclusters", "delete", ""),
        ("", "configmaps", "get", "rayspace-profiles"),
    )
    assert checks(missing=missing)["rights"].text == (
        "You may not: create, delete rayjobs.ray.io, rayclusters.ray.io;"
        " get configmaps rayspace-profiles"
    )


@pytest.mark.parametrize(
    ("rule", "is_missing"),
    [
        ({"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}, False),
        ({"apiGroups": [""], "resources": ["services/proxy"], "verbs": ["get"]}, False),
        ({"apiGroups": [""], "resources": ["*/proxy"], "verbs": ["get"]}, False),
        ({"apiGroups": [""], "resources": ["services"], "verbs": ["get"]}, True),
        ({"apiGroups": ["apps"], "resources": ["services/proxy"], "verbs": ["get"]}, True),
        ({"apiGroups": [""], "resources": ["services/proxy"], "verbs": ["create"]}, True),
        ({"apiGroups": [""], "resources": ["services/proxy"], "verbs": ["get"],
          "resourceNames": ["one"]}, True),
    ],
)  # fmt: skip
def test_a_right_is_given_by_a_rule_or_by_none(rule, is_missing):
    """A star is anything; a rule for one name is none for all."""
    right = ("", "services/proxy", "get", "")
    assert not_granted([right], [rule]) == ([right] if is_missing else [])


def test_a_role_is_taken_apart():
    """Each verb on each resource, by name where there is one."""
    rules = [{"apiGroups": ["a"], "resources": ["b"], "verbs": ["get", "list"]},
             {"apiGroups": [""], "resources": ["c"], "verbs": ["get"],
              "resourceNames": ["n"]}]  # fmt: skip
    rights = [("a", "b", "get", ""), ("a", "b", "list", ""), ("", "c", "get", "n")]
    assert wanted_rights(rules) == rights
    assert not_granted(rights, rules) == []
