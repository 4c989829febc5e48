"""Slips in raw fields and numbers: told in a sentence, never by a traceback."""

from __future__ import annotations

import argparse
import contextlib

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rayspace.core.clusters.spec import cluster_spec
from rayspace.core.clusters.wishes import Wishes
from rayspace.core.images.choice import ImageChoice
from rayspace.core.kube.preflight import PreflightFacts, preflight, unjudged
from rayspace.core.limits.demand import demand_of
from rayspace.core.manifests import ray_cluster as manifests
from rayspace.core.profiles.files import parse_profile
from rayspace.errors import ManifestError, RayspaceError, UsageError
from rayspace.grammar_arguments import setting

FACTS = manifests.ManifestFacts(
    "team-a", "ada", ImageChoice("ray:1", "2.60.0", "3.11", "matched"), "2.60.0"
)
WORKER = "spec.workerGroupSpecs[workers]"
NODE = {"metadata": {"name": "n"}, "status": {"allocatable": {"cpu": "4", "memory": "8Gi"}}}
QUOTA = {"metadata": {"name": "q"}, "spec": {"hard": {"requests.cpu": "4"}}}


def judged(text: str = "workers: 1", **wishes: object) -> dict:
    """Go all the way from a profile to what is said of it before anything is made."""
    spec, _ = cluster_spec(parse_profile(text, name="p"), Wishes(**wishes), "/x", limit=1000)
    manifest = manifests.ray_cluster_manifest(spec, FACTS)
    facts = PreflightFacts(nodes=(NODE,), quotas=(QUOTA,), queues=())
    preflight(manifest, facts)
    unjudged(manifest, facts)
    demand_of(manifest)
    return manifest


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("spec.workerGroupSpecs[worker].maxReplicas", 8, "did you mean 'workers'"),
        ("spec.headGroupSpec", "x", 'spec.headGroupSpec is "x", expected a mapping'),
        (f"{WORKER}.template", 3, "spec.workerGroupSpecs[0].template is 3"),
        ("spec.headGroupSpec.template.spec.containers", [], "is [], expected a list"),
        ("metadata.annotations", "none", "metadata.annotations"),
    ],
)
def test_what_is_no_cluster_any_more_is_told_by_its_field(
    field: str, value: object, said: str
) -> None:
    """Before the API server is asked, since what is built upon it needs it."""
    with pytest.raises(ManifestError) as told:
        judged(settings={field: value})
    assert said in told.value.message
    assert told.value.details["causes"][0]["field"].startswith("spec" if "spec" in field else "m")


def test_a_value_is_the_api_servers_to_judge() -> None:
    """It knows the kind of each field, and names it."""
    manifest = judged(settings={f"{WORKER}.replicas": "many", f"{WORKER}.minReplicas": [1]})
    assert manifest["spec"]["workerGroupSpecs"][0]["replicas"] == "many"
    assert demand_of(manifest).n_workers > 0


def test_another_group_can_be_added() -> None:
    """One that has all that a group needs is no slip."""
    spec = {"containers": [{"name": "ray-worker", "image": "x"}]}
    group = {"groupName": "more", "replicas": 1, "template": {"spec": spec}}
    manifest = judged(settings={"spec.workerGroupSpecs": [group]})
    assert [g["groupName"] for g in manifest["spec"]["workerGroupSpecs"]] == ["workers", "more"]


@pytest.mark.parametrize("cpus", [float("inf"), float("nan"), 1e308, 0.0, -1.0])
def test_a_number_that_no_machine_has_is_refused(cpus: float) -> None:
    """As a wish, so in the words of the option."""
    with pytest.raises(UsageError, match="--cpus can't be"):
        judged(cpus=cpus)


def test_a_date_on_a_command_line_is_text() -> None:
    """JSON knows none, and quotes would have to get past a shell."""
    path, value = setting("metadata.annotations.since=2024-01-01")
    assert value == "2024-01-01"
    assert judged(settings={path: value})["metadata"]["annotations"]["since"] == "2024-01-01"


@pytest.mark.parametrize("word", ["a={", "a=&x [*x]", "a=!!python/name:os.system x"])
def test_what_is_no_value_is_refused_where_it_is_read(word: str) -> None:
    """By its path."""
    with pytest.raises((UsageError, argparse.ArgumentTypeError), match="a"):
        setting(word)


_STEPS = st.sampled_from(
    [
        "spec",
        "metadata",
        "headGroupSpec",
        "workerGroupSpecs[workers]",
        "workerGroupSpecs[other]",
        "workerGroupSpecs",
        "template",
        "containers[ray-head]",
        "containers",
        "env",
        "resources",
        "limits",
        "labels",
        "annotations",
        "replicas",
        "enableInTreeAutoscaling",
        "tolerations",
        "nodeSelector",
        "initContainers",
    ]
)
_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=5)
    | st.sampled_from(["1e999", "8Gi", "-1"]),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(
            st.sampled_from(["name", "spec", "containers", "cpu", "limits", "template"]),
            inner,
            max_size=3,
        )
    ),
    max_leaves=6,
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.dictionaries(
        st.tuples(
            st.sampled_from(["spec", "metadata"]), st.lists(_STEPS, min_size=1, max_size=5)
        ).map(lambda steps: ".".join([steps[0], *steps[1]])),
        _VALUES,
        max_size=3,
    )
)
def test_no_raw_field_ends_in_a_traceback(fields: dict) -> None:
    """Whatever is set, wherever: an object for the API server, or a sentence."""
    with contextlib.suppress(RayspaceError):
        judged("workers: 1:2", settings=fields)
