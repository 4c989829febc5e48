"""Which cluster is meant when nobody names one."""

from __future__ import annotations

from dataclasses import replace

import pytest

from rayspace.core.clusters.selection import choose, one_of
from rayspace.errors import ClusterNotFoundError, UsageError
from rayspace.gateways.memory.clusters import MemoryClusterGateway, MemoryWorld
from rayspace.model.cluster import ClusterPhase, ClusterSpec, Origin
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


def test_one_of_somebody_else_has_to_be_named_or_chosen(clusters):
    """Also where it is the only one, and where their project lies at the same path."""
    theirs = replace(clusters["a1"], origin=Origin.FOREIGN)
    assert choose([theirs, clusters["b"]], "", "/a").name == "b"
    assert choose([theirs, clusters["b"]], "a1", "/a").name == "a1"
    with pytest.raises(ClusterNotFoundError, match="of yours") as caught:
        choose([theirs], "", "/a")
    assert "a1" in caught.value.hint


def test_the_chosen_one_is_where_it_was_chosen(clusters):
    """One of the same name elsewhere is another."""
    elsewhere = replace(clusters["b"], target="team-a")
    assert choose([elsewhere, clusters["a1"]], "b", "/a").name == "a1"
    assert choose([elsewhere, clusters["a1"]], "b", "/a", "team-a") is elsewhere


def test_where_several_places_have_one_of_a_name_it_has_to_be_said(clusters):
    """Unless the chosen one is at one of them, or only one lives."""
    here, there = (replace(clusters["b"], target=target) for target in ("team-a", "team-b"))
    with pytest.raises(UsageError, match="in 2 places: team-a, team-b") as caught:
        one_of([here, there], "team-c")
    assert "--on team-a" in caught.value.hint
    assert one_of([here, there], "team-b") is there
    gone = replace(here, phase=ClusterPhase.LOST)
    assert one_of([gone, there], "") is there
    with pytest.raises(UsageError):
        one_of([gone, replace(there, phase=ClusterPhase.FAILED)], "")


def test_clusters_of_one_name_are_told_with_their_places(clusters):
    """Else there would be two of the same word to choose from."""
    every = [replace(clusters["b"], target=target) for target in ("team-a", "team-b")]
    with pytest.raises(UsageError, match="b on team-a, b on team-b") as caught:
        choose(every, "", "/elsewhere")
    assert caught.value.hint.endswith("rayspace cluster use b --on team-a")
