"""The release of KubeRay is told by what it knows of a RayCluster."""

from __future__ import annotations

import pytest

from rayspace.core.kube.kuberay_release import (
    has_job_rules,
    kuberay_problem,
    kuberay_release,
    no_kuberay,
)

FIELDS = {
    "1.2": {"rayVersion": {}},
    "1.3": {"gcsFaultToleranceOptions": {}},
    "1.4": {"autoscalerOptions": {"properties": {"version": {"type": "string"}}}},
    "1.5": {"authOptions": {"properties": {"mode": {"type": "string"}}}},
    "1.6": {"upgradeStrategy": {}},
}


def described(release: str, *, without: str = "") -> dict:
    """Return the description of a release: it has what came before, too."""
    fields = {}
    for name, brought in FIELDS.items():
        if name <= release and name != without:
            fields |= brought
    spec = {"type": "object", "properties": fields}
    schema = {"type": "object", "properties": {"spec": spec, "status": {}}}
    return {"components": {"schemas": {"io.ray.v1.RayCluster": schema}}}


def test_rules_of_jobs_are_told_by_the_deadline_that_came_with_them() -> None:
    """An older one describes them too, and refuses them."""
    document = described("1.6")
    fields = {"deletionStrategy": {"type": "object"}}
    job = {"properties": {"spec": {"properties": fields}}}
    document["components"]["schemas"]["io.ray.v1.RayJob"] = job
    assert not has_job_rules(document)
    fields["preRunningDeadlineSeconds"] = {"type": "integer"}
    assert has_job_rules(document)
    assert not has_job_rules({})


@pytest.mark.parametrize(
    ("release", "told"),
    [
        ("1.2", "1.2 or older"),
        ("1.3", "1.3"),
        ("1.4", "1.4"),
        ("1.5", "1.5"),
        ("1.6", "1.6 or newer"),
    ],
)
def test_a_release_is_told_by_its_newest_field(release, told) -> None:
    """It is enough from the one on that knows of tokens."""
    document = described(release)
    assert kuberay_release(document) == told
    problem = kuberay_problem(document, "prod")
    if release >= "1.5":
        assert problem is None
        return
    assert problem is not None
    assert (problem.code, problem.is_final) == ("kuberay_old", True)
    assert f"those of KubeRay {told}, which lack spec.authOptions.mode" in problem.summary
    assert "1.5.1 or newer" in problem.hint
    assert "kubectl apply --server-side" in problem.hint


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"components": None},
        {"components": {"schemas": {"io.ray.v1.RayCluster": {"type": "object"}}}},
        {"components": {"schemas": {"io.ray.v1.RayCluster": {"properties": {"spec": {}}}}}},
    ],
)
def test_what_is_not_described_is_not_refused(document) -> None:
    """Nothing is known, and the API server refuses what it lacks."""
    assert kuberay_release(document) == ""
    assert kuberay_problem(document, "prod") is None


def test_what_counts_is_the_field_and_not_the_number() -> None:
    """A company may have built its own; without tokens none is enough."""
    problem = kuberay_problem(described("1.6", without="1.5"), "prod")
    assert problem is not None
    assert problem.code == "kuberay_old"


def test_none_at_all_is_told_with_where_to_get_it() -> None:
    """An administrator installs it."""
    problem = no_kuberay("prod")
    assert problem.summary.startswith("KubeRay is not installed on prod")
    assert "https://docs.ray.io/" in problem.hint
