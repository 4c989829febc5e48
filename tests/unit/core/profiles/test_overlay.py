"""Raw fields are merged as kubectl merges them, and paths reach named things in lists."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rayspace.core.profiles.overlay import merged, overlay_of
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


def test_one_volume_is_mounted_in_several_places() -> None:
    """What tells mounts apart is where they are, so that none takes the place of another."""
    base = {"volumeMounts": [{"name": "volume-0", "mountPath": "/data"}]}
    files = [{"name": "conf", "mountPath": f"/etc/{name}", "subPath": name} for name in ("a", "b")]
    scratch = {"name": "volume-0", "mountPath": "/scratch"}
    assert merged(base, {"volumeMounts": [*files, scratch]})["volumeMounts"] == [
        {"name": "volume-0", "mountPath": "/data"},
        *files,
        scratch,
    ]
    ports = [{"name": "http", "containerPort": 80}, {"name": "https", "containerPort": 443}]
    changed = merged({"ports": ports}, {"ports": [{"containerPort": 80, "name": "web"}]})
    assert [port["name"] for port in changed["ports"]] == ["web", "https"]


def test_a_mount_is_still_reached_by_the_name_of_its_volume() -> None:
    """As a path writes it."""
    base = {"volumeMounts": [{"name": "data", "mountPath": "/data"}]}
    changed = merged(base, {"volumeMounts": [{"name": "data", "readOnly": True}]})
    assert changed == {"volumeMounts": [{"name": "data", "mountPath": "/data", "readOnly": True}]}


def test_sources_of_variables_come_beside_those_that_are_there() -> None:
    """Else a Secret of one's own would take the tracking server's credentials away."""
    ours, theirs = {"secretRef": {"name": "mlflow"}}, {"secretRef": {"name": "mine"}}
    assert merged({"envFrom": [ours]}, {"envFrom": [theirs, ours]}) == {"envFrom": [ours, theirs]}


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


def test_what_has_no_name_is_not_merged_by_it() -> None:
    """A list in the place of a name, as somebody set it before."""
    assert merged({"env": [{"name": ["a"]}]}, {"env": [{"name": "a"}]}) == {"env": [{"name": "a"}]}


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
