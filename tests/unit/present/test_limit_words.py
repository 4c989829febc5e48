"""An administrator's limits in plain words, and their policy as kubectl takes it."""

from __future__ import annotations

import io
import json

import pytest
import yaml
from rich.console import Console

from rayspace.core.limits.admission_policy import admission_policy
from rayspace.core.limits.limits import parse_limits
from rayspace.errors import ObjectNotFoundError, UsageError
from rayspace.model.limits import Limits, LimitsPolicy, NamespaceLimits
from rayspace.model.wire import to_wire
from rayspace.present import html
from rayspace.present.text import show
from tests.unit.services.test_clusters import Space

TEXT = """\
max_workers: 4
max_gpus: 1
max_cpus: 4.5
max_memory: 256GiB
max_lifetime: 24h
max_idle: 90m
allowed_images: ["registry.example.org/ray/*", ":smile:/ray"]
overlay: {spec: {headGroupSpec: {serviceType: ClusterIP}}}
"""
TOLD = """\
namespace  team-a of prod
workers    at most 4 workers in all groups of one cluster together; one that grows by need counts \
with its most
GPUs       at most 1 GPU in all pods of one cluster together
CPUs       at most 4.5 CPUs in all pods of one cluster together
memory     at most 256.0 GiB of memory in all pods of one cluster together
lifetime   at most 24 h; every cluster must have a --max-lifetime
idle       at most 1 h 30 min without use; every cluster must have an --idle
images     only those like
           registry.example.org/ray/*
           :smile:/ray
added      to every cluster
           spec:
             headGroupSpec:
               serviceType: ClusterIP
from       configmap rayspace-profiles of team-a, limits.yaml
"""
PLACE = "configmap rayspace-profiles of team-a, limits.yaml"


def printed(value: object) -> str:
    file = io.StringIO()
    show(value, Console(file=file, width=60))
    return file.getvalue()


def test_every_limit_is_told_with_its_unit() -> None:
    """And what it counts, and where it is set."""
    limits = parse_limits(TEXT.replace('":smile:/ray"', '"a/ray"'), path=PLACE)
    told = printed(NamespaceLimits("prod", "team-a", limits))
    assert told == TOLD.replace(":smile:/ray", "a/ray")
    assert "at most 4.5 CPUs" in html.show(NamespaceLimits("prod", "team-a", limits))


def test_no_limits_are_told_as_such() -> None:
    """Quotas and nodes still are."""
    told = printed(NamespaceLimits("prod", "team-a", Limits()))
    assert "limits     none: a cluster may ask for whatever" in told


def test_the_policy_is_printed_as_it_is_applied() -> None:
    """Documents of YAML, none of their lines cut; in JSON the objects."""
    objects = admission_policy(parse_limits(TEXT.replace(":smile:", "a"), path=""), "team-a")
    policy = LimitsPolicy("team-a", tuple(objects))
    assert list(yaml.safe_load_all(printed(policy))) == objects
    assert json.loads(json.dumps(to_wire(policy))) == {"namespace": "team-a", "objects": objects}
    assert "ValidatingAdmissionPolicy" in html.show(policy)


async def test_a_machine_has_no_limits_and_a_namespace_without_has_no_policy(monkeypatch) -> None:
    """Both say what to do."""
    space = Space()
    with pytest.raises(UsageError, match="This machine has no limits") as caught:
        await space.service.limits()
    assert "--on TARGET" in caught.value.hint

    async def none(_self) -> NamespaceLimits:
        return NamespaceLimits("prod", "team-a", Limits())

    monkeypatch.setattr("rayspace.gateways.memory.clusters.MemoryClusterGateway.limits", none)
    with pytest.raises(ObjectNotFoundError, match="'team-a' of prod has no limits") as caught:
        await space.service.limits_policy()
    assert "profiles.yaml" in caught.value.hint
