"""An administrator's limits are read with line and unit, and measured on what would be applied."""

from __future__ import annotations

import pytest

from rayspace.core.limits import exceeded, parse_limits
from rayspace.errors import SettingsError
from rayspace.model.limits import Limits
from tests.unit.core.test_manifest import made

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
