"""Which cluster is meant when nobody names one."""

from __future__ import annotations

import pytest

from rayspace.core.selection import choose
from rayspace.errors import ClusterNotFoundError, UsageError
from rayspace.gateways.memory import MemoryClusterGateway, MemoryWorld
from rayspace.model.cluster import ClusterSpec
from rayspace.model.progress import silent


@pytest.fixture
async def clusters():
    """Make two clusters of project /a, one of /b, and a lost one of /a."""
    world = MemoryWorld()
    gateway = MemoryClusterGateway(world)
    for name, project in (("a1", "/a"), ("a2", "/a"), ("b", "/b"), ("gone", "/a")):
        await gateway.create(ClusterSpec(name, "laptop", project=project), silent)
    world.lose("gone")
    return {state.name: state for state in await gateway.list()}


def test_the_chosen_one_counts_while_it_lives(clusters):
    every = list(clusters.values())
    assert choose(every, "b", "/a").name == "b"
    with pytest.raises(UsageError, match="a1, a2"):
        choose(every, "gone", "/a")


def test_the_only_one_of_the_project_comes_before_others(clusters):
    assert choose([clusters["a1"], clusters["b"], clusters["gone"]], "", "/a").name == "a1"


def test_the_only_one_there_is_will_do(clusters):
    assert choose([clusters["b"], clusters["gone"]], "", "/a").name == "b"
    assert choose([clusters["gone"]], "", "/elsewhere").name == "gone"


def test_none_says_how_to_start_one():
    with pytest.raises(ClusterNotFoundError) as caught:
        choose([], "", "/a")
    assert "rayspace cluster up" in caught.value.hint
