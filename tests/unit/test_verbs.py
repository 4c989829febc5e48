"""What verbs do before services are asked, and what they tell meanwhile."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from rayspace.errors import PhaseError
from rayspace.grammar import cluster_parser, job_parser, parse, verbs_of
from rayspace.model.cluster import ClusterPhase
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
