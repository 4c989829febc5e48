"""What a head tells, as readings: gaps are gaps, and nonsense is no fact."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rayspace.core.nodes.follower import SILENT_AFTER_S, NodeFollower
from rayspace.core.nodes.metrics import MAX_KEYS, node_metrics
from rayspace.core.nodes.readings import read_nodes
from rayspace.model.measurement import ClusterReading, WorkerReading
from tests.unit.core.nodes.answers import gpu, node, recorded, summary, worker


def _gpu_of(**changes):
    reading = read_nodes(summary(node(gpus=[gpu(**changes)])))
    return reading.nodes[0].gpus[0], [(odd.field, odd.value) for odd in reading.oddities]


def test_a_real_answer_is_read_to_the_last_number():
    reading = read_nodes(recorded())
    assert reading.oddities == ()
    (head,) = reading.nodes
    assert (head.is_head, head.hostname, head.ip) == (True, "vm", "192.0.2.2")
    assert head.told_s == pytest.approx(1795679804.506453)
    assert (head.cpu_percent, head.n_cpus) == (36.3, 2)
    assert (head.memory_used_bytes, head.memory_total_bytes) == (3465924608, 25276063744)
    assert (head.disk_used_bytes, head.disk_free_bytes) == (45166374912, 52626919424)
    # Of what users may use: 45.2 of 45.2 + 52.6 GB, not of the 270.6 GB of the whole disk.
    assert head.disk_percent == 46.2
    assert (head.sent_bytes, head.received_bytes) == (16099380, 6850058202)
    assert (head.object_store_used_bytes, head.object_store_total_bytes) == (0, 100_000_000)
    first, second = head.gpus
    assert (first.key, first.name, first.is_slice) == ("gpu_0", "FAKE H200", False)
    assert (first.busy_percent, first.power_w, first.temperature_c) == (30, 350, 55)
    assert first.memory_used_bytes == 10240 * 2**20
    assert first.memory_total_bytes == 81920 * 2**20
    assert (first.pids, second.key, second.busy_percent) == ((), "gpu_1", None)
    actor, idle, program = head.workers
    assert actor == WorkerReading(25527, "01000000", is_driver=False, gpu_slots=(0,))
    assert (idle.gpu_slots, idle.is_driver) == ((), False)
    assert program == WorkerReading(24481, "01000000", is_driver=True)


@pytest.mark.parametrize("missing", [None, -1])
def test_a_utilisation_that_is_refused_is_a_gap_and_nothing_odd(missing):
    reading, odd = _gpu_of(utilizationGpu=missing)
    assert reading.busy_percent is None
    assert odd == []


def test_zero_is_zero():
    reading, odd = _gpu_of(utilizationGpu=0, memoryUsed=0, powerMw=0, temperatureC=0)
    assert (reading.busy_percent, reading.memory_used_bytes) == (0, 0)
    assert (reading.power_w, reading.temperature_c) == (0, 0)
    assert odd == []


@pytest.mark.parametrize(
    ("field", "value", "shown"),
    [
        ("utilizationGpu", 101, "101"),
        ("utilizationGpu", -2, "-2"),
        ("utilizationGpu", True, "True"),
        ("utilizationGpu", "30", "30"),
        ("powerMw", 10**21, "1e+21"),
        pytest.param("powerMw", 10**5000, "inf", id="an endless integer"),
        ("powerMw", -5, "-5"),
        ("powerMw", float("nan"), "nan"),
        ("temperatureC", 400, "400"),
        ("temperatureC", [], "list"),
        ("memoryUsed", -1, "-1"),
        ("memoryTotal", float("inf"), "inf"),
        # In MiB: more bytes than there can be.
        ("memoryTotal", 2**50, str(2**50)),
    ],
)
def test_what_can_not_be_true_is_marked_and_left_out(field, value, shown):
    reading, odd = _gpu_of(**{field: value})
    known = {
        "utilizationGpu": reading.busy_percent,
        "powerMw": reading.power_w,
        "temperatureC": reading.temperature_c,
        "memoryUsed": reading.memory_used_bytes,
        "memoryTotal": reading.memory_total_bytes,
    }
    assert known.pop(field) is None
    assert odd == [(f"gpu_0.{field}", shown)]
    assert None not in known.values()


def test_more_memory_than_there_is_is_no_fact():
    reading, odd = _gpu_of(memoryUsed=5000)
    assert reading.memory_used_bytes is None
    assert reading.memory_total_bytes == 4096 * 2**20
    assert odd == [("gpu_0.memoryUsed", "5000 of 4096")]
    reading = read_nodes(summary(node(mem=[1000, 0, 0.0, 2000])))
    assert reading.nodes[0].memory_used_bytes is None
    assert [odd.field for odd in reading.oddities] == ["mem.used"]


def test_slices_are_named_after_their_gpu_even_those_of_the_first():
    gpus = [
        gpu(0, name="NVIDIA H200 MIG 1g.18gb", uuid="MIG-a", powerMw=None, utilizationGpu=-1),
        gpu(1, name="NVIDIA H200 MIG 1g.18gb", uuid="MIG-b", powerMw=None, utilizationGpu=-1),
        gpu(3001, name="MIG", uuid="MIG-GPU-3-1", powerMw=None, utilizationGpu=-1),
        gpu(2),
    ]
    (reading,) = read_nodes(summary(node(gpus=gpus))).nodes
    told = [(item.key, item.gpu_index, item.is_slice) for item in reading.gpus]
    assert told == [
        ("gpu_0_mig_0", 0, True),
        ("gpu_0_mig_1", 0, True),
        ("gpu_3_mig_1", 3, True),
        ("gpu_2", 2, False),
    ]


def test_a_gpu_of_amd_has_no_temperature():
    reading, odd = _gpu_of(name="AMD Instinct MI300X", uuid=123456, temperatureC=None)
    assert (reading.name, reading.uuid, reading.temperature_c) == ("AMD Instinct MI300X", "", None)
    assert (reading.busy_percent, reading.power_w) == (30, 350)
    assert odd == []


def test_a_gpu_without_an_index_or_with_that_of_another_is_marked():
    answer = summary(node(gpus=[gpu(None), gpu(-1), gpu(1), gpu(1, utilizationGpu=99), "gpu"]))
    reading = read_nodes(answer)
    assert [(item.key, item.busy_percent) for item in reading.nodes[0].gpus] == [("gpu_1", 30)]
    assert [odd.value for odd in reading.oddities] == ["NoneType", "-1", "1 twice"]


def test_processes_are_those_that_the_driver_tells():
    assert _gpu_of(processesPids=None)[0].pids is None
    assert _gpu_of(processesPids=[])[0].pids == ()
    assert _gpu_of(processesPids=[{"pid": 9}, {"pid": 7}, 9])[0].pids == (7, 9)
    assert _gpu_of(processesPids={"7": {"pid": 7}})[0].pids == (7,)


def test_nodes_that_are_dead_unnamed_or_twice_are_left_out():
    reading = read_nodes(
        summary(node("aa"), node("aa"), node("bb", state="DEAD"), node(""), node("cc", raylet=None))
    )
    assert [item.node_id for item in reading.nodes] == ["aa"]


def test_slots_of_placement_groups_count_as_gpus():
    process = worker(5, "02000000")
    process["usedResources"] = {
        "GPU_group_1_abc": {"resourceSlots": [{"slot": "3", "allocation": 0.5}]},
        "GPU_group_abc": {"resourceSlots": [{"allocation": 0.5}, {"slot": "x"}]},
        "CPU": {"resourceSlots": [{"slot": "7", "allocation": 1.0}]},
    }
    (reading,) = read_nodes(summary(node(workers=[process]))).nodes
    assert reading.workers[0].gpu_slots == (0, 3)


def test_a_node_whose_agent_is_dead_is_told_no_more():
    follower = NodeFollower()
    answer = summary(node("aa", head=True, gpus=[gpu()]), node("bb", gpus=[gpu()]))

    def told(at_s, **now):
        for item in answer["data"]["summary"]:
            item["now"] = now.get(item["raylet"]["nodeId"], item["now"])
        return follower.follow(read_nodes(answer), at_s)

    begin_s = 1_700_000_000.0
    told(begin_s, aa=begin_s, bb=begin_s)
    still = told(begin_s + SILENT_AFTER_S, aa=begin_s + 30)
    assert [len(item.gpus) for item in still.nodes] == [1, 1]
    silent = told(begin_s + 40, aa=begin_s + 40)
    assert [(item.cpu_percent, len(item.gpus)) for item in silent.nodes] == [(12.5, 1), (None, 0)]
    assert follower.n_silent == {"bb": 1}
    metrics = node_metrics(silent, follower.names, follower.first)
    assert not any(name.startswith("system/worker-0/") for name in metrics)
    again = told(begin_s + 50, aa=begin_s + 50, bb=begin_s + 50)
    assert [len(item.gpus) for item in again.nodes] == [1, 1]


def test_the_skew_of_a_clock_is_that_of_the_freshest_figures():
    follower = NodeFollower()
    for head_s, told_s in ((100.0, 214.0), (110.0, 229.5), (120.0, 237.0)):
        answer = summary(node("aa", now=1_700_000_000.0 + told_s))
        follower.follow(read_nodes(answer), 1_700_000_000.0 + head_s)
    assert follower.skews_s == {"aa": pytest.approx(119.5)}


_LEAF = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
_JSON = st.recursive(
    _LEAF,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=12,
)


@given(answer=_JSON)
def test_any_document_gives_a_reading(answer):
    assert isinstance(read_nodes(answer), ClusterReading)


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_any_value_at_any_place_of_a_real_answer_gives_metrics(data):
    """Numbers that come out are finite and within what can be true."""
    answer = recorded()
    at = answer
    for _ in range(data.draw(st.integers(1, 7))):
        keys = sorted(at) if isinstance(at, dict) else range(len(at))
        key = data.draw(st.sampled_from(list(keys)))
        if not isinstance(at[key], (dict, list)) or not at[key] or data.draw(st.booleans()):
            at[key] = data.draw(_JSON)
            break
        at = at[key]
    follower = NodeFollower()
    reading = follower.follow(read_nodes(answer), 1_795_679_804.0)
    metrics = node_metrics(reading, follower.names, follower.first)
    assert len(metrics) <= MAX_KEYS
    for name, value in metrics.items():
        assert isinstance(value, float), name
        assert 0 <= value < 1e13 or "temperature" in name, name
        if name.endswith("percentage"):
            assert value <= 100, name
    json.dumps(metrics, allow_nan=False)
