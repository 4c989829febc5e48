"""What is applied for each profile, and for each kind of wish, as a file that people can read."""

from __future__ import annotations

import pytest

from rayspace.core.manifests.diff import manifest_yaml
from tests.golden_manifests import CASES, GOLDEN, Case


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_manifest_is_as_it_was_read(case: Case) -> None:
    """Whoever changes one looks at it: ``python -m tests.golden_manifests`` writes it anew."""
    assert manifest_yaml(case.manifest()) + "\n" == case.path.read_text("utf-8")


def test_there_is_no_file_that_nobody_compares() -> None:
    """A case that was taken away takes its file along."""
    assert {path.stem for path in GOLDEN.glob("*.yaml")} == {case.name for case in CASES}
