"""Pods are read as KubeRay makes them, and counted as Kubernetes counts them."""

from __future__ import annotations

import pytest

from rayspace.core.diagnosis.pods import pod_resources, ray_pod, role_in_name
from rayspace.core.diagnosis.view import read_snapshot
from tests.unit.core.diagnosis.snapshots import a_group, a_pod, a_ray_cluster, a_snapshot


@pytest.mark.parametrize(
    ("name", "role"),
    [
        ("c-head-nbkmp", (True, "")),
        ("c-w-worker-x", (False, "w")),
        ("c-big-gpu-worker-x", (False, "big-gpu")),
        ("c-head-worker-x", (False, "head")),
        ("other", (False, "")),
    ],
)
def test_the_name_tells_the_role(name: str, role: tuple[bool, str]) -> None:
    """Where labels do not."""
    assert role_in_name(name, "c") == role


def test_labels_win_over_the_name() -> None:
    """A head may bear any name."""
    pod = a_pod("head", name="odd")
    assert ray_pod(pod, "c").is_head
    del pod["metadata"]["labels"]
    assert not ray_pod(pod, "c").is_head


def test_a_pod_costs_its_containers_or_its_largest_init_container() -> None:
    """Sidecars are containers; a request that is left out is the limit; overhead comes on top."""
    spec = {
        "containers": [
            {"resources": {"requests": {"cpu": "50m"}}},
            {"resources": {"limits": {"cpu": "100m", "memory": "1Gi"}}},
        ],
        "initContainers": [
            {"resources": {"requests": {"cpu": "300m"}}},
            {"restartPolicy": "Always", "resources": {"requests": {"memory": "1Gi"}}},
        ],
        "overhead": {"pods": "1"},
    }
    assert pod_resources(spec, "requests") == pytest.approx(
        {"cpu": 0.3, "memory": 2 * 2**30, "pods": 1}
    )
    assert pod_resources(spec, "limits") == pytest.approx({"cpu": 0.1, "memory": 2**30, "pods": 1})


def test_pods_that_leave_and_pods_of_no_node_do_not_count() -> None:
    """The head comes first."""
    leaving = a_pod("worker", name="c-w-worker-a")
    leaving["metadata"]["deletionTimestamp"] = "2026-11-23T06:38:28Z"
    cleanup = a_pod("head", name="c-redis-cleanup")
    cleanup["metadata"]["labels"]["ray.io/node-type"] = "redis-cleanup"
    view = read_snapshot(a_snapshot(pods=(a_pod("worker"), cleanup, leaving, a_pod("head"))))
    assert [pod.name for pod in view.pods] == ["c-head-nbkmp", "c-w-worker-vgz4s"]


@pytest.mark.parametrize(
    ("group", "n_desired", "n_min"),
    [
        (a_group(replicas=2), 2, 0),
        (a_group(replicas=1, least=2), 2, 2),
        (a_group(replicas=9, maxReplicas=4), 4, 0),
        (a_group(replicas=2, least=1, numOfHosts=4), 8, 4),
        (a_group(replicas=2, least=1, suspend=True), 0, 0),
        ({"groupName": "w", "minReplicas": 3}, 3, 3),
        ({"groupName": "w"}, 0, 0),
    ],
)
def test_a_group_is_counted_as_kuberay_counts_it(group, n_desired, n_min) -> None:
    """Within its bounds, times the hosts of a replica."""
    view = read_snapshot(a_snapshot(ray_cluster=a_ray_cluster(groups=[group])))
    assert [(g.n_desired, g.n_min) for g in view.groups] == [(n_desired, n_min)]
