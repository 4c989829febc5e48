"""What a job made of its nodes: figures over its whole time, and what was wasted."""

from __future__ import annotations

import tracemalloc
from dataclasses import fields

import pytest

from rayspace.core.nodes.follower import NodeFollower
from rayspace.core.nodes.readings import read_nodes
from rayspace.core.nodes.usage_meter import Course, Share, UsageMeter
from rayspace.core.nodes.usage_summary import summarise, usage_metrics
from rayspace.model.measurement import GpuChoice
from rayspace.model.usage import GpuUsage
from tests.unit.core.nodes.answers import gpu, node, summary

BEGIN_S = 1_700_000_000


class Job:
    """Samples of a job each 10 s."""

    def __init__(self, interval_s: float = 10.0) -> None:
        self.follower = NodeFollower()
        self.meter = UsageMeter(interval_s)

    def sample(self, after_s, *nodes):
        at_s = BEGIN_S + after_s
        answer = summary(*({"now": at_s, **item} for item in nodes))
        for item in answer["data"]["summary"]:
            item["now"] = at_s + item.pop("ahead_s", 0)
        reading = self.follower.follow(read_nodes(answer), at_s)
        self.meter.add(reading, self.follower.names, int(at_s * 1000))

    def end(self, choice=GpuChoice.ALL, price_per_hour=None):
        return summarise(self.meter, self.follower, choice, price_per_hour)


def test_mean_p95_peak_and_hours_are_those_of_the_samples():
    job = Job()
    # 361 samples, an hour: the first GPU works at 100 % for the last 90 s, else at 20 %.
    for i in range(361):
        busy = 100 if i > 351 else 20
        gpus = [gpu(0, utilizationGpu=busy, memoryUsed=i), gpu(1, utilizationGpu=0)]
        job.sample(10 * i, node(head=True, cpu=float(i % 4), gpus=gpus))
    told = job.end()
    first, second = told.gpus
    assert (told.n_samples, told.n_missed, told.observed_s) == (361, 0, 3600.0)
    assert first.busy_mean_fraction == pytest.approx((352 * 0.2 + 9 * 1.0) / 361)
    assert (first.busy_p95_fraction, first.busy_peak_fraction) == (0.2, 1.0)
    assert first.memory_peak_bytes == 360 * 2**20
    assert first.memory_total_bytes == 4096 * 2**20
    assert (first.power_mean_w, first.temperature_peak_c) == (350, 55)
    assert (first.held_s, first.idle_s) == (3600, 0)
    assert first.used_s == pytest.approx(351 * 10 * 0.2 + 9 * 10)
    assert (second.held_s, second.idle_s, second.used_s) == (3600, 3600, 0)
    assert told.gpu_hours_held == pytest.approx(2.0)
    assert told.gpu_hours_used == pytest.approx((351 * 2 + 90) / 3600)
    assert told.gpu_idle_fraction == 0.5
    assert told.sentences == ("1 of 2 GPUs was under 5 % for 60 of 60 minutes.",)
    (head,) = told.nodes
    assert head.cpu_mean_fraction == pytest.approx((90 * 6 + 0) / 361 / 100)
    assert (head.cpu_p95_fraction, head.cpu_peak_fraction) == (0.03, 0.03)
    assert head.memory_peak_bytes == 1_500_000_000
    metrics = usage_metrics(told)
    assert metrics["usage/gpu_hours_held"] == pytest.approx(2.0)
    assert metrics["usage/gpu_idle_fraction"] == 0.5
    assert metrics["usage/head/gpu_0_busy_p95_fraction"] == 0.2
    assert metrics["usage/head/gpu_1_busy_peak_fraction"] == 0.0
    assert metrics["usage/head/memory_peak_bytes"] == 1_500_000_000


def test_a_sentence_tells_what_was_wasted():
    job = Job()
    for i in range(31 * 6 + 1):
        # Two of four work all the time, the other two for the first nine minutes.
        late = 0 if i > 9 * 6 else 90
        gpus = [gpu(k, utilizationGpu=90 if k < 2 else late) for k in range(4)]
        job.sample(10 * i, node(head=True, gpus=gpus))
    assert job.end().sentences == ("2 of 4 GPUs were under 5 % for 22 of 31 minutes.",)


def test_gpus_that_rest_for_less_than_half_their_time_are_no_waste():
    job = Job()
    for i in range(60):
        job.sample(10 * i, node(gpus=[gpu(utilizationGpu=0 if i < 25 else 50)]))
    assert job.end().sentences == ()
    short = Job()
    for i in range(6):
        short.sample(10 * i, node(gpus=[gpu(utilizationGpu=0)]))
    assert short.end().sentences == ()


def test_a_gpu_whose_driver_does_not_tell_is_held_but_neither_used_nor_idle():
    job = Job()
    for i in range(31):
        job.sample(10 * i, node(gpus=[gpu(utilizationGpu=-1)]))
    told = job.end()
    (only,) = told.gpus
    assert (only.held_s, only.known_s, only.idle_s, only.used_s) == (300, 0, 0, 0)
    assert only.busy_mean_fraction is only.busy_p95_fraction is only.busy_peak_fraction is None
    assert told.gpu_idle_fraction is None
    assert told.sentences == ("The driver told no utilisation of 1 of 1 GPU.",)
    assert "usage/gpu_idle_fraction" not in usage_metrics(told)


def test_a_gap_in_the_samples_counts_as_nothing():
    job = Job()
    for after_s in (0, 10, 20, 320, 330):
        job.sample(after_s, node(gpus=[gpu(utilizationGpu=0)]))
    for _ in range(30):
        job.meter.miss()
    told = job.end()
    assert (told.observed_s, told.gpus[0].held_s) == (30, 30)
    assert told.sentences == ("30 of 35 samples could not be taken.",)


def test_a_gpu_that_vanishes_is_told_of_and_not_held_any_more():
    job = Job()
    for i in range(13):
        gpus = [gpu(0), gpu(1)] if i < 7 else [gpu(0)]
        job.sample(10 * i, node(head=True, gpus=gpus))
    told = job.end()
    assert [(g.gpu, g.held_s, g.vanished) for g in told.gpus] == [
        ("gpu_0", 120, False),
        ("gpu_1", 60, True),
    ]
    assert told.sentences == ("Told no more while the node lived on: gpu_1 of head.",)
    assert job.end(GpuChoice.MINE).gpus[1].vanished is False


def test_a_node_that_goes_takes_its_gpus_along_and_nothing_vanishes():
    job = Job()
    for i in range(7):
        nodes = [node("hh", head=True), node("w0", gpus=[gpu()])]
        job.sample(10 * i, *nodes[: 2 if i < 4 else 1])
    told = job.end()
    assert [(g.held_s, g.vanished) for g in told.gpus] == [(30, False)]
    assert [(n.node, n.last_ms - n.first_ms) for n in told.nodes] == [
        ("head", 60_000),
        ("worker-0", 30_000),
    ]


def test_a_clock_that_is_off_and_odd_values_are_told():
    job = Job()
    for i in range(3):
        late = {**node("w0", gpus=[gpu(powerMw=10**21)]), "ahead_s": 42}
        job.sample(10 * i, node("hh", head=True), late)
    told = job.end()
    assert [n.clock_skew_s for n in told.nodes] == [0, 42]
    (odd,) = told.odd_values
    assert (odd.node, odd.field, odd.value, odd.n_times) == (
        "worker-0",
        "gpu_0.powerMw",
        "1e+21",
        3,
    )
    assert told.sentences == (
        "Clocks that differ from the head's: worker-0 (+42 s).",
        "Left out, since it can't be true: 3 values, as gpu_0.powerMw of worker-0 (1e+21).",
    )


def test_workers_cost_for_as_long_as_they_are_there():
    job = Job()
    for i in range(361):
        nodes = [node("hh", head=True), node("w0"), node("w1")]
        job.sample(10 * i, *nodes[: 3 if i <= 180 else 2])
    told = job.end(price_per_hour=4.0)
    # One for an hour, one for half of it.
    assert [n.held_s for n in told.nodes] == [3600, 3600, 1800]
    assert told.cost == pytest.approx(6.0)
    assert usage_metrics(told)["usage/cost"] == pytest.approx(6.0)
    assert job.end().cost is None
    assert "usage/cost" not in usage_metrics(job.end())


def test_a_job_without_gpus_is_summed_up_without_them():
    job = Job()
    for i in range(4):
        job.sample(10 * i, node(head=True, cpu=50.0))
    told = job.end()
    assert (told.gpus, told.gpu_hours_held, told.gpu_idle_fraction) == ((), 0, None)
    assert usage_metrics(told) == {
        "usage/samples": 4,
        "usage/samples_missed": 0,
        "usage/head/cpu_mean_fraction": 0.5,
        "usage/head/cpu_p95_fraction": 0.5,
        "usage/head/cpu_peak_fraction": 0.5,
        "usage/head/memory_peak_bytes": 1_500_000_000,
    }


def test_without_a_sample_there_is_nothing_to_tell():
    job = Job()
    job.meter.miss()
    told = job.end()
    assert (told.n_samples, told.n_missed, told.gpus, told.nodes) == (0, 1, (), ())
    assert usage_metrics(told) == {}


def test_a_course_keeps_its_shape_while_it_is_thinned_out():
    course = Course()
    for i in range(100_000):
        course.add(i * 1000, 100.0 if i >= 50_000 else 0.0)
    assert 120 <= len(course.points) <= 240
    times = [at for at, _ in course.points]
    assert times == sorted(times)
    half = [value for at, value in course.points if at < 49_000_000]
    assert set(half) == {0.0}
    assert {value for at, value in course.points if at > 51_000_000} == {100.0}
    assert sum(v for _, v in course.points) / len(course.points) == pytest.approx(50, abs=1)


def test_percentiles_of_a_share_are_to_a_whole_percent():
    share = Share()
    for i in range(1000):
        share.add(i / 10)
    assert share.percentile_fraction(95) == pytest.approx(0.95, abs=0.011)
    assert share.mean_fraction == pytest.approx(0.4995)
    assert share.peak_fraction == pytest.approx(0.999)


def test_memory_stays_as_it_is_over_a_day_of_samples():
    job = Job()
    gpus = [[gpu(k, utilizationGpu=u) for k in range(8)] for u in (10, 90)]

    def hours(first, last):
        for i in range(first * 360, last * 360):
            job.sample(10 * i, node("hh", head=True, gpus=gpus[i % 2]))

    hours(0, 2)
    tracemalloc.start()
    before, _ = tracemalloc.get_traced_memory()
    hours(2, 24)
    after, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert after - before < 200_000
    told = job.end()
    assert (told.n_samples, told.gpus[3].held_s) == (8640, 86390)
    assert told.gpus[3].busy_mean_fraction == pytest.approx(0.5)
    assert told.gpu_hours_held == pytest.approx(8 * 86390 / 3600)


def test_each_figure_of_a_gpu_is_told():
    """A figure that nobody sets would be one that nobody sees."""
    job = Job()
    for i in range(3):
        job.sample(10 * i, node(gpus=[gpu(utilizationGpu=1)]))
    (only,) = job.end().gpus
    unset = [f.name for f in fields(GpuUsage) if getattr(only, f.name) in (None, "", 0)]
    assert unset == ["is_slice", "vanished"]
