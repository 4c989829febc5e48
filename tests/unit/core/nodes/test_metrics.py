"""What is measured on nodes, as metrics of a run: names, units, and how many."""

from __future__ import annotations

import random
import statistics

import pytest

from rayspace.core.nodes.follower import NodeFollower
from rayspace.core.nodes.metrics import MAX_KEYS, node_metrics, percentile
from rayspace.core.nodes.readings import read_nodes
from tests.unit.core.nodes.answers import gpu, node, recorded, summary


def _metrics(*nodes):
    return _follow(NodeFollower(), *nodes)


def _follow(follower, *nodes):
    reading = follower.follow(read_nodes(summary(*nodes)), 1_700_000_000.0)
    return node_metrics(reading, follower.names, follower.first)


def test_a_node_becomes_metrics_with_the_names_and_units_of_mlflow():
    metrics = _metrics(node(head=True, gpus=[gpu(1)]))
    own = {k: v for k, v in metrics.items() if k.startswith("system/head/")}
    assert own == {
        "system/head/cpu_utilization_percentage": 12.5,
        "system/head/system_memory_usage_megabytes": 1500.0,
        "system/head/system_memory_usage_percentage": 75.0,
        "system/head/disk_usage_percentage": 44.4,
        "system/head/disk_usage_megabytes": 4000.0,
        "system/head/disk_available_megabytes": 5000.0,
        "system/head/network_receive_megabytes": 0.0,
        "system/head/network_transmit_megabytes": 0.0,
        "system/head/object_store_usage_megabytes": 25.0,
        "system/head/object_store_usage_percentage": 25.0,
        "system/head/gpu_1_utilization_percentage": 30.0,
        # 1024 MiB are 1073.741824 * 10^6 bytes.
        "system/head/gpu_1_memory_usage_megabytes": pytest.approx(1073.741824),
        "system/head/gpu_1_memory_usage_percentage": 25.0,
        "system/head/gpu_1_memory_total_megabytes": pytest.approx(4294.967296),
        "system/head/gpu_1_power_usage_watts": 350.0,
        "system/head/gpu_1_temperature_celsius": 55.0,
        "system/head/gpu_1_processes": 1.0,
    }
    assert {k: v for k, v in metrics.items() if k not in own} == {
        "system/cluster/nodes": 1.0,
        "system/cluster/gpus": 1.0,
        "system/cluster/cpu_utilization_percentage": 12.5,
        "system/cluster/system_memory_usage_megabytes": 1500.0,
        "system/cluster/object_store_usage_megabytes": 25.0,
        "system/cluster/gpu_utilization_percentage": 30.0,
        "system/cluster/gpu_memory_usage_megabytes": pytest.approx(1073.741824),
        "system/cluster/gpu_power_usage_watts": 350.0,
    }


def test_a_real_answer_gives_the_numbers_that_the_driver_told():
    follower = NodeFollower()
    reading = follower.follow(read_nodes(recorded()), 1_795_679_804.0)
    metrics = node_metrics(reading, follower.names, follower.first)
    gpus = {k: v for k, v in metrics.items() if k.startswith("system/head/gpu_")}
    assert gpus == {
        "system/head/gpu_0_utilization_percentage": 30.0,
        "system/head/gpu_0_memory_usage_megabytes": pytest.approx(10737.41824),
        "system/head/gpu_0_memory_usage_percentage": 12.5,
        "system/head/gpu_0_memory_total_megabytes": pytest.approx(85899.34592),
        "system/head/gpu_0_power_usage_watts": 350.0,
        "system/head/gpu_0_temperature_celsius": 55.0,
        "system/head/gpu_0_processes": 0.0,
        "system/head/gpu_1_memory_usage_megabytes": pytest.approx(2147.483648),
        "system/head/gpu_1_memory_usage_percentage": 2.5,
        "system/head/gpu_1_memory_total_megabytes": pytest.approx(85899.34592),
        "system/head/gpu_1_power_usage_watts": 120.0,
        "system/head/gpu_1_temperature_celsius": 40.0,
        "system/head/gpu_1_processes": 0.0,
    }
    # The mean is that of the GPU whose driver told.
    assert metrics["system/cluster/gpu_utilization_percentage"] == 30.0
    assert metrics["system/cluster/gpu_power_usage_watts"] == 470.0
    assert metrics["system/head/disk_usage_percentage"] == 46.2


def test_what_is_not_told_is_left_out():
    assert _metrics(
        node(
            cpu=None,
            mem=None,
            disk={"/": {"total": 1, "used": 0, "free": 1, "percent": 0.0}},
            network=None,
            gpus=[
                gpu(
                    utilizationGpu=-1,
                    memoryUsed=None,
                    memoryTotal=None,
                    powerMw=None,
                    temperatureC=None,
                    processesPids=None,
                )
            ],
            raylet={"nodeId": "aa", "state": "ALIVE"},
        )
    ) == {"system/cluster/nodes": 1.0, "system/cluster/gpus": 1.0}


def test_nodes_without_gpus_have_no_rows_of_gpus():
    metrics = _metrics(node("aa", head=True), node("bb"), node("cc", gpus=None))
    assert not [name for name in metrics if "gpu" in name]
    assert metrics["system/cluster/nodes"] == 3
    assert metrics["system/worker-1/cpu_utilization_percentage"] == 12.5


def test_traffic_counts_from_the_first_sample_and_a_counter_that_fell_is_a_gap():
    follower = NodeFollower()
    _follow(follower, node(head=True, network=[3_000_000, 7_000_000]))
    later = _follow(follower, node(head=True, now=1_700_000_010.0, network=[5_500_000, 1_000]))
    assert later["system/head/network_transmit_megabytes"] == 2.5
    assert "system/head/network_receive_megabytes" not in later


def test_nodes_that_come_and_go_keep_their_names():
    follower = NodeFollower()
    head = node("hh", head=True)
    _follow(follower, head, node("w0", cpu=10.0), node("w1", cpu=11.0))
    gone = _follow(follower, head, node("w1", cpu=12.0))
    assert gone["system/worker-1/cpu_utilization_percentage"] == 12.0
    assert not [name for name in gone if name.startswith("system/worker-0/")]
    back = _follow(follower, head, node("w1", cpu=13.0), node("w2", cpu=14.0))
    assert back["system/worker-1/cpu_utilization_percentage"] == 13.0
    assert back["system/worker-2/cpu_utilization_percentage"] == 14.0


def test_nodes_on_one_machine_share_its_memory():
    one = _metrics(node("aa", host="vm"), node("bb", host="vm"))
    assert one["system/cluster/system_memory_usage_megabytes"] == 1500
    two = _metrics(node("aa", host="pod-a"), node("bb", host="pod-b"))
    assert two["system/cluster/system_memory_usage_megabytes"] == 3000


def _many(n_nodes, n_gpus):
    return [
        node(
            f"{i:06x}",
            host=f"pod-{i:04}",
            gpus=[gpu(g, utilizationGpu=i % 100) for g in range(n_gpus)],
        )
        for i in range(n_nodes)
    ]


@pytest.mark.parametrize(
    ("n_nodes", "n_gpus", "n_of_workers", "n_of_gpus"),
    [
        # Series of their own: 10 of each node, 7 of each GPU.
        (8, 8, 8 * 10 + 64 * 7, 64 * 7),
        (64, 1, 64 * 10 + 64 * 7, 64 * 7),
        # Means of each node: GPUs busy, their memory, CPU and memory.
        (9, 8, 9 * 4, 0),
        (100, 8, 100 * 4, 0),
        # GPUs busy only, or CPUs where there are none.
        (150, 8, 150, 0),
        (400, 8, 400, 0),
        (400, 0, 400, 0),
        (1000, 8, 0, 0),
        (1000, 0, 0, 0),
    ],
)
def test_a_large_cluster_is_told_by_means_and_percentiles(n_nodes, n_gpus, n_of_workers, n_of_gpus):
    metrics = _metrics(*_many(n_nodes, n_gpus))
    assert len(metrics) <= (1900 if n_of_gpus else MAX_KEYS)
    of_workers = [name for name in metrics if name.startswith("system/worker-")]
    assert len(of_workers) == n_of_workers
    assert sum("/gpu_0" in name or "/gpu_1" in name for name in of_workers) <= n_of_gpus
    assert metrics["system/cluster/nodes"] == n_nodes


def test_figures_of_the_whole_cluster_are_means_and_percentiles():
    metrics = _metrics(*_many(100, 8))
    assert metrics["system/cluster/gpus"] == 800
    assert metrics["system/cluster/gpu_utilization_percentage"] == pytest.approx(49.5)
    ranks = {
        rank: metrics[f"system/cluster/gpu_utilization_percentage_{rank}"]
        for rank in ("min", "p5", "p50", "p95", "max")
    }
    assert ranks == {"min": 0, "p5": 4, "p50": 49, "p95": 94, "max": 99}
    assert metrics["system/worker-7/gpu_utilization_percentage"] == 7
    assert metrics["system/worker-7/gpu_memory_usage_percentage"] == 25
    assert metrics["system/cluster/gpu_power_usage_watts"] == 800 * 350


def test_a_percentile_is_the_nearest_rank():
    values = sorted(random.Random(1).uniform(0, 100) for _ in range(1001))
    assert percentile(values, 50) == statistics.median(values)
    assert percentile(values, 0) == values[0]
    assert percentile(values, 100) == values[-1]
    assert percentile([3.0], 95) == 3.0
    assert percentile([1.0, 2.0], 95) == 2.0
