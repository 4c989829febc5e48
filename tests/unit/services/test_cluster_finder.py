"""Finding a cluster by its name, among targets of which some do not answer."""

from __future__ import annotations

import pytest

from rayspace.errors import ClusterNotFoundError, GatewayUnavailableError
from rayspace.loop import run
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


class Nothing:
    """No choice."""

    def get(self, project: str) -> str:
        return ""

    def set(self, project: str, name: str) -> None:
        raise NotImplementedError


def finder(there) -> ClusterFinder:
    return ClusterFinder({"local": Empty(), "team-a": there}, Nothing(), "project", ["team-a"])


def test_what_a_silent_target_may_have_is_not_called_missing() -> None:
    """Who is told that there is no such cluster would make it anew."""
    with pytest.raises(GatewayUnavailableError, match="team-a"):
        run(finder(Silent()).status("one"))


def test_what_no_target_has_is_missing() -> None:
    """All have answered."""
    with pytest.raises(ClusterNotFoundError, match="one"):
        run(finder(Empty()).status("one"))
