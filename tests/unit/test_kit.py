"""An administrator's kit: what stands in its files is what the code would say."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from rayspace.core.kube.kuberay_release import LEAST_RELEASE, TESTED_RELEASE
from rayspace.core.kube.rights import wanted_rights
from rayspace.core.limits.admission_policy import admission_policy
from rayspace.core.limits.limits import exceeded, parse_limits
from rayspace.core.profiles.files import parse_profile
from rayspace.gateways.kube.namespace_look import RULES, USER_ROLE
from rayspace.model.limits import LIMITS_KEY, Limits
from tests.golden_manifests import PROFILES, Case, JobCase

KIT = Path(__file__).parents[2] / "templates" / "kubernetes"
NAMESPACE = "team-a"


def documents(name: str) -> list[dict]:
    """Read one of its files."""
    return [item for item in yaml.safe_load_all((KIT / name).read_text("utf-8")) if item]


def test_each_file_is_part_of_it_or_named_as_one_to_choose() -> None:
    """Nothing lies there that nobody applies."""
    text = (KIT / "kustomization.yaml").read_text("utf-8")
    (kustomization,) = documents("kustomization.yaml")
    for name in kustomization["resources"]:
        assert (KIT / name).is_file()
    for path in KIT.iterdir():
        assert path.name == "kustomization.yaml" or path.name in text, path.name
    for folder in ("queue", "operators"):
        (inner,) = documents(f"{folder}/kustomization.yaml")
        mine = [name for name in inner["resources"] if "://" not in name]
        assert {*mine, "kustomization.yaml"} == {p.name for p in (KIT / folder).iterdir()}


def test_the_policy_is_that_of_the_limits() -> None:
    """Whoever changes one changes the other."""
    (profiles,) = documents("profiles.yaml")
    limits = parse_limits(profiles["data"][LIMITS_KEY], path=LIMITS_KEY)
    assert documents("policy.yaml") == admission_policy(limits, NAMESPACE)


def test_its_profiles_can_be_started_and_tell_what_they_cost() -> None:
    """Below the limits beside them."""
    (configuration,) = documents("profiles.yaml")
    texts = {k.removesuffix(".yaml"): v for k, v in configuration["data"].items()}
    limits = parse_limits(texts.pop("limits"), path=LIMITS_KEY)
    assert len(texts) > 1
    for name, text in texts.items():
        profile = parse_profile(text, name=name)
        assert profile.pods.price_per_hour > 0
        assert profile.n_workers <= limits.max_workers


def kit() -> tuple[dict[str, str], Limits]:
    """Return the texts of its profiles and of those that come with the product, and its limits."""
    (configuration,) = documents("profiles.yaml")
    texts = {k.removesuffix(".yaml"): v for k, v in configuration["data"].items()}
    limits = parse_limits(texts.pop("limits"), path=LIMITS_KEY)
    return {**{name: path.read_text("utf-8") for name, path in PROFILES.items()}, **texts}, limits


@pytest.mark.parametrize("name", kit()[0])
def test_what_people_start_first_is_within_its_limits(name) -> None:
    """A cluster of each profile that has an end; and a job with such a cluster, which has one."""
    texts, limits = kit()
    ends = {"idle_s": 1800.0, "max_lifetime_s": 3600.0}
    cluster = Case(name, texts[name], ends)
    assert exceeded(limits, cluster.manifest()) == ()
    for launch in ({}, {"deadline_s": 7200.0}, {"deadline_s": 23.5 * 3600}):
        for has_rules in (True, False):
            for wishes in ({}, {"queue": "team-a"}):
                job = JobCase(name, texts[name], wishes, launch=launch, limits=limits,
                              has_deletion_rules=has_rules)  # fmt: skip
                assert exceeded(limits, job.manifest()) == (), (launch, has_rules, wishes)
    beyond = JobCase(name, texts[name], launch={"deadline_s": 25 * 3600.0}, limits=limits)
    (excess,) = exceeded(limits, beyond.manifest())
    assert (excess.key, excess.allowed) == ("max_lifetime", "24 h")
    assert "a shorter --deadline" in excess.hint


@pytest.mark.parametrize(("file", "kind"), [("people.yaml", "RoleBinding")])
def test_people_are_bound_to_the_role_for_people(file, kind) -> None:
    """And to no other."""
    (binding,) = documents(file)
    assert binding["kind"] == kind
    assert binding["roleRef"]["name"] == USER_ROLE
    assert USER_ROLE in {item["metadata"]["name"] for item in documents(Path(RULES).name)}


def test_what_a_head_may_change_of_its_cluster_its_owner_may_change_too() -> None:
    """Whom a watcher suspends, in a queue or not, a person resumes."""
    roles = {
        item["metadata"]["name"]: set(wanted_rights(item["rules"]))
        for item in documents(Path(RULES).name)
        if item["kind"] == "Role"
    }
    changes = {right for right in roles["rayspace-head"] if right[2] == "patch"}
    changes.discard(("", "pods", "patch", ""))  # Ray's autoscaler, and nobody else.
    assert ("kueue.x-k8s.io", "workloads", "patch", "") in changes
    assert changes <= roles[USER_ROLE]


def test_kuberay_is_the_release_that_is_tested() -> None:
    """Which is not older than what is taken."""
    (operators,) = documents("operators/kustomization.yaml")
    (release,) = [
        match[1]
        for name in operators["resources"]
        if (match := re.search(r"kuberay.*\?ref=v(\S+)$", name))
    ]
    assert release == TESTED_RELEASE
    assert LEAST_RELEASE in (KIT / "operators" / "kustomization.yaml").read_text("utf-8")


def test_the_queue_is_the_namespaces_own() -> None:
    """Only its clusters wait in it."""
    _, queue, local = documents("queue/queue.yaml")
    chosen = queue["spec"]["namespaceSelector"]["matchLabels"]
    assert chosen == {"kubernetes.io/metadata.name": NAMESPACE}
    assert local["spec"]["clusterQueue"] == queue["metadata"]["name"]
