"""Finding a cluster by its name, among targets of which some do not answer."""

from __future__ import annotations

import pytest

from rayspace.errors import ClusterNotFoundError, GatewayUnavailableError, UsageError
from rayspace.gateways.memory.clusters import MemoryClusterGateway, MemoryWorld
from rayspace.loop import run
from rayspace.model.cluster import ClusterSpec
from rayspace.model.progress import silent
from rayspace.services.cluster_finder import ClusterFinder


class Silent:
    """A target that does not answer."""

    async def get(self, name: str):
        raise GatewayUnavailableError(
            "team-a can't be reached.", system="Kubernetes", operation=f"read {name}", hint="Wait."
        )


class Empty:
    """A target without clusters."""

    async def get(self, name: str):
        raise ClusterNotFoundError(f"There is no cluster {name!r} here.", hint="List yours.")


class Choice:
    """What was chosen; empty for nothing."""

    def __init__(self, text: str = "") -> None:
        self.text = text

    def get(self, project: str) -> str:
        return self.text

    def set(self, project: str, name: str) -> None:
        raise NotImplementedError


def finder(there) -> ClusterFinder:
    return ClusterFinder({"local": Empty(), "team-a": there}, Choice(), "project", ["team-a"])


def test_what_a_silent_target_may_have_is_not_called_missing() -> None:
    """Who is told that there is no such cluster would make it anew."""
    with pytest.raises(GatewayUnavailableError, match="team-a"):
        run(finder(Silent()).status("one"))


def test_what_no_target_has_is_missing() -> None:
    """All have answered."""
    with pytest.raises(ClusterNotFoundError, match="one"):
        run(finder(Empty()).status("one"))


def teams(chosen: str = "", **gateways) -> ClusterFinder:
    """Two teams, of which each has a cluster cpu-small."""
    found = {"local": Empty()}
    for target in ("team-a", "team-b"):
        gateway = MemoryClusterGateway(MemoryWorld(), target)
        run(gateway.create(ClusterSpec("cpu-small", "cpu-small"), silent))
        found[target] = gateways.get(target.replace("-", "_"), gateway)
    return ClusterFinder(found, Choice(chosen), "project", ["team-a", "team-b"])


def test_a_name_of_two_places_is_not_guessed() -> None:
    """Nor is it where the chosen cluster is at a third."""
    for chosen in ("", "laptop"):
        with pytest.raises(UsageError, match="team-a, team-b") as caught:
            run(teams(chosen).status("cpu-small"))
        assert "--on team-a" in caught.value.hint
        assert caught.value.details == {"name": "cpu-small", "targets": ["team-a", "team-b"]}


@pytest.mark.parametrize("chosen", ["cpu-small@team-b", "other@team-b"])
def test_where_the_chosen_one_is_comes_first(chosen) -> None:
    """Nobody has to say again what they chose."""
    assert run(teams(chosen).status("cpu-small")).target == "team-b"
    assert run(teams(chosen).status("cpu-small", target="team-a")).target == "team-a"


def test_a_chosen_one_that_does_not_answer_is_no_other() -> None:
    """What is to end there must not end one of its name elsewhere."""
    with pytest.raises(GatewayUnavailableError):
        run(teams("cpu-small@team-b", team_b=Silent()).status("cpu-small"))
    assert run(teams("other@team-b", team_b=Silent()).status("cpu-small")).target == "team-a"
