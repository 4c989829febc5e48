"""Which GPUs of a shared cluster are a job's own."""

from __future__ import annotations

from rayspace.core.nodes.gpu_holding import each_gpu_once, jobs_of_programs, only_held
from rayspace.core.nodes.readings import read_nodes
from tests.unit.core.nodes.answers import gpu, node, recorded, summary, worker


def _held(answer, *jobs):
    reading = only_held(read_nodes(answer), jobs)
    return [[item.key for item in one.gpus] for one in reading.nodes]


def _idle(index):
    return gpu(index, processesPids=[])


def test_a_real_answer_tells_whose_the_first_gpu_is():
    reading = read_nodes(recorded())
    assert jobs_of_programs(reading, "vm", {24481}.__contains__) == {"01000000"}
    assert jobs_of_programs(reading, "vm", {25527}.__contains__) == set()
    assert jobs_of_programs(reading, "other", {24481}.__contains__) == set()
    assert _held(recorded(), "01000000") == [["gpu_0"]]
    assert _held(recorded(), "02000000") == [[]]


def test_gpus_of_other_jobs_are_left_out_on_each_node():
    answer = summary(
        node("aa", gpus=[_idle(0), _idle(1)], workers=[worker(5, "01", 1), worker(6, "02", 0)]),
        node("bb", gpus=[_idle(0), _idle(1)], workers=[worker(5, "01", 0, 1)]),
        node("cc", workers=[worker(5, "01")]),
    )
    assert _held(answer, "01") == [["gpu_1"], ["gpu_0", "gpu_1"], []]
    assert _held(answer, "02") == [["gpu_0"], [], []]
    assert _held(answer) == [[], [], []]


def test_processes_count_where_rays_numbers_are_not_the_drivers():
    busy = gpu(2, processesPids=[{"pid": 5}])
    answer = summary(node(gpus=[_idle(0), busy], workers=[worker(5, "01", 0)]))
    assert _held(answer, "01") == [["gpu_2"]]


def test_a_slice_is_held_by_who_runs_on_it():
    slices = [
        gpu(0, uuid="MIG-a", processesPids=[{"pid": 9}]),
        gpu(1, uuid="MIG-b", processesPids=[{"pid": 5}]),
    ]
    answer = summary(node(gpus=slices, workers=[worker(5, "01", 0)]))
    assert _held(answer, "01") == [["gpu_0_mig_1"]]


def test_a_gpu_that_several_nodes_of_one_machine_see_counts_once():
    gpus = [_idle(0), _idle(1)]
    machine = summary(
        node("aa", host="vm", gpus=gpus),
        node("hh", host="vm", head=True, gpus=gpus),
        node("bb", host="vm", gpus=[*gpus, _idle(2)]),
        node("pp", host="pod", gpus=gpus),
    )
    reading = each_gpu_once(read_nodes(machine))
    told = {one.node_id: [item.key for item in one.gpus] for one in reading.nodes}
    assert told == {"aa": [], "hh": ["gpu_0", "gpu_1"], "bb": ["gpu_2"], "pp": ["gpu_0", "gpu_1"]}
    pods = read_nodes(summary(node("aa", host="a", gpus=gpus), node("bb", host="b", gpus=gpus)))
    assert each_gpu_once(pods) is pods
