"""No snapshot makes the diagnosis raise: neither random trees nor real ones with parts replaced."""

from __future__ import annotations

import copy
import dataclasses
import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rayspace.core.diagnosis.diagnose import CODES, diagnose
from rayspace.core.kube.provisioning import ProvisionState, StageName, StageState, provision_stages
from rayspace.model.problem import Evidence, Owner, Problem
from rayspace.model.snapshot import ClusterSnapshot
from tests.unit.core.diagnosis.snapshots import TAKEN_MS, golden, golden_names

KEYS = [
    "metadata", "spec", "status", "conditions", "type", "name", "labels", "ray.io/node-type",
    "ray.io/group", "containerStatuses", "state", "waiting", "running", "terminated", "reason",
    "message", "containers", "resources", "requests", "cpu", "workerGroupSpecs", "replicas",
    "nodeName", "involvedObject", "kind", "lastTimestamp", "startedAt", "allocatable", "taints",
]  # fmt: skip
WORDS = [
    "head", "worker", "c", "c-head-x", "True", "False", "Ready", "PodScheduled", "Pod", "Failed",
    "CrashLoopBackOff", "ErrImagePull", "ReplicaFailure", "0/9 nodes are available: 9 Insufficient",
    "2026-11-23T06:38:28Z", "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "1Gi", "{",
    "{asks}", "%s", "\n", "",
]  # fmt: skip
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from([10**400, -1, 2**31 - 1])
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(WORDS)
)
TREES = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(KEYS) | st.text(max_size=4), inner, max_size=6)
    ),
    max_leaves=40,
)
OBJECTS = (
    "ray_cluster", "pods", "events", "nodes", "quotas", "limit_ranges", "claims", "workload",
    "local_queue", "logs",
)  # fmt: skip


def is_right(snapshot: ClusterSnapshot) -> None:
    """Diagnose, and check that what comes back is of the types that it says."""
    problems = diagnose(snapshot)
    for problem in problems:
        assert isinstance(problem, Problem)
        assert problem.code in CODES
        assert isinstance(problem.owner, Owner)
        assert isinstance(problem.is_final, bool)
        words = [problem.summary, problem.hint, *problem.groups]
        for item in problem.evidence:
            assert isinstance(item, Evidence)
            words += [item.kind, item.name, item.text]
        assert all(isinstance(word, str) for word in words)
    state = provision_stages(snapshot)
    assert isinstance(state, ProvisionState)
    assert state.problems == problems
    assert [stage.name for stage in state.stages] == list(StageName)
    for stage in state.stages:
        assert isinstance(stage.state, StageState)
        assert stage.text
        assert "\n" not in stage.text
    for group in state.groups:
        counts = (group.n_desired, group.n_requested, group.n_observed)
        assert all(type(count) is int and count >= 0 for count in counts)
        assert isinstance(group.name, str)
    assert state.n_workers_ready == sum(group.n_observed for group in state.groups)
    assert not state.is_all_ready or state.is_head_ready
    assert not state.is_all_ready or state.is_min_ready


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.fixed_dictionaries({}, optional=dict.fromkeys(OBJECTS, TREES)))
def test_random_trees_are_no_error(objects: dict) -> None:
    """Whatever stands where an object should."""
    is_right(ClusterSnapshot("c", "team-a", TAKEN_MS, **objects))


def places(value: object, path: tuple = ()) -> list[tuple]:
    """List the paths to everything in a tree."""
    found = [path] if path else []
    inner = value.items() if isinstance(value, dict) else ()
    inner = enumerate(value) if isinstance(value, list) else inner
    for key, item in inner:
        found += places(item, (*path, key))
    return found


RECORDED = {name: golden(name)[0] for name in golden_names()}


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data(), name=st.sampled_from(sorted(RECORDED)))
def test_real_snapshots_with_parts_replaced_are_no_error(data, name: str) -> None:
    """As another version, or a reader that cuts objects short, would send them."""
    snapshot = RECORDED[name]
    objects = {key: getattr(snapshot, key) for key in OBJECTS}
    tree = json.loads(json.dumps(copy.deepcopy(objects)))
    for _ in range(data.draw(st.integers(1, 4))):
        *way, last = data.draw(st.sampled_from(places(tree)))
        parent = tree
        for key in way:
            parent = parent[key]
        parent[last] = data.draw(TREES)
    is_right(dataclasses.replace(snapshot, **tree))


@pytest.mark.parametrize("name", sorted(RECORDED))
def test_a_real_snapshot_may_lack_any_object(name: str) -> None:
    """Each may be unreadable for somebody."""
    for key in OBJECTS:
        is_right(dataclasses.replace(RECORDED[name], **{key: None}))
    is_right(dataclasses.replace(RECORDED[name], taken_ms=0))
