"""Values become JSON with the names and units they have."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rayspace.model.bundle import BundleFile, BundlePlan, Skip, Skipped
from rayspace.model.job import Cause, JobPhase, Verdict
from rayspace.model.profile import NodeResources
from rayspace.model.wire import to_wire


@dataclass(frozen=True)
class Holder:
    value: Any
    token: str = field(default="hidden", repr=False)


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,
)


@given(JSON_VALUES)
def test_json_values_pass_unchanged(value: object) -> None:
    """What is JSON already stays what it is, inside a value too."""
    assert to_wire(value) == value
    assert json.loads(json.dumps(to_wire(Holder(value)))) == {"value": value}


def test_fields_keep_their_names_and_units() -> None:
    """A value is an object of its fields."""
    assert to_wire(NodeResources(cpus=2, memory_bytes=2**30)) == {
        "cpus": 2,
        "memory_bytes": 1_073_741_824,
        "gpus": 0,
        "object_store_memory_bytes": None,
        "gpu_type": "",
    }


def test_enums_are_their_words() -> None:
    """An enum is sent as its value."""
    verdict = to_wire(Verdict(JobPhase.FAILED, Cause.CELL_ERROR, failed_cell=3))
    assert (verdict["phase"], verdict["cause"], verdict["failed_cell"]) == (
        "failed",
        "cell_error",
        3,
    )


def test_fields_hidden_from_repr_are_not_sent() -> None:
    """What must not be shown is not sent either."""
    assert to_wire(Holder(1)) == {"value": 1}


def test_a_plan_of_a_bundle_can_be_sent() -> None:
    """Paths and nested values are sent too."""
    plan = BundlePlan(
        PurePosixPath("/p"),  # type: ignore[arg-type]
        "a.ipynb",
        (BundleFile("a.ipynb", 3),),
        (Skipped("data/", Skip.IGNORED, "ignored by .gitignore", None),),
    )
    assert to_wire(plan) == {
        "root": "/p",
        "notebook": "a.ipynb",
        "files": [{"path": "a.ipynb", "size_bytes": 3, "link_target": "", "source": ""}],
        "skipped": [
            {
                "path": "data/",
                "kind": "ignored",
                "reason": "ignored by .gitignore",
                "size_bytes": None,
            }
        ],
    }


def test_sets_are_sent_in_order() -> None:
    """A set has no order, its JSON has."""
    assert to_wire({"b", "a"}) == ["a", "b"]


@pytest.mark.parametrize("value", [object(), b"bytes", 1j])
def test_what_has_no_place_in_json_is_an_error(value: object) -> None:
    """Nothing is turned into text by accident."""
    with pytest.raises(TypeError, match="no place in JSON"):
        to_wire(value)
