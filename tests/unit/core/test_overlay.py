"""Raw fields are merged as kubectl merges them, and paths reach named things in lists."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rayspace.core.overlay import merged, overlay_of
from rayspace.errors import UsageError

JSON = st.recursive(
    st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=8,
)


def test_things_with_names_are_merged_by_name() -> None:
    """Others of the list stay, in their order; new ones come last."""
    base = {"containers": [{"name": "a", "image": "x", "env": [1, 2]}, {"name": "b"}]}
    overlay = {"containers": [{"name": "c"}, {"name": "a", "image": "y", "env": [3]}]}
    assert merged(base, overlay) == {
        "containers": [{"name": "a", "image": "y", "env": [3]}, {"name": "b"}, {"name": "c"}]
    }
    assert base["containers"][0]["image"] == "x"


def test_a_null_removes_and_is_never_left_over() -> None:
    """As in a merge patch."""
    assert merged({"a": 1, "b": {"c": 2}}, {"a": None, "d": {"e": None}}) == {
        "b": {"c": 2},
        "d": {},
    }


@given(JSON)
def test_an_empty_overlay_changes_nothing(value: object) -> None:
    """Nor does the value itself as an overlay."""
    assert merged({"x": value}, {}) == {"x": value}


def test_a_path_becomes_an_overlay() -> None:
    """Names in brackets choose from lists; several paths come together."""
    overlay = overlay_of(
        {
            "spec.workerGroupSpecs[train].maxReplicas": 8,
            "spec.headGroupSpec.template.spec.containers[ray-head].imagePullPolicy": "Never",
            "spec.headGroupSpec.serviceType": "NodePort",
        }
    )
    assert overlay == {
        "spec": {
            "workerGroupSpecs": [{"groupName": "train", "maxReplicas": 8}],
            "headGroupSpec": {
                "serviceType": "NodePort",
                "template": {
                    "spec": {"containers": [{"name": "ray-head", "imagePullPolicy": "Never"}]}
                },
            },
        }
    }


@pytest.mark.parametrize("path", ["status.state", "spec", "", "spec..a", "spec.a[", "kind"])
def test_a_path_that_is_none_is_refused(path: str) -> None:
    """With an example of one."""
    with pytest.raises(UsageError) as caught:
        overlay_of({path: 1})
    assert "--set spec." in caught.value.hint
