"""An administrator's limits are read with line and unit, and measured on what would be applied."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from rayspace.core.clusters.activity import Annotation
from rayspace.core.limits.demand import NEVER_S, demand_of
from rayspace.core.limits.limits import exceeded, parse_limits
from rayspace.core.limits.rules import image_pattern
from rayspace.core.manifests.ray_cluster import IDLE_S, MAX_LIFETIME_S
from rayspace.errors import SettingsError, SpecError
from rayspace.model.limits import LIMITS_CONFIG_MAP, LIMITS_KEY, Excess, Limits
from tests.unit.core.manifests.test_ray_cluster import made

EXAMPLE = Path(__file__).parents[4] / "templates" / "kubernetes" / "profiles.yaml"

FULL = """\
max_workers: 4
max_gpus: 8
max_cpus: 64
max_memory: 256GiB
max_lifetime: 24h
max_idle: 2h
allowed_images: ["rayproject/ray:2.60.0-*"]
overlay: {spec: {headGroupSpec: {serviceType: ClusterIP}}}
"""


def test_every_key_is_read() -> None:
    """With its unit."""
    limits = parse_limits(FULL, path="configmap")
    assert limits == Limits(
        max_workers=4,
        max_gpus=8,
        max_cpus=64,
        max_memory_bytes=256 * 2**30,
        max_lifetime_s=86_400,
        max_idle_s=7_200,
        allowed_images=("rayproject/ray:2.60.0-*",),
        overlay={"spec": {"headGroupSpec": {"serviceType": "ClusterIP"}}},
        path="configmap",
    )
    assert parse_limits("", path="x").max_workers is None


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("max_worker: 1", "max_workers"),
        ("max_memory: 8", "max_memory"),
        ("max_workers: -1", "max_workers"),
        ("max_idle: 30", "max_idle"),
        ("allowed_images: x", "allowed_images"),
        ("overlay: 1", "overlay"),
        ("zzz: 1", "Known keys: max_workers, "),
        ("max_workers:", "'max_workers' is None"),
        ("max_workers: 1.5", "a whole number"),
        ("max_workers: yes", "'max_workers' is yes"),
        ("max_gpus: .nan", "max_gpus"),
        ("max_cpus: 0", "a number from 0.001"),
        ("max_memory: 8", "Write 8GB or 8GiB."),
        ("max_memory: 0GiB", "a size above zero"),
        ("max_memory: 9000TiB", "below 1024TiB"),
        ("max_memory: lots", "a size with a unit"),
        ("max_idle: 30", "Write 30m or 30h."),
        ("max_lifetime: 10ms", "at least 1s"),
        ("max_lifetime: long", "a duration with a unit"),
        ("allowed_images: []", "Leave the key out"),
        ('allowed_images: ["ray:[0-9]"]', "no other patterns"),
        ("allowed_images: [1]", "holds 1"),
    ],
)
def test_a_wrong_file_is_refused_with_its_line(text: str, told: str) -> None:
    """As profiles are."""
    with pytest.raises(SettingsError) as caught:
        parse_limits(text, path="/p")
    assert "line 1" in caught.value.message
    assert told in f"{caught.value.message} {caught.value.hint}"


@pytest.mark.parametrize(
    ("limits", "profile", "keys"),
    [
        ("max_workers: 4", "workers: 4", []),
        ("max_workers: 4", "workers: 5", ["max_workers"]),
        ("max_workers: 4", "workers: 0:8", ["max_workers"]),
        ("max_workers: 4", "workers: 3\ngroups: {more: {workers: 2}}", ["max_workers"]),
        ("max_gpus: 2", "workers: 2\ngpus: 1", []),
        ("max_gpus: 2", "workers: 3\ngpus: 1", ["max_gpus"]),
        ("max_cpus: 4", "head: {cpus: 2}\nworkers: 2\ncpus: 2", ["max_cpus"]),
        ("max_memory: 8GiB", "head: {memory: 8.5GiB}", ["max_memory"]),
        ("max_lifetime: 8h", "max_lifetime: 8h", []),
        ("max_lifetime: 8h", "max_lifetime: 9h", ["max_lifetime"]),
        ("max_lifetime: 8h", "idle: 1h", ["max_lifetime"]),
        ("max_idle: 1h", "max_lifetime: 1h", ["max_idle"]),
        ('allowed_images: ["rayproject/ray:2.60.0-*"]', "", []),
        ('allowed_images: ["r.example/*"]', "", ["allowed_images"]),
    ],
)
def test_what_goes_beyond_is_named(limits: str, profile: str, keys: list[str]) -> None:
    """By the key of the limit, and with asked and allowed in one sentence."""
    found = exceeded(parse_limits(limits, path="/p"), made(profile))
    assert [excess.key for excess in found] == keys
    for excess in found:
        assert excess.asked in excess.summary
        assert excess.allowed in excess.summary


def test_all_mistakes_are_told_at_once() -> None:
    """In the order of their lines, with each hint once."""
    with pytest.raises(SettingsError) as caught:
        parse_limits("max_idle: 30\nmax_worker: 1\n\nmax_lifetime: 30\n", path="limits.yaml")
    assert caught.value.message == (
        "limits.yaml, line 1: 'max_idle' is 30, expected a duration with a unit; line 2: the key"
        " 'max_worker' is unknown (did you mean 'max_workers'?); line 4: 'max_lifetime' is 30,"
        " expected a duration with a unit."
    )
    assert caught.value.hint == "Write 30m or 30h."
    assert [item["line"] for item in caught.value.details["problems"]] == [1, 2, 4]


@pytest.mark.parametrize("is_all", [False, True], ids=["as it is", "with all its keys"])
def test_the_example_is_read(is_all) -> None:
    """An administrator begins from it; what stands there as a comment can be taken as well."""
    document = yaml.safe_load(EXAMPLE.read_text("utf-8"))
    assert document["metadata"]["name"] == LIMITS_CONFIG_MAP
    text = document["data"][LIMITS_KEY]
    if is_all:
        text = re.sub(r"^# (?=allowed_images|overlay|  )", "", text, flags=re.MULTILINE)
    limits = parse_limits(text, path=LIMITS_KEY)
    assert (limits.max_workers, limits.max_gpus, limits.max_cpus) == (8, 8, 64)
    assert limits.max_memory_bytes == 256 * 2**30
    assert (limits.max_lifetime_s, limits.max_idle_s) == (86_400, 7_200)
    images = ("registry.example.org/ray/*", "rayproject/ray:2.60.0-*")
    assert limits.allowed_images == (images if is_all else ())
    assert list(limits.overlay) == (["spec"] if is_all else [])


@pytest.mark.parametrize(
    ("pattern", "image", "fits"),
    [
        ("r.example/ray/*", "r.example/ray/gpu:1", True),
        ("r.example/ray/*", "r.example/ray/gpu@sha256:0", True),
        ("r.example/ray/*", "r.example/ray/old/gpu:1", False),
        ("r.example/ray/**", "r.example/ray/old/gpu:1", True),
        ("r.example/ray/*", "r.example/rays/gpu:1", False),
        ("r.example/ray/*", "rXexample/ray/gpu:1", False),
        ("r.example/ray/*", "evil.example/r.example/ray/gpu:1", False),
        ("r.example:5000/ray", "r.example:5000/ray", True),
        ("r.example:5000/*", "r.example:5000/ray@sha256:0", True),
        ("ray:2.60.0-*", "ray:2.60.0-gpu", True),
        ("ray:2.60.0-*", "ray:2.60.0-gpu@sha256:0", False),
        ("ray:2.60.0-*", "ray:2.60.0-gpu/evil", False),
        ("**:2.60.0", "any/where:2.60.0", True),
        ("**:2*", "any/where:2@sha256:0", False),
        ("ray:*@sha256:*", "ray:2@sha256:0", True),
        ("ray:*", "ray", False),
        ("ray", "ray:1", False),
    ],
)
def test_a_pattern_opens_what_it_names(pattern: str, image: str, fits: bool) -> None:
    """And neither folders below nor a digest behind a tag."""
    assert bool(re.fullmatch(image_pattern([pattern, "other"]), image)) is fits


def test_what_goes_beyond_is_said_in_one_sentence() -> None:
    """What was asked, what is allowed, and what to do."""
    limits = Limits(max_workers=1, max_lifetime_s=3600)
    workers, lifetime = exceeded(limits, made("workers: 3\nmax_lifetime: 3601s"))
    assert workers == Excess(
        "max_workers",
        "3 workers",
        "1 worker",
        "The cluster asks for 3 workers; the limit is 1 worker.",
        "Ask for fewer workers: an autoscaled group counts with its maxReplicas.",
    )
    assert (
        lifetime.summary
        == "The cluster's max_lifetime is a little more than 1 h; the limit is 1 h."
    )
    assert lifetime.hint == (
        "Use --max-lifetime 1h, or the annotation rayspace.dev/max-lifetime-s: '3600'."
    )


def a_cluster(resources: dict, groups: tuple[dict, ...] = (), **spec) -> dict:
    """Return the least manifest that is measured."""
    return {
        "kind": "RayCluster",
        "spec": {"headGroupSpec": a_group(resources), "workerGroupSpecs": list(groups), **spec},
    }


def a_group(resources: dict, **fields) -> dict:
    """Return a group of pods."""
    container = {"name": "ray", "image": "ray", "resources": {"limits": resources}}
    return {"template": {"spec": {"containers": [container]}}, **fields}


@pytest.mark.parametrize(
    ("quantity", "cpus_milli"),
    [
        ("1", 1000),
        (2, 2000),
        (0.5, 500),
        ("100m", 100),
        ("1500.5m", 1501),
        ("+.5", 500),
        ("1e3", 1_000_000),
        ("1E-3", 1),
        ("2k", 2_000_000),
        ("1Ki", 1_024_000),
        ("-4", 0),
        ("1e99999999999", 9 * 10**15),
        ("1e-99999999999", 0),
        ("many", 9 * 10**15),
    ],
)
def test_quantities_are_read_as_kubernetes_does(quantity: object, cpus_milli: int) -> None:
    """Rounded up; what is no quantity is never taken for nothing."""
    demand = demand_of(a_cluster({"cpu": quantity}))
    assert demand is not None
    assert demand.cpus_milli == cpus_milli


@pytest.mark.parametrize("quantity", ["0", "-1", None])
def test_a_container_must_say_what_it_takes(quantity: str | None) -> None:
    """Where that is limited: one that says nothing may take any amount."""
    manifest = a_cluster({"cpu": quantity} if quantity else {})
    (excess,) = exceeded(Limits(max_cpus=4), manifest)
    assert excess.summary == (
        "The cluster asks for any amount of cpu, as its container 'ray' says none; the limit is"
        " 4 CPUs."
    )
    assert exceeded(Limits(max_gpus=0), manifest) == ()


def test_fields_that_are_null_are_absent() -> None:
    """As Kubernetes takes them."""
    manifest = {
        "kind": "RayCluster",
        "metadata": {"annotations": None, "creationTimestamp": None},
        "spec": {
            "headGroupSpec": {"template": {"spec": {"containers": None}}},
            "workerGroupSpecs": [{"replicas": None, "maxReplicas": None, "template": None}],
            "autoscalerOptions": None,
            "enableInTreeAutoscaling": None,
        },
    }
    demand = demand_of(manifest)
    assert demand is not None
    assert (demand.n_workers, demand.lifetime_s, demand.idle_s) == (0, NEVER_S, NEVER_S)
    assert demand.images == ()


def test_an_extension_is_a_longer_life() -> None:
    """From where its life began, or began anew."""
    manifest = a_cluster({"cpu": "1"})
    notes = {MAX_LIFETIME_S: "3600", IDLE_S: "60", Annotation.EXTENDED_UNTIL: "1764086400000"}
    manifest["metadata"] = {"annotations": notes}
    limits = Limits(max_lifetime_s=3600)
    assert exceeded(limits, manifest) == ()
    manifest["metadata"]["creationTimestamp"] = "2025-11-25T12:00:00Z"
    (excess,) = exceeded(limits, manifest)
    assert excess.asked == "4 h"
    notes[Annotation.LIFETIME_FROM] = "1764082800000"
    assert exceeded(limits, manifest) == ()
    notes[Annotation.EXTENDED_UNTIL] = "soon"
    assert exceeded(limits, manifest) == ()


def test_only_what_has_a_cluster_is_measured() -> None:
    """A job on a running cluster brings none; another kind is a mistake."""
    limits = Limits(max_workers=0, max_lifetime_s=1)
    selector = {"clusterSelector": {"ray.io/cluster": "c"}}
    assert exceeded(limits, {"kind": "RayJob", "spec": selector}) == ()
    with pytest.raises(SpecError, match="'Pod' is no kind"):
        exceeded(limits, {"kind": "Pod"})


PODS = st.tuples(st.integers(1, 9_000), st.integers(1, 40_000), st.integers(0, 9))
GROUPS = st.tuples(st.integers(0, 9), st.integers(0, 9), st.integers(1, 2), PODS)


@given(st.booleans(), PODS, st.lists(GROUPS, max_size=3), st.integers(0, 20), PODS)
def test_what_is_within_the_limits_is_within_each_figure(
    is_autoscaled: bool, head: tuple, groups: list[tuple], max_workers: int, most: tuple
) -> None:
    """Counted by hand, head and workers together; and what is not is named."""

    def asked(pod: tuple) -> dict:
        cpus_milli, memory_mib, n_gpus = pod
        return {"cpu": f"{cpus_milli}m", "memory": f"{memory_mib}Mi", "nvidia.com/gpu": n_gpus}

    manifest = a_cluster(
        asked(head),
        tuple(
            a_group(asked(pod), replicas=replicas, maxReplicas=largest, numOfHosts=n_hosts)
            for replicas, largest, n_hosts, pod in groups
        ),
        enableInTreeAutoscaling=is_autoscaled,
    )
    counts = [
        (largest if is_autoscaled else min(replicas, largest)) * n_hosts
        for replicas, largest, n_hosts, _ in groups
    ]
    pods = [(1, head), *zip(counts, (pod for *_, pod in groups), strict=True)]
    if is_autoscaled:
        pods.append((1, (500, 512, 0)))
    total = [sum(n_pods * pod[place] for n_pods, pod in pods) for place in range(3)]
    most_of = [most[0] * 4, most[1] * 4, most[2] * 4]
    limits = Limits(
        max_workers=max_workers,
        max_cpus=most_of[0] / 1000,
        max_memory_bytes=most_of[1] * 2**20,
        max_gpus=most_of[2],
    )
    over = {"max_workers"} if sum(counts) > max_workers else set()
    keys = ("max_cpus", "max_memory", "max_gpus")
    over |= {key for key, is_, may in zip(keys, total, most_of, strict=True) if is_ > may}
    assert {excess.key for excess in exceeded(limits, manifest)} == over
