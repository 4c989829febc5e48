"""What verbs do before services are asked, and what they tell meanwhile."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from rayspace.errors import PhaseError
from rayspace.grammar import cluster_parser, job_parser, parse, verbs_of
from rayspace.model.cluster import ClusterPhase
from rayspace.model.problem import Owner, Problem
from rayspace.model.progress import Stage, silent
from rayspace.verbs import CLUSTER_VERBS, JOB_VERBS, perform
from tests.factories import a_cluster


class Clusters:
    """A cluster that starts."""

    async def status(self, name: str | None) -> object:
        return a_cluster(phase=ClusterPhase.STARTING)


async def test_nodes_of_a_cluster_that_starts_are_not_asked_for() -> None:
    """It does not answer yet; that is no failure of Ray."""
    app = SimpleNamespace(clusters=Clusters())
    with pytest.raises(PhaseError) as caught:
        await perform(CLUSTER_VERBS, app, parse(cluster_parser(""), ["nodes"]), silent)
    assert "still starting" in caught.value.message
    assert "rayspace cluster status laptop" in caught.value.hint


class Explained:
    """A cluster of which a look at its pods tells only half."""

    def __init__(self, code: str) -> None:
        self.code = code

    def _state(self, summary: str) -> object:
        problem = Problem(self.code, summary, "Wait.", Owner.YOU)
        return a_cluster(target="prod", reason=summary, problems=(problem,))

    async def status(self, name: str | None, *, target: str | None) -> object:
        return self._state("It can't be placed yet.")

    async def why(self, name: str, *, target: str) -> object:
        assert target == "prod"
        return self._state("It can't be placed: the largest node has 4 GPUs.")


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("unschedulable_gpu", "It can't be placed: the largest node has 4 GPUs."),
        ("image_not_found", "It can't be placed yet."),
    ],
)
async def test_the_status_of_a_cluster_says_no_less_than_why(code, reason) -> None:
    """All is read where that tells more, and only there."""
    app = SimpleNamespace(clusters=Explained(code))
    state = await perform(CLUSTER_VERBS, app, parse(cluster_parser(""), ["status"]), silent)
    assert state.reason == reason


class AskedError(Exception):
    """The service was asked."""


class Jobs:
    """Raises whatever it is asked."""

    def __getattr__(self, name: str):
        raise AskedError


@pytest.mark.parametrize(
    ("uri", "text"),
    [
        ("sqlite:////project/mlflow.db", "Opening the tracking database"),
        ("https://mlflow.example.org", "Asking the tracking server"),
    ],
)
@pytest.mark.parametrize("verb", [v for v in verbs_of(job_parser("")) if v != "submit"])
async def test_a_job_verb_says_at_once_what_takes_time(verb, uri, text) -> None:
    """Before the service is asked."""
    told: list[Stage] = []
    app = SimpleNamespace(jobs=Jobs(), tracking_uri=uri)
    with pytest.raises(AskedError):
        await perform(JOB_VERBS, app, parse(job_parser(""), [verb]), told.append)
    assert told == [Stage("tracking", text, is_passing=True)]
