"""The README says what programs rely on."""

from __future__ import annotations

import dataclasses
import enum
import re
from pathlib import Path

import pytest

from rayspace.demo import DemoResult
from rayspace.model.cluster import (
    Activity,
    ClusterPhase,
    ClusterState,
    HeadAddress,
    Node,
    Origin,
    WorkerGroup,
)
from rayspace.model.job import Cause, JobPhase, JobState, Progress
from rayspace.model.problem import Problem
from rayspace.model.progress import Stage
from rayspace.services.results import ResultPaths

README = (Path(__file__).parents[2] / "README.md").read_text("utf-8")


def names_in(text: str) -> set[str]:
    """Return the words that are set as code."""
    return set(re.findall(r"`(\w+)`", text))


def row(name: str) -> set[str]:
    """Return the names that the table of JSON values has for one kind."""
    (found,) = re.findall(rf"^\| {name} \|(.*)\|$", README, re.MULTILINE)
    return names_in(found)


def words(*kinds: type) -> set[str]:
    """Return the fields of values, and the values of enumerations."""
    found: set[str] = set()
    for kind in kinds:
        if issubclass(kind, enum.Enum):
            found |= {member.value for member in kind}
        else:
            found |= {field.name for field in dataclasses.fields(kind)}
    return found


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (
            "cluster",
            words(
                ClusterState,
                ClusterPhase,
                HeadAddress,
                WorkerGroup,
                Origin,
                Problem,
                Activity,
                Stage,
            ),
        ),
        ("node", words(Node)),
        ("job", words(JobState, JobPhase, Progress)),
        ("results", words(ResultPaths)),
        ("demo", words(DemoResult)),
    ],
)
def test_the_names_of_json_are_those_of_the_values(name, expected) -> None:
    """None is missing, and none is made up."""
    assert row(name) == expected


def test_every_cause_is_named() -> None:
    """Programs tell the ends of jobs apart by them."""
    (text,) = re.findall(r"^`cause` is one of (.*?), or empty\.$", README, re.MULTILINE | re.DOTALL)
    assert names_in(text) == {cause.value for cause in Cause} - {""}
