"""Snapshots of real clusters, and what is said of each: the words of Kubernetes are verbatim."""

from __future__ import annotations

import pytest

from rayspace.core.diagnosis.diagnose import CODES, diagnose
from tests.unit.core.diagnosis.snapshots import golden, golden_names


@pytest.mark.parametrize("name", golden_names())
def test_each_snapshot_gets_its_causes(name: str) -> None:
    """The codes in their order, the figures in each summary, who can mend it, and whether."""
    snapshot, expected = golden(name)
    problems = diagnose(snapshot)
    assert [problem.code for problem in problems] == [item["code"] for item in expected]
    for problem, item in zip(problems, expected, strict=True):
        assert [word for word in item["words"] if word not in problem.summary] == []
        assert problem.is_final is item["is_final"]
        assert problem.owner.value == item["owner"]
        assert problem.is_about_head is item.get("is_about_head", problem.is_about_head)
        assert list(problem.groups) == item.get("groups", list(problem.groups))


@pytest.mark.parametrize("name", golden_names())
def test_each_problem_is_one_sentence_with_evidence_and_a_next_step(name: str) -> None:
    """A summary begins with a capital, a hint says what to do, and evidence quotes an object."""
    for problem in diagnose(golden(name)[0]):
        assert problem.summary[0].isupper()
        assert "{" not in problem.summary
        assert problem.hint
        assert all(item.kind and item.name and item.text for item in problem.evidence)
        assert problem.evidence


def test_every_code_that_is_not_made_of_another_has_a_snapshot() -> None:
    """Codes are stable: what is not recorded is tested by hand."""
    recorded = {item["code"] for name in golden_names() for item in golden(name)[1]}
    by_hand = {
        "cluster_missing",
        "container_failing",
        "operator_failing",
        "sandbox_failing",
        "service_account_missing",
    }
    assert recorded == set(CODES) - by_hand
