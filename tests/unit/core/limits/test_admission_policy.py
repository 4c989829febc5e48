"""The objects that have Kubernetes refuse what goes beyond limits; tests/cluster runs them."""

from __future__ import annotations

import json

import pytest

from rayspace.core.limits.admission_policy import admission_policy
from rayspace.core.limits.cel_words import literal
from rayspace.model.limits import Limits

FULL = Limits(
    max_workers=4,
    max_gpus=8,
    max_cpus=6.5,
    max_memory_bytes=2**34,
    max_lifetime_s=86_400,
    max_idle_s=7_200,
    allowed_images=('r.example/"ray"/*',),
)
KINDS = ("rayclusters", "rayjobs", "rayservices")


def policies(limits: Limits) -> list[dict]:
    """Return the policies alone."""
    return admission_policy(limits, "team-a")[::2]


def test_no_limits_need_no_policy() -> None:
    """An overlay refuses nothing."""
    assert admission_policy(Limits(overlay={"spec": {}}), "team-a") == []


def test_each_kind_with_a_cluster_has_its_policy_and_binding() -> None:
    """Or one would walk round it; each binding is to one namespace."""
    objects = admission_policy(FULL, "team-a")
    for policy, binding, plural in zip(objects[::2], objects[1::2], KINDS, strict=True):
        name = f"rayspace-limits-team-a-{plural}"
        assert policy["metadata"]["name"] == binding["metadata"]["name"] == name
        assert policy["kind"] == "ValidatingAdmissionPolicy"
        assert policy["spec"]["failurePolicy"] == "Fail"
        assert policy["spec"]["matchConstraints"]["resourceRules"] == [
            {
                "apiGroups": ["ray.io"],
                "apiVersions": ["v1"],
                "operations": ["CREATE", "UPDATE"],
                "resources": [plural],
            }
        ]
        assert binding["kind"] == "ValidatingAdmissionPolicyBinding"
        assert binding["spec"] == {
            "policyName": name,
            "validationActions": ["Deny"],
            "matchResources": {
                "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "team-a"}}
            },
        }


@pytest.mark.parametrize(
    ("limits", "n_validations"),
    [
        (Limits(max_workers=0), 1),
        (Limits(max_gpus=0), 1),
        (Limits(max_cpus=1), 2),
        (Limits(max_memory_bytes=1), 2),
        (Limits(max_lifetime_s=1), 1),
        (Limits(max_idle_s=1), 1),
        (Limits(allowed_images=("*",)), 1),
        (FULL, 9),
    ],
)
def test_only_limits_that_are_set_are_enforced(limits: Limits, n_validations: int) -> None:
    """CPUs and memory twice: the sum, and that each container says something."""
    for policy in policies(limits):
        assert len(policy["spec"]["validations"]) == n_validations


def test_variables_are_made_before_they_are_used() -> None:
    """Kubernetes resolves them in their order."""
    for policy in policies(FULL):
        known: set[str] = set()
        for variable in policy["spec"]["variables"]:
            used = {part.split(".")[0] for part in words_after(variable["expression"])}
            assert used <= known
            known.add(variable["name"])
        for validation in policy["spec"]["validations"]:
            assert words_after(validation["expression"] + validation["messageExpression"]) <= known


def words_after(expression: str) -> set[str]:
    """Return the variables that an expression uses."""
    found = set()
    for part in expression.split("variables.")[1:]:
        name = part
        for index, letter in enumerate(part):
            if not (letter.isalnum() or letter == "_"):
                name = part[:index]
                break
        found.add(name)
    return found


def test_messages_name_the_limit_and_what_to_do() -> None:
    """As they are said before anything is applied."""
    message = policies(Limits(max_workers=4))[0]["spec"]["validations"][0]["messageExpression"]
    assert message.startswith('"The cluster asks for " + ')
    assert message.endswith(
        '"; the limit is 4 workers. Ask for fewer workers: an autoscaled group counts with its'
        ' maxReplicas."'
    )


def test_texts_can_not_leave_their_quotes() -> None:
    """CEL reads a text as JSON does."""
    for text in ('a"b', "a\\b", "a\nb", "ü"):
        assert json.loads(literal(text)) == text
    expression = policies(FULL)[0]["spec"]["variables"][-1]["expression"]
    assert r"example/\"ray\"/" in expression


def test_an_object_is_small() -> None:
    """Of what etcd takes for one, 1.5 MiB, next to nothing."""
    assert all(len(json.dumps(policy)) < 64 * 1024 for policy in policies(FULL))
