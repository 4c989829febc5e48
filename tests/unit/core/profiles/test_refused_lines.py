"""The line of a profile that Kubernetes refuses."""

from __future__ import annotations

import pytest

from rayspace.core.profiles.files import parse_profile
from rayspace.core.profiles.refused_lines import located
from rayspace.errors import ManifestError

PROFILE = """\
workers: 1
rayCluster:
  metadata:
    labels: {team: a}
  spec:
    headGroupSpec:
      serviceType: Nowhere
      template:
        spec:
          containers:
            - name: ray-head
              ports: 7
    workerGroupSpecs:
      - groupName: workers
        speed: fast
"""


@pytest.mark.parametrize(
    ("words", "line"),
    [
        ('"c" is invalid: spec.headGroupSpec.serviceType: Unsupported value: "Nowhere"', 7),
        ("failed to create typed patch object: .spec.headGroupSpec.colour: field not declared", 6),
        ('.spec.headGroupSpec.template.spec.containers[name="ray-head"].ports: expected list', 10),
        (".spec.workerGroupSpecs[0].speed: field not declared in schema", 13),
        # As a RayJob holds it.
        ("spec.rayClusterSpec.headGroupSpec.serviceType: Unsupported value", 7),
        ("metadata.labels: Invalid value", 4),
        ("spec.autoscalerOptions.idleTimeoutSeconds: not ours", None),
        ("no field at all", None),
    ],
)
def test_the_nearest_line_is_named(words: str, line: int | None) -> None:
    """Of a list that of its key; what is not in the profile keeps its own advice."""
    profile = parse_profile(PROFILE, name="big", path="/p/big.yaml")
    error = ManifestError(f"Kubernetes does not take the object: {words}", hint="Look.")
    found = located(error, profile)
    assert found.message == error.message
    if line is None:
        assert found is error
    else:
        assert found.hint == f"See line {line} of /p/big.yaml, below rayCluster."
        assert found.details["line"] == line


def test_the_causes_of_the_answer_come_first() -> None:
    """They are exact."""
    profile = parse_profile(PROFILE, name="big", path="/p/big.yaml")
    causes = [{"field": "spec.headGroupSpec.serviceType", "reason": "FieldValueNotSupported"}]
    error = ManifestError("No.", hint="Look.", details={"causes": causes})
    assert located(error, profile).details["line"] == 7
