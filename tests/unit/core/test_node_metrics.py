"""What a head measures, as metrics of a run."""

from __future__ import annotations

import pytest

from rayspace.core.node_metrics import MAX_METRICS, node_labels, node_metrics


def _node(node_id="aa", *, host="vm", ip="10.0.0.1", head=False, state="ALIVE", **changes):
    return {
        "hostname": host,
        "ip": ip,
        "cpu": 12.5,
        "mem": [2_000_000_000, 500_000_000, 75.0, 1_500_000_000],
        "disk": {"/": {"total": 10**10, "used": 4 * 10**9, "free": 6 * 10**9, "percent": 40.0}},
        "gpus": [],
        "raylet": {"nodeId": node_id, "isHeadNode": head, "state": state},
        **changes,
    }


def _gpu(index=0, **changes):
    return {
        "index": index,
        "utilizationGpu": 30,
        "memoryUsed": 1024,
        "memoryTotal": 4096,
        "powerMw": 350_000,
        **changes,
    }


def _summary(*nodes):
    return {"data": {"summary": list(nodes)}}


def _metrics(*nodes, **options):
    summary = _summary(*nodes)
    return node_metrics(summary, node_labels(summary, {}), **options)


def test_a_node_becomes_metrics_with_the_names_and_units_of_mlflow():
    metrics = _metrics(_node(head=True, gpus=[_gpu(1)]))
    assert metrics == {
        "system/head/cpu_utilization_percentage": 12.5,
        "system/head/system_memory_usage_megabytes": 1500.0,
        "system/head/system_memory_usage_percentage": 75.0,
        "system/head/disk_usage_percentage": 40.0,
        "system/head/disk_usage_megabytes": 4000.0,
        "system/head/disk_available_megabytes": 6000.0,
        "system/head/gpu_1_utilization_percentage": 30.0,
        # 1024 MiB are 1073.741824 * 10^6 bytes.
        "system/head/gpu_1_memory_usage_megabytes": pytest.approx(1073.741824),
        "system/head/gpu_1_memory_usage_percentage": 25.0,
        "system/head/gpu_1_power_usage_watts": 350.0,
    }


def test_what_is_not_told_is_left_out():
    metrics = _metrics(
        _node(
            cpu=None,
            mem=None,
            disk={"/": {"total": 1, "used": 0, "free": 1, "percent": 0.0}},
            gpus=[_gpu(utilizationGpu=-1, memoryUsed=None, powerMw=None)],
        )
    )
    assert metrics == {}
    assert _metrics() == {}
    assert node_metrics({}, {}) == {}


def test_a_dead_node_is_left_out():
    metrics = _metrics(_node("aa", host="a"), _node("bb", host="b", state="DEAD"))
    assert {name.split("/")[1] for name in metrics} == {"a"}


def test_labels_tell_nodes_apart_and_stay():
    head = _node("cc", host="vm", ip="127.0.0.2", head=True)
    first = _node("aa0000", host="vm", ip="127.0.0.3")
    second = _node("bb0000", host="vm", ip="127.0.0.3")
    labels = node_labels(_summary(head, first, second), {})
    assert labels == {"cc": "head", "aa0000": "127.0.0.3", "bb0000": "127.0.0.3-bb0000"}
    third = _node("000000", host="pod-1", ip="::1%eth0")
    known = node_labels(_summary(head, third, first), labels)
    assert known == {**labels, "000000": "pod-1"}
    assert node_labels(_summary(_node("dd", host="a b/c", ip="")), {}) == {"dd": "a-b-c"}
    assert node_labels(_summary(_node("ee0000", host="", ip="")), {}) == {"ee0000": "ee0000"}
    assert node_labels(_summary(_node("ff", host="cluster", ip="::1")), {}) == {"ff": "-1"}


def _many(n_nodes, n_gpus):
    return [
        _node(
            f"{i:06x}",
            host=f"pod-{i}",
            gpus=[_gpu(g, utilizationGpu=i % 100) for g in range(n_gpus)],
        )
        for i in range(n_nodes)
    ]


@pytest.mark.parametrize(
    ("n_nodes", "n_gpus", "per_node"),
    [
        (52, 8, 38),
        (100, 8, 4),
        (400, 8, 4),
        (1000, 8, 1),
        (1000, 0, 1),
        (3000, 8, 0),
    ],
)
def test_a_large_cluster_is_told_in_two_requests(n_nodes, n_gpus, per_node):
    metrics = _metrics(*_many(n_nodes, n_gpus))
    assert len(metrics) <= MAX_METRICS == 2000
    of_nodes = [name for name in metrics if name.startswith("system/pod-")]
    assert len(of_nodes) == n_nodes * per_node


def test_figures_of_the_whole_cluster_are_means_and_extremes():
    metrics = _metrics(*_many(100, 8))
    assert metrics["system/cluster/nodes"] == 100
    assert metrics["system/cluster/gpu_utilization_percentage"] == pytest.approx(49.5)
    assert metrics["system/cluster/gpu_utilization_percentage_min"] == 0
    assert metrics["system/cluster/gpu_utilization_percentage_max"] == 99
    assert metrics["system/pod-7/gpu_utilization_percentage"] == 7
    assert metrics["system/pod-7/gpu_memory_usage_percentage"] == 25


def test_even_a_tiny_limit_is_kept():
    assert len(_metrics(*_many(5, 1), limit=3)) == 3
