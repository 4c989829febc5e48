"""How IPython shows values of ours."""

from __future__ import annotations

import importlib

import pytest
from IPython.core.formatters import DisplayFormatter

from rayspace import displays
from rayspace.gateways.memory.clusters import MemoryClusterGateway, MemoryWorld
from rayspace.loop import run
from rayspace.model.check import Check
from rayspace.model.cluster import ClusterSpec
from rayspace.model.progress import silent
from rayspace.services.ending import DownResult


@pytest.fixture
def shown():
    """Format values as a shell that has loaded the extension."""
    formatter = DisplayFormatter()
    formatter.active_types = ["text/plain", "text/html"]
    displays.register(formatter)
    return lambda value: formatter.format(value)[0]


@pytest.fixture
def state():
    """Return a ready cluster."""
    return run(MemoryClusterGateway(MemoryWorld()).create(ClusterSpec("lab", "laptop"), silent))


@pytest.mark.parametrize("name", displays._HOMES)
def test_each_type_is_where_it_is_registered(name: str) -> None:
    """A type is registered by its name, which must be that of the class itself."""
    assert (
        getattr(importlib.import_module(displays._HOMES[name]), name).__module__
        == (displays._HOMES[name])
    )


@pytest.mark.parametrize("several", [list, tuple])
def test_lists_of_ours_are_tables(shown, state, several) -> None:
    """One row for each, in text and in HTML."""
    data = shown(several([state, state]))
    assert data["text/html"].count("<tr>") == 3
    head, *others = data["text/plain"].splitlines()
    assert head.split()[:3] == ["name", "target", "phase"]
    assert sum(line.startswith("lab ") for line in others) == 2


def test_one_value_is_its_facts_and_a_row_a_table(shown, state) -> None:
    """What has no facts of its own is shown as a table of one."""
    assert shown(state)["text/plain"].splitlines()[0].split() == ["cluster", "lab", "on", "local"]
    assert "the head" in shown(DownResult("lab", ("end the head",), False))["text/html"]
    assert "all is well" in shown(Check("disk", "ok", "all is well"))["text/plain"]


@pytest.mark.parametrize("value", [[], (), [1, 2], (1,), [[1]], {"a": [1]}, "text"])
def test_other_values_are_shown_as_ever(shown, value) -> None:
    """Nobody's lists change."""
    assert shown(value) == {"text/plain": repr(value)}


def test_inside_of_others_a_value_takes_a_line(shown, state) -> None:
    """Else a dictionary of clusters would fill the screen."""
    assert shown({"a": state})["text/plain"] == "{'a': <ClusterState lab>}"
    assert shown([state, 1])["text/plain"] == "[<ClusterState lab>, 1]"
